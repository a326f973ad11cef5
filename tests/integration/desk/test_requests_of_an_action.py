"""The requests to the database that a person waits for when they change a case."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.requests import HTTPConnection

from services.desk.access import Principal
from services.desk.app import build_app
from services.desk.desk import Desk
from tests.asgi import Client
from tests.integration.desk.conftest import KnownPeople, OpenCase

Clients = Callable[[str], Client]
Counted = Callable[[], Awaitable[Counter[str]]]


@pytest.fixture
async def counted(desk: Desk) -> AsyncIterator[Counted]:
    """Counts the operations on the desk's database by their kind and collection."""
    database = desk.store._database

    async def count() -> Counter[str]:
        found = await database["system.profile"].find({}).to_list(None)
        names = [(entry["op"], entry["ns"].partition(".")[2]) for entry in found]
        return Counter(f"{op} {name}" for op, name in names if name != "system.profile")

    await database.command({"profile": 2})
    yield count
    await database.command({"profile": 0})
    await database.drop_collection("system.profile")


async def test_an_action_reads_its_case_and_the_neighbors_once(
    client: Clients, opened: OpenCase, counted: Counted
) -> None:
    await opened(235)
    before = await counted()
    patch = {"title": "Paid twice"}
    answer = await client("anna").ask(
        "PATCH", "/api/v1/cases/235", patch, headers={"if-match": '"r1"'}
    )
    assert answer.status == 200
    assert await counted() - before == Counter(
        {
            "query cases": 1,
            "command cases": 1,  # its neighbors, while the action is written
            "update cases": 1,
            "insert changes": 1,
            "insert publications": 1,
        }
    )


async def test_the_case_is_read_while_the_caller_is_authenticated(
    desk: Desk, opened: OpenCase, counted: Counted
) -> None:
    await opened(235)

    class AfterTheCase(KnownPeople):
        async def principal(self, connection: HTTPConnection) -> Principal | None:
            async with asyncio.timeout(30):
                while not (await counted())["query cases"]:  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(0.01)
            return await super().principal(connection)

    def client(name: str) -> Client:
        headers = {"x-test-user": name, "sec-fetch-site": "same-origin"} if name else {}
        return Client(build_app(desk, AfterTheCase()), headers)

    for name, status in (("", 401), ("hans", 404), ("rita", 403), ("anna", 200), ("anna", 412)):
        answer = await client(name).ask(
            "PATCH", "/api/v1/cases/235", {"title": "Seen"}, headers={"if-match": '"r1"'}
        )
        assert answer.status == status, name


async def test_the_answer_to_an_action_has_the_cases_merged_into_its_case(
    client: Clients, opened: OpenCase
) -> None:
    for number in (1, 2, 3):
        await opened(number)
    anna = client("anna")
    into = {"into": 1}
    await anna.ask("POST", "/api/v1/cases/2/merges", into, headers={"if-match": '"r1"'})
    titled = await anna.ask(
        "PATCH", "/api/v1/cases/1", {"title": "Both"}, headers={"if-match": '"r2"'}
    )
    assert titled.json()["absorbed"] == [2]
    onward = await anna.ask(
        "POST", "/api/v1/cases/1/merges", {"into": 3}, headers={"if-match": '"r3"'}
    )
    assert (
        onward.json()["absorbed"] == (await anna.ask("GET", "/api/v1/cases/1")).json()["absorbed"]
    )
