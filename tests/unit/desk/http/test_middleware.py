"""What is measured around every request."""

import pytest
from prometheus_client import REGISTRY
from starlette.types import Message, Receive, Scope, Send

from services.desk.activity import Activity
from services.desk.http.dispatch import ROUTE
from services.desk.http.middleware import Observed

STREAM = "text/event-stream"


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def answering(
    content_type: bytes, seen: list[tuple[float, float]], activity: Activity | None = None
) -> Observed:
    """An application that records the open requests while it answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ROUTE] = "/measured"
        headers = [(b"content-type", content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        seen.append(
            (measured("mailcase_desk_streams"), measured("mailcase_desk_requests_in_progress"))
        )
        await send({"type": "http.response.body", "body": b""})

    return Observed(app, lambda _scope: "192.0.2.1", activity)


async def ask(app: Observed) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/cases", "headers": []}
    await app(scope | {"query_string": b"text=secret"}, receive, send)


async def test_the_length_of_a_stream_is_no_time_of_a_request() -> None:
    labels = {"method": "GET", "route": "/measured"}
    seen: list[tuple[float, float]] = []
    await ask(answering(b"text/event-stream; charset=utf-8", seen))
    assert measured("mailcase_desk_request_seconds_count", **labels) == 0
    assert measured("mailcase_desk_requests_total", **labels, status="200") == 1
    await ask(answering(b"text/html", seen))
    assert measured("mailcase_desk_request_seconds_count", **labels) == 1
    assert seen == [(1, 0), (0, 1)]
    assert measured("mailcase_desk_streams") == 0
    assert measured("mailcase_desk_requests_in_progress") == 0


@pytest.mark.parametrize(("content_type", "counts"), [("text/html", True), (STREAM, False)])
async def test_a_request_is_activity_until_it_ends_or_becomes_a_stream(
    content_type: str, counts: bool
) -> None:
    activity, during = Activity(lambda: 0.0), list[bool]()

    class Seen(list[tuple[float, float]]):
        def append(self, _: tuple[float, float]) -> None:
            during.append(activity.in_progress)

    await ask(answering(content_type.encode(), Seen(), activity))
    assert during == [counts]
    assert not activity.in_progress


async def test_the_log_has_the_path_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await ask(answering(b"text/html", []))
    [record] = caplog.records
    assert record.msg == "request_answered"
    assert "/cases" in str(vars(record))
    assert "secret" not in str(vars(record))
