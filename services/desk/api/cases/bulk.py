"""One action on many cases: a result for each."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.casework import actions
from services.desk.access import Permission
from services.desk.http.endpoint import MAX_NUMBER, Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import ProblemError, problem_of
from services.runtime.errors import MailcaseError

BulkAction = actions.Move | actions.Assign | actions.SetDue | actions.Close | actions.Reopen


class BulkItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case at the revision that the caller saw."""

    number: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
    revision: Annotated[int, Meta(ge=0, le=MAX_NUMBER)]


class BulkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same action on up to 200 cases, each independent of the others."""

    action: BulkAction
    cases: Annotated[list[BulkItem], Meta(min_length=1, max_length=200)]


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one case: its new revision with status 200, or a problem's status, reason,
    detail and facts.
    """

    number: int
    status: int
    revision: int | None = None
    reason: str | None = None
    detail: str | None = None
    facts: dict[str, str] = {}


class BulkResults(msgspec.Struct, frozen=True, kw_only=True):
    """A result for each case, in the order of the request."""

    items: list[BulkResult]


async def act_on_many(call: Call[NoQuery, BulkRequest]) -> Reply:
    """Apply one action to many cases. The refusal of one does not affect the others."""
    return Reply(BulkResults(items=[await _act(call, item) for item in call.body.cases]))


async def _act(call: Call[NoQuery, BulkRequest], item: BulkItem) -> BulkResult:
    desk, principal, action = call.desk, call.principal, call.body.action
    if isinstance(action, actions.Assign) and action.to == "me":
        action = actions.Assign(to=principal.id)
    try:
        case = await desk.visible_case(principal, item.number, Permission.WORK)
        if isinstance(action, actions.Move) and action.process is not None:
            desk.access.require(principal, Permission.WORK, action.process)
        done = await desk.cases.act(
            case.number, action, principal.acting, expected=item.revision, seen=case
        )
    except (MailcaseError, ProblemError) as error:
        problem = problem_of(error).problem
        return BulkResult(
            number=item.number,
            status=problem.status,
            reason=problem.reason,
            detail=problem.detail,
            facts=problem.facts,
            revision=problem.current_revision,
        )
    desk.publish(done.written, done.outgoing)
    return BulkResult(number=item.number, status=200, revision=done.case.revision)


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="POST",
        path="/cases/bulk",
        name="act_on_many",
        summary="Apply one action to many cases",
        handler=act_on_many,
        permission=Permission.WORK,
        body=BulkRequest,
        response=BulkResults,
    ),
)
