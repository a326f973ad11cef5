"""Payloads are small and the same at each attempt; pauses grow to about three days in total."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from schemas.case_events import decode_case_event
from schemas.changes import Titled
from schemas.stored.webhooks import Webhook
from services.casework.publisher import event_message
from services.desk.webhooks.payload import MAX_ATTEMPTS, new_delivery, pause_after, payload, wants
from tests.unit.casework.builders import NOW, case, change

EVENT = decode_case_event(event_message(change(case(), Titled(was="a", to="secret title"))).body)


def webhook(**fields: object) -> Webhook:
    plain = {"id": "wh_1", "url": "https://hooks.example.com/", "secret": "whsec_AAAA"}
    plain |= {"owner": "anna@office.example", "owner_kind": "person"}
    return Webhook(**{**plain, "created_at": NOW, "updated_at": NOW, **fields})  # type: ignore[arg-type] # a test's own values


def test_a_payload_says_which_case_changed_and_nothing_of_it() -> None:
    delivery = new_delivery(webhook(), EVENT, datetime(2027, 1, 1, tzinfo=UTC))
    assert json.loads(payload(delivery)) == {
        "type": "mailcase.case.titled.v1",
        "timestamp": "2026-11-29T09:00:00Z",
        "data": {"case": 235, "revision": 2, "process": "invoices"},
    }
    assert delivery.id == "wh_1.235.2"
    assert payload(new_delivery(webhook(), EVENT, NOW)) == payload(delivery)


@pytest.mark.parametrize(
    ("events", "processes", "wanted"),
    [
        ([], [], True),
        (["titled"], ["invoices"], True),
        (["opened"], [], False),
        ([], ["help"], False),
        (["opened", "titled"], ["help", "invoices"], True),
    ],
)
def test_a_webhook_gets_the_events_that_it_subscribes_to(
    events: list[str], processes: list[str], *, wanted: bool
) -> None:
    assert wants(webhook(events=events, processes=processes), EVENT) is wanted


def test_pauses_grow_and_end_after_about_three_days() -> None:
    pauses = [pause_after(tries) for tries in range(1, MAX_ATTEMPTS)]
    known = [pause for pause in pauses if pause is not None]
    assert len(known) == MAX_ATTEMPTS - 1
    assert known == sorted(known)
    assert known[0] < timedelta(seconds=6)
    assert timedelta(days=3) < sum(known, timedelta()) < timedelta(days=3.5)
    assert pause_after(MAX_ATTEMPTS) is None


def test_a_receiver_may_ask_for_a_longer_pause_of_up_to_a_day() -> None:
    assert pause_after(1, 600) == timedelta(seconds=600)
    assert pause_after(1, 10**9) == timedelta(days=1)
    assert pause_after(MAX_ATTEMPTS, 600) is None
