"""Streams get what their reader may see, once per case, and must fetch again after
falling behind.
"""

import json
from typing import Any

import pytest

from schemas.case_events import CaseEvent, decode_case_event
from schemas.changes import StageMoved, Titled
from services.casework.publisher import event_message
from services.desk.live import hub as hub_module
from services.desk.live.hub import REFETCH, LiveHub, TooManyStreamsError
from tests.unit.casework.builders import case, change


def titled(number: int, revision: int = 2, process: str = "invoices") -> CaseEvent:
    what = Titled(was="a", to="a confidential title")
    subject = case(number, revision=revision - 1, process=process)
    return decode_case_event(event_message(change(subject, what, process=process)).body)


def moved_to_help(number: int) -> CaseEvent:
    what = StageMoved(
        from_stage="registration", to_stage="new", from_process="invoices", to_process="help"
    )
    return decode_case_event(event_message(change(case(number), what, process="help")).body)


def datas(frames: bytes) -> list[dict[str, Any]]:
    lines = [line for line in frames.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_only_streams_whose_reader_may_see_the_process_get_an_event() -> None:
    hub = LiveHub()
    invoices, other = hub.join("anna", {"invoices", "help"}), hub.join("hans", {"help"})
    hub.publish(titled(235))
    assert datas(invoices.take()) == [
        {"case": 235, "revision": 2, "process": "invoices", "what": "titled"}
    ]
    assert other.take() == b""


def test_an_event_says_nothing_of_the_case() -> None:
    hub = LiveHub()
    stream = hub.join("anna", {"invoices"})
    hub.publish(titled(235))
    assert b"confidential" not in stream.take()


def test_those_who_lose_sight_of_a_case_learn_that_it_changed_and_not_where_it_is() -> None:
    hub = LiveHub()
    before, after = hub.join("rita", {"invoices"}), hub.join("hans", {"help"})
    neither = hub.join("eve", {"other"})
    hub.publish(moved_to_help(235))
    assert [data["process"] for data in datas(before.take())] == ["invoices"]
    assert [data["process"] for data in datas(after.take())] == ["help"]
    assert neither.take() == b""


def test_of_several_events_of_a_case_the_latest_is_sent() -> None:
    hub = LiveHub()
    stream = hub.join("anna", {"invoices"})
    for revision in (2, 3, 4):
        hub.publish(titled(235, revision))
    hub.publish(titled(236))
    assert [(data["case"], data["revision"]) for data in datas(stream.take())] == [
        (235, 4),
        (236, 2),
    ]
    assert stream.take() == b""


def test_a_stream_that_lags_too_far_is_asked_to_fetch_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "MAX_WAITING", 3)
    hub = LiveHub()
    stream = hub.join("anna", {"invoices"})
    for number in range(1, 5):
        hub.publish(titled(number))
    hub.publish(titled(9))
    frames = stream.take()
    assert frames.startswith(REFETCH)
    assert [data["case"] for data in datas(frames)[1:]] == [9]


def test_streams_are_limited_in_total_and_per_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_STREAMS_EACH", 2)
    monkeypatch.setattr(hub_module, "MAX_STREAMS", 3)
    hub = LiveHub()
    first = hub.join("anna", ())
    hub.join("anna", ())
    with pytest.raises(TooManyStreamsError) as own:
        hub.join("anna", ())
    hub.join("hans", ())
    with pytest.raises(TooManyStreamsError) as everyone:
        hub.join("eve", ())
    assert (own.value.own, everyone.value.own) == (True, False)
    hub.leave(first)
    assert hub.join("eve", ()).owner == "eve"


def test_a_hub_that_is_closed_ends_every_stream_also_later_ones() -> None:
    hub = LiveHub()
    before = hub.join("anna", ())
    hub.close()
    assert (before.closed_because, hub.join("hans", ()).closed_because) == ("shutdown", "shutdown")
