"""What a delivery reports about earlier ones, in any version of the broker."""

from typing import Any

import pytest

from services.runtime.broker.dead_letters import own_headers
from services.runtime.broker.deliveries import earlier_deliveries
from services.runtime.broker.messages import Delivery


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        (None, 0),
        ({}, 0),
        ({"x-delivery-count": 3}, 3),
        ({"x-acquired-count": 6}, 6),  # RabbitMQ 4.3, after six consumers that took too long
        ({"x-delivery-count": 2, "x-acquired-count": 6}, 6),
        ({"x-delivery-count": "odd"}, 0),
    ],
)
def test_every_earlier_delivery_counts_however_it_ended(
    headers: dict[str, Any] | None, count: int
) -> None:
    assert earlier_deliveries(headers) == count


def test_a_requeued_message_starts_a_new_count() -> None:
    headers = {"x-delivery-count": 2, "x-acquired-count": 6, "x-own": 1}
    delivery = Delivery(b"", "", "", redelivered=True, routing_key="", exchange="", headers=headers)
    assert own_headers(delivery) == {"x-own": 1}
