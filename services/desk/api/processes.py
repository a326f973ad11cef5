"""The processes in which the caller has a role, with what programs need to know about them."""

from typing import Any

import msgspec

from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.stage_counts import Counts
from services.runtime.settings import Process


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """A stage. `open_cases` is the number of open cases at it, which may lag slightly.

    `roles` are the roles that may move cases out of it; empty if everyone who works on cases may.
    """

    name: str
    title: str
    initial: bool
    final: bool
    next: list[str]
    roles: list[str]
    open_cases: int


class DeclaredField(msgspec.Struct, frozen=True, kw_only=True):
    """A field that cases of the process have; `required_for` are the stages that need it."""

    name: str
    title: str
    type: str
    choices: list[str]
    required_for: list[str]


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """A process; `roles` are the caller's in it."""

    name: str
    title: str
    stages: list[StageView]
    fields: list[DeclaredField]
    mailboxes: list[str]
    roles: list[str]
    sends_mail: bool


class ProcessList(msgspec.Struct, frozen=True, kw_only=True):
    """All processes that the caller has a role in."""

    items: list[ProcessView]


async def list_processes(call: Call[NoQuery, None]) -> Reply:
    """The processes that the caller has a role in, in the order of the settings."""
    desk, principal = call.desk, call.principal
    counts = await desk.stage_counts.get()
    processes = [desk.settings.processes[name] for name in desk.access.processes(principal)]
    return Reply(ProcessList(items=[_view(call, process, counts) for process in processes]))


def _view(call: Call[Any, Any], process: Process, counts: Counts) -> ProcessView:
    return ProcessView(
        name=process.name,
        title=process.title,
        stages=[
            StageView(
                name=stage.name,
                title=stage.title,
                initial=stage.initial,
                final=stage.final,
                next=list(stage.next),
                roles=list(stage.roles),
                open_cases=counts.get((process.name, stage.name), 0),
            )
            for stage in process.stages
        ],
        fields=[
            DeclaredField(
                name=field.name,
                title=field.title,
                type=field.type,
                choices=list(field.choices),
                required_for=list(field.required_for),
            )
            for field in process.fields
        ],
        mailboxes=[mailbox.name for mailbox in process.mailboxes],
        roles=sorted(call.principal.acting.roles_in(process)),
        sends_mail=process.smtp is not None,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/processes",
        name="list_processes",
        summary="List processes",
        handler=list_processes,
        permission=Permission.READ,
        response=ProcessList,
        tag="processes",
    ),
)
