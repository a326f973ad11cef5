"""Events that are too old are indexed without letting requests pass."""

import time
from collections.abc import Sequence
from typing import Any, cast

import pytest

from schemas.changes import Change, Titled
from services.casework.publisher import event_message
from services.desk.event_consumer import MAX_AGE_S, EventConsumer
from services.desk.search.selection import Selection
from services.runtime.broker.messages import Delivery
from tests.unit.casework.builders import ANNA, NOW


class NoWebhooks:
    async def active(self) -> Sequence[Any]:
        return []


class RecordingIndex:
    def __init__(self) -> None:
        self.updates: list[tuple[Selection, bool]] = []

    async def update(self, selection: Selection, *, is_late: bool) -> None:
        self.updates.append((selection, is_late))


def delivered(number: int, published_at_s: float | None) -> Delivery:
    what = Titled(was="Before", to="After")
    change = Change(
        id=f"{number}.2",
        case=number,
        revision=2,
        at=NOW,
        actor=ANNA,
        process="invoices",
        what=what,
    )
    message = event_message(change)
    return Delivery(
        body=message.body,
        message_id=change.id,
        tag=message.tag,
        redelivered=False,
        routing_key=message.routing_key,
        exchange=message.exchange,
        headers={},
        published_at_s=published_at_s,
    )


@pytest.mark.parametrize(
    ("ages", "is_late"),
    [([0.0, 1.0], False), ([None], False), ([0.0, MAX_AGE_S + 60], True)],
)
async def test_a_batch_with_an_old_event_is_late(ages: list[float | None], is_late: bool) -> None:
    index = RecordingIndex()
    consumer = EventConsumer(
        cast("Any", index), cast("Any", NoWebhooks()), cast("Any", None), lambda: None
    )
    now_s = time.time()
    await consumer.handle(
        [
            delivered(number, None if age is None else now_s - age)
            for number, age in enumerate(ages, 1)
        ]
    )
    assert index.updates == [(Selection(own=set(range(1, len(ages) + 1))), is_late)]
