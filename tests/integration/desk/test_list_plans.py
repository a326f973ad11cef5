"""How the database answers what every list asks: from indexes, without reading the cases."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.casework.listing import OVERDUE
from services.desk.desk import Desk
from tests.asgi import Client
from tests.integration.desk.conftest import OpenCase

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
