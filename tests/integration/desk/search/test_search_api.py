"""GET /search: what the caller may see, with snippets, pages and clear errors."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.desk.api.routes import PREFIX
from services.desk.desk import Desk
from services.desk.search.index import SearchIndex
from tests.asgi import Client
from tests.integration.casework.test_casework import mail_key
from tests.integration.desk.conftest import OpenCase

Clients = Callable[[str], Client]
LATE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def indexed(desk: Desk, opened: OpenCase) -> None:
    await opened(1, mails=("a", "b"), assignee="rita@office.example", overdue_at=LATE)
    await opened(2, process="help", stage="new")
    await SearchIndex(desk.store).rebuild(lambda _done, _known: None)


async def search(client: Client, query: str) -> Any:
    answer = await client.ask("GET", f"{PREFIX}/search?{query}")
    assert answer.status == 200, answer.body
    return answer.json()


async def test_everyone_finds_what_they_may_see(indexed: None, client: Clients) -> None:
    seen = {"anna": {1, 2}, "rita": {1}, "hans": {2}, "helping": {2}, "reading": {1, 2}}
    for name, cases in seen.items():
        found = await search(client(name), "q=hello")
        assert {hit["case"] for hit in found["items"]} == cases, name
        for number in (1, 2):
            jump = (await search(client(name), f"q=%23{number}"))["jump"]
            assert jump == (number if number in cases else None), name
    assert (await search(client("hans"), "q=hello&process=invoices"))["items"] == []


async def test_a_hit_has_what_a_list_shows(indexed: None, client: Clients) -> None:
    found = await search(client("rita"), "q=hello&limit=1")
    [hit] = found["items"]
    assert hit["comment"] == mail_key(1, "b")
    assert (hit["reference"], hit["author"], hit["snippet"]) == ("[#1]", "Jan", "Hello")
    assert hit["marks"] == [[0, 5]]
    (case,) = (await client("rita").ask("GET", f"{PREFIX}/cases")).json()["items"]
    shared = ("stage", "stage_title", "status", "assignee", "due_at", "overdue", "updated_at")
    assert {name: hit[name] for name in shared} == {name: case[name] for name in shared}
    assert (hit["stage_title"], hit["overdue"]) == ("Registration", True)
    following = await search(client("rita"), f"q=hello&limit=1&cursor={found['next']}")
    assert [hit["comment"] for hit in following["items"]] == [mail_key(1, "a")]
    assert (found["has_more"], following["has_more"], following["next"]) == (True, False, None)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("q=%20", "empty-search"),
        ("q=hello&cursor=nonsense", "invalid-cursor"),
        ("q=", "invalid-request"),
        ("", "invalid-request"),
        ("q=x&limit=101", "invalid-request"),
        ("q=x&other=1", "invalid-request"),
        ("q=" + "x" * 501, "invalid-request"),
    ],
)
async def test_what_cannot_be_searched_is_refused(
    indexed: None, client: Clients, query: str, reason: str
) -> None:
    answer = await client("anna").ask("GET", f"{PREFIX}/search?{query}")
    assert (answer.status, answer.json()["reason"]) == (400, reason)
