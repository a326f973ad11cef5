"""`mailcase case list`: cases by process, stage, status, assignee, age and text."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from schemas.case_ref import CaseReference
from schemas.stored import Case
from services.casework.listing import CaseFilter, sort_order
from services.cli.case.context import opened_repository
from services.cli.terminal.options import Limit, Process, before_moment, reject_blank
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded
from services.cli.terminal.tables import print_table
from services.cli.terminal.times import short_time
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import Settings
from services.runtime.store.collection import Document

Stage = Annotated[
    str | None, Parameter(name="--stage", help="Only cases at this stage.", validator=reject_blank)
]
Status = Annotated[
    Literal["open", "closed", "all"],
    Parameter(name="--status", help="Open cases, closed ones, or all."),
]
Assignee = Annotated[
    str | None,
    Parameter(
        name="--assignee",
        help="Only cases of this user or group:NAME; `nobody` for unassigned ones.",
        validator=reject_blank,
    ),
]
OverdueOnly = Annotated[bool, Parameter(name="--overdue", negative="", help="Only overdue cases.")]
WithText = Annotated[
    str | None,
    Parameter(
        name="--text",
        help="Only cases with this text in title, opener or participants.",
        validator=reject_blank,
    ),
]
OlderThan = Annotated[
    str | None,
    Parameter(
        name="--before", help="Only cases opened before a time (UTC), or an age such as 2h, 7d."
    ),
]
Sort = Annotated[
    Literal["updated", "opened", "due", "number"],
    Parameter(name="--sort", help="The sort key, in descending order."),
]
Ascending = Annotated[
    bool, Parameter(name="--ascending", negative="", help="Sort in ascending order.")
]


def list_cases(
    *,
    process: Annotated[Process, Parameter(help="Only cases of this process.")] = None,
    stage: Stage = None,
    status: Status = "open",
    assignee: Assignee = None,
    overdue: OverdueOnly = False,
    text: WithText = None,
    before: OlderThan = None,
    sort: Sort = "updated",
    ascending: Ascending = False,
    limit: Limit = 50,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """List cases, the latest updated first; open ones by default."""
    settings = loaded(config)
    chosen = CaseFilter(
        process=process,
        stage=stage,
        status=None if status == "all" else status,
        assignee="" if assignee == "nobody" else assignee,
        overdue=overdue,
        text=text,
        opened_before=before_moment(before, datetime.now(UTC)),
    )
    cases = asyncio.run(_found(settings, chosen, sort_order(sort, descending=not ascending), limit))
    if json:
        for case in cases:
            print(msgspec.json.encode(case).decode())
        return
    if not cases and process is not None and process not in settings.processes:
        hint = f"the settings have: {', '.join(settings.processes) or 'none'}"
        raise SettingsError([Mistake("--process", f"there is no process {process!r}", hint)])
    if not cases:
        print("no cases")
        return
    reference = CaseReference(settings.case_reference.prefix)
    rows = [_cells(case, reference) for case in cases]
    print_table(
        ("case", "process / stage", "title", "assignee", "due", "updated"),
        rows,
        whole=("case", "due", "updated"),
        spare=("updated", "assignee"),
    )


async def _found(settings: Settings, chosen: CaseFilter, order: str, limit: int) -> list[Document]:
    async with opened_repository(settings) as (store, _):
        return await store.collection(Case.COLLECTION).find(chosen.query(), sort=order, limit=limit)


def _cells(case: Document, reference: CaseReference) -> tuple[str, ...]:
    closed = " (closed)" if case["status"] == "closed" else ""
    return (
        reference.write(case["_id"]),
        f"{case['process']} / {case['stage']}{closed}",
        case["title"],
        case.get("assignee") or "",
        _due(case),
        short_time(case["updated_at"]),
    )


def _due(case: Document) -> str:
    if case.get("due_at") is None:
        return ""
    overdue = "overdue " if case.get("overdue_at") else ""
    return f"{overdue}{short_time(case['due_at'])}"
