"""Errors as problem details, RFC 9457. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.desk.accounts.errors import AccountError
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError

CONTENT_TYPE = "application/problem+json"
TYPES = "/api/v1/problems/"
RETRY_AFTER_S = 5


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in a request. `pointer` is a JSON pointer into the body (RFC 6901), or `?name`
    for a parameter of the query.
    """

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem. `detail` says what went wrong and how to fix it; `reason` is a constant word for
    programs.

    `current_revision` is the case's, when the request was based on an earlier one. `facts` are what
    the refusal of an action names, with titles: for a text in another language.
    """

    type: str
    title: str
    status: int
    detail: str
    reason: str
    errors: list[FieldError] = []
    current_revision: int | None = None
    facts: dict[str, str] = {}


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        current_revision: int | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.problem = Problem(
            type=f"{TYPES}{reason}",
            title=TITLES.get(status, "Error"),
            status=status,
            detail=detail,
            reason=reason,
            errors=list(errors),
            current_revision=current_revision,
            facts=dict(facts or {}),
        )
        self.headers = dict(headers or {})


TITLES: Mapping[int, str] = {
    400: "Invalid request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Refused by the rules",
    410: "Gone",
    412: "Changed in the meantime",
    413: "Too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Unprocessable",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Temporarily unavailable",
}
# Most refusals are conflicts with the state of the case; these are not.
_STATUS_OF_REASON: Mapping[str, int] = {
    "not-allowed": 403,
    "no-such-case": 404,
    "no-such-answer": 404,
    "no-such-user": 404,
    "no-such-token": 404,
    "weak-password": 422,
    "no-such-comment": 422,
    "no-such-field": 422,
    "no-such-stage": 422,
    "no-such-process": 422,
    "invalid-assignee": 422,
    "invalid-title": 422,
    "invalid-value": 422,
    "empty-note": 422,
    "note-too-long": 422,
    "unusable-address": 422,
    "no-recipient": 422,
    "too-many-recipients": 422,
    "text-too-long": 422,
    "invalid-hold": 422,
    "bad-id": 422,
}


def not_found(what: str = "resource") -> ProblemError:
    """The same message for things that do not exist and for things that the principal may not
    see.
    """
    return ProblemError(404, "not-found", f"there is no such {what}; check its id")


def forbidden(detail: str) -> ProblemError:
    return ProblemError(403, "not-allowed", detail)


def invalid(detail: str, *errors: FieldError, status: int = 400) -> ProblemError:
    return ProblemError(status, "invalid-request", detail, errors=errors)


def problem_of(error: Exception) -> ProblemError:
    """The problem for an error of a lower layer; 500 for an unexpected one."""
    match error:
        case ProblemError():
            return error
        case StaleRevisionError():
            return ProblemError(412, "stale-revision", str(error), current_revision=error.current)
        case ActionRefusedError():
            status = _STATUS_OF_REASON.get(error.reason, 409)
            return ProblemError(status, error.reason, str(error), facts=error.facts)
        case AccountError():
            status = (
                422
                if error.reason.startswith("invalid-")
                else _STATUS_OF_REASON.get(error.reason, 409)
            )
            return ProblemError(status, error.reason, str(error), facts=error.facts)
        case CommandRefusedError():
            reason, _, detail = str(error).partition(": ")
            return ProblemError(_STATUS_OF_REASON.get(reason, 409), reason, detail or reason)
        case PermanentError():
            return ProblemError(409, "refused", str(error))
        case TransientError():
            return ProblemError(
                503,
                "unavailable",
                "a server that this request needs does not answer; try again in a few seconds",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        case _:
            return ProblemError(500, "internal-error", "an internal error, which is logged")


def encoded(problem: Problem) -> bytes:
    return msgspec.json.encode(problem)


def validation_errors(message: str) -> list[FieldError]:
    """The mistake that msgspec reports, with its place (`$.a[1].b`) as a JSON pointer."""
    detail, _, place = message.partition(" - at ")
    path = place.strip("`").removeprefix("$")
    pointer = path.replace("[", "/").replace("]", "").replace(".", "/")
    return [FieldError(pointer=pointer, detail=detail)]


def description() -> Mapping[str, Any]:
    """The problem's schema by reference, for OpenAPI."""
    return {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
