"""The actions on a case: moves, assignments, closures, reopenings, merges, splits."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.casework import actions
from services.desk.access import Permission
from services.desk.api.cases.replies import act_and_reply
from services.desk.api.cases.views import CaseView
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import not_found

Name = Annotated[str, Meta(min_length=1, max_length=320)]


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body."""


class MoveRequest(_Request, frozen=True, kw_only=True):
    """Move to `stage`; with `process`, to that process, at its initial stage unless `stage` names
    another.
    """

    stage: Name | None = None
    process: Name | None = None


class AssignmentRequest(_Request, frozen=True, kw_only=True):
    """Assign to an address, to `group:NAME`, to `me`, or to nobody (null)."""

    to: Name | None


class ClosureRequest(_Request, frozen=True, kw_only=True):
    """Close or reopen the case; the body is empty."""


class MergeRequest(_Request, frozen=True, kw_only=True):
    """Merge the case into case `into`, whose number all its mail goes to from then on."""

    into: Annotated[int, Meta(ge=1, le=2**53)]


class SplitRequest(_Request, frozen=True, kw_only=True):
    """Move comments, by their ids, into a new case with `title` (default: the first comment's
    subject).
    """

    comments: Annotated[list[Name], Meta(min_length=1, max_length=200)]
    title: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class SplitResult(msgspec.Struct, frozen=True, kw_only=True):
    """The case that the comments left, and the number of the new one."""

    case: CaseView
    new_case: int


async def act(call: Call[Any, Any], action: actions.Action) -> Reply:
    """Apply `action` to the case in the path, at the revision that the caller saw."""
    done, reply = await act_and_reply(call, action)
    if done.new_case is not None:
        return Reply(SplitResult(case=reply.body, new_case=done.new_case), revision=reply.revision)
    return reply


async def move(call: Call[NoQuery, MoveRequest]) -> Reply:
    """Move the case to another stage or process."""
    process = call.body.process
    if process is not None and not call.desk.access.may(call.principal, Permission.WORK, process):
        raise not_found("process")
    return await act(call, actions.Move(stage=call.body.stage, process=process))


async def assign(call: Call[NoQuery, AssignmentRequest]) -> Reply:
    """Assign the case."""
    to = call.principal.id if call.body.to == "me" else call.body.to
    return await act(call, actions.Assign(to=to))


async def close(call: Call[NoQuery, ClosureRequest]) -> Reply:
    """Close the case."""
    return await act(call, actions.Close())


async def reopen(call: Call[NoQuery, ClosureRequest]) -> Reply:
    """Reopen the case."""
    return await act(call, actions.Reopen())


async def merge(call: Call[NoQuery, MergeRequest]) -> Reply:
    """Merge the case into another one that the caller may also work on."""
    await call.desk.visible_case(call.principal, call.body.into, Permission.WORK)
    return await act(call, actions.MergeInto(target=call.body.into))


async def unmerge(call: Call[NoQuery, None]) -> Reply:
    """Undo the merge of the case."""
    return await act(call, actions.Unmerge())


async def split(call: Call[NoQuery, SplitRequest]) -> Reply:
    """Move comments into a new case."""
    return await act(call, actions.SplitOff(comments=call.body.comments, title=call.body.title))


def _action(
    path: str, name: str, summary: str, handler: Any, body: Any, *, response: Any = CaseView
) -> Endpoint[Any, Any]:
    return Endpoint(
        method="POST",
        path=f"/cases/{{number}}/{path}",
        name=name,
        summary=summary,
        handler=handler,
        permission=Permission.WORK,
        body=body,
        response=response,
        conditional=True,
        refusals=(404, 409),
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    _action("moves", "move_case", "Move a case to a stage or process", move, MoveRequest),
    _action("assignments", "assign_case", "Assign a case", assign, AssignmentRequest),
    _action("closures", "close_case", "Close a case", close, ClosureRequest),
    _action("reopenings", "reopen_case", "Reopen a case", reopen, ClosureRequest),
    _action("merges", "merge_case", "Merge a case into another", merge, MergeRequest),
    Endpoint(
        method="DELETE",
        path="/cases/{number}/merges",
        name="unmerge_case",
        summary="Undo a merge",
        handler=unmerge,
        permission=Permission.WORK,
        response=CaseView,
        conditional=True,
        refusals=(404, 409),
    ),
    _action(
        "splits",
        "split_case",
        "Move comments to a new case",
        split,
        SplitRequest,
        response=SplitResult,
    ),
)
