"""How the database answers the queries of every list: from indexes, without reading the cases."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.case_writer.housekeeping.mongo import MongoBacklogCounts
from services.casework.listing import OVERDUE
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.desk.search.index import SearchIndex
from tests.asgi import Client
from tests.integration.desk.conftest import KnownPeople, OpenCase
from tests.integration.profiler import profiled

Clients = Callable[[str], Client]


async def plan(desk: Desk, command: dict[str, Any]) -> str:
    explained = await desk.store._database.command(
        {"explain": command, "verbosity": "queryPlanner"}
    )
    return json.dumps(explained, default=str)


def stages(plan: str) -> set[str]:
    """The stages of the winning plan; FETCH reads documents, COLLSCAN all of them."""
    winning = plan.split('"rejectedPlans"', maxsplit=1)[0]
    return {stage for stage in ("FETCH", "COLLSCAN", 'SORT"', "IXSCAN") if stage in winning}


async def test_stages_are_counted_from_an_index_alone(desk: Desk, opened: OpenCase) -> None:
    for number in range(1, 30):
        await opened(number)
    match = {"process": {"$in": ["invoices", "help"]}, "stage": {"$gt": ""}, "status": "open"}
    group = {"_id": {"process": "$process", "stage": "$stage"}, "cases": {"$sum": 1}}
    command = {
        "aggregate": "cases",
        "pipeline": [{"$match": match}, {"$group": group}],
        "cursor": {},
    }
    assert stages(await plan(desk, command)) == {"IXSCAN"}
    assert (await desk.stage_counts.get())["invoices", "registration"] == 29


async def test_someones_cases_are_counted_from_an_index_alone(desk: Desk, opened: OpenCase) -> None:
    for number in range(1, 30):
        await opened(number)
    query = {
        "process": {"$in": ["invoices", "help"]},
        "status": "open",
        "assignee": {"$in": ["anna@office.example", "group:accounting"]},
    }
    command = {"count": "cases", "query": query, "limit": 10_001}
    assert stages(await plan(desk, command)) == {"IXSCAN"}


async def test_a_list_is_read_in_the_order_of_an_index(desk: Desk, opened: OpenCase) -> None:
    await opened(1)
    query = {"$and": [{"process": {"$in": ["invoices", "help"]}}, {"status": "open"}]}
    command = {
        "find": "cases",
        "filter": query,
        "sort": {"updated_at": -1, "_id": -1},
        "limit": 51,
    }
    assert stages(await plan(desk, command)) == {"FETCH", "IXSCAN"}


async def test_overdue_cases_are_found_without_reading_the_others(
    desk: Desk, opened: OpenCase
) -> None:
    past = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(1, 30):
        await opened(number, due_at=past, overdue_at=past if number == 7 else None)
    query = {"$and": [{"process": {"$in": ["invoices", "help"]}}, OVERDUE]}
    command = {"find": "cases", "filter": query, "sort": {"due_at": 1, "_id": 1}, "limit": 21}
    explained = await desk.store._database.command(
        {"explain": command, "verbosity": "executionStats"}
    )
    assert explained["executionStats"]["totalDocsExamined"] == 1


async def test_overdue_cases_are_listed_in_the_order_of_an_index(
    desk: Desk, opened: OpenCase
) -> None:
    """Otherwise, a page of fifty sorts all of them."""
    past = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(1, 30):
        await opened(number, due_at=past, overdue_at=past if number > 15 else None)
    query = {"$and": [{"process": {"$in": ["invoices", "help"]}}, OVERDUE]}
    command = {
        "find": "cases",
        "filter": query,
        "sort": {"updated_at": -1, "_id": -1},
        "limit": 5,
    }
    explained = await desk.store._database.command(
        {"explain": command, "verbosity": "executionStats"}
    )
    assert stages(json.dumps(explained, default=str)) == {"FETCH", "IXSCAN"}
    assert explained["executionStats"]["totalDocsExamined"] <= 5


async def test_overdue_cases_are_counted_from_an_index_alone(desk: Desk, opened: OpenCase) -> None:
    past = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(1, 30):
        await opened(number, due_at=past, overdue_at=past if number > 15 else None)
    client = Client(build_app(desk, KnownPeople()), {"x-test-user": "anna"})
    async with profiled(desk.store) as entries:
        counted = await client.ask("GET", "/api/v1/cases?overdue=true&total=true")
        assert await MongoBacklogCounts(desk.store).overdue() == {"invoices": 14}
    assert counted.json()["total"] == 14
    counting = [entry for entry in entries if "$group" in str(entry["command"])]
    assert [entry["docsExamined"] for entry in counting] == [0, 0]


async def test_unpublished_changes_of_cases_are_found_without_reading_the_others(
    desk: Desk, opened: OpenCase
) -> None:
    """After an outage of the broker, many publications wait."""
    for number in range(1, 30):
        await opened(number)
    command = {"find": "publications", "filter": {"cases": {"$in": [7, 8]}}}
    explained = await desk.store._database.command(
        {"explain": command, "verbosity": "executionStats"}
    )
    assert explained["executionStats"]["totalDocsExamined"] <= 2
    assert "COLLSCAN" not in stages(json.dumps(explained, default=str))


GROWING = ("cases", "changes", "comments", "outbox", "search", "drafts", "presence", "views")
LISTS = ("todo", "mine", "unassigned", "all", "closed")
FILTERS = ("process=invoices", "process=help&stage=new", "stage=approval", "sort=due", "sort=number",
           "overdue=true", "process=invoices&sort=due", "overdue=true&sort=due")  # fmt: skip
PATHS = (
    *(f"/{name}" for name in LISTS),
    *(f"/{name}?{each}" for name in LISTS for each in FILTERS),
    "/api/v1/cases?total=true",
    "/api/v1/cases?assignee=group:accounting&total=true",
    "/api/v1/cases?assignee=anna@office.example&total=true",
    "/api/v1/counts",
    "/api/v1/processes",
    "/cases/7",
    "/api/v1/cases/7",
    "/search?q=faktura",
    "/search?q=faktura+number",
    "/api/v1/search?q=7&process=invoices",
)


async def test_todo_and_nobodys_cases_are_counted_with_the_index_of_assignees(
    desk: Desk, opened: OpenCase
) -> None:
    """Without a hint, MongoDB may choose the index of processes, and read every open case."""
    for number in range(1, 30):
        await opened(number, assignee="piotr@office.example" if number < 20 else None)
    client = Client(build_app(desk, KnownPeople()), {"x-test-user": "anna"})
    async with profiled(desk.store) as entries:
        for path in (
            "cases?status=open&assignee=todo&total=true",
            "cases?status=open&assignee=&total=true",
            "counts",
        ):
            assert (await client.ask("GET", f"/api/v1/{path}")).status == 200, path
    counting = [
        entry
        for entry in entries
        if entry["ns"].endswith(".cases") and "$group" in str(entry["command"])
    ]
    assert len(counting) == 3
    for entry in counting:
        assert list(entry["command"]["hint"]) == [
            "assignee",
            "status",
            "updated_at",
            "_id",
            "process",
        ]
        assert entry["docsExamined"] == 0


async def test_nothing_that_people_read_scans_what_grows_with_the_cases(
    desk: Desk, opened: OpenCase
) -> None:
    for number in range(1, 30):
        process, stage = ("help", "new") if number % 2 else ("invoices", "registration")
        await opened(number, process=process, stage=stage, title=f"Faktura number {number}")
    await SearchIndex(desk.store).rebuild(lambda *_: None)
    people = KnownPeople()
    client = Client(
        build_app(desk, people, page_routes(desk, people)),
        {"x-test-user": "anna", "sec-fetch-site": "same-origin"},
    )
    async with profiled(desk.store) as entries:
        await desk.store.collection("cases").find_one({"title": "by no index, first"})
        for path in PATHS:
            assert (await client.ask("GET", path)).status == 200, path
        await desk.store.collection("cases").find_one({"title": "by no index"})
    plans = [
        (entry["ns"].partition(".")[2], entry["planSummary"], str(entry["command"])[:300])
        for entry in entries
    ]
    assert {name for name, *_ in plans} >= {"cases", "changes", "comments", "search"}
    scans = [plan for plan in plans if plan[0] in GROWING and "COLLSCAN" in plan[1]]
    assert len(scans) == 2, scans
    assert "by no index, first" in scans[0][2]
    assert "by no index" in scans[1][2]
