"""Dead letters: messages that a service could not process."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from schemas.mails import RawMail
from schemas.stored import Discard
from services.casework.dead_letters import Allowed
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import FieldError, invalid, not_found
from services.runtime.broker.letters import DeadLetter
from services.runtime.mail.headers import MailHeaders

LetterId = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
# No process has this name, so that a letter without a process is managed only by those who manage
# all processes.
_NO_PROCESS = ""
MAX_SUBJECT_CHARS = 500


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the dead letters of `queue`. `process` is null when it carries no mail that can
    be read; `author` and `subject` are those of the mail, empty without one. `since` is null when
    unknown.
    """

    id: str
    queue: str
    reason: str
    since: datetime | None
    type: str
    message_id: str
    size: int
    process: str | None
    author: str
    subject: str
    trace: str


class DeadLetterList(msgspec.Struct, frozen=True, kw_only=True):
    """The dead letters that the caller may manage, at most 200 of each queue."""

    items: list[DeadLetterView]


class DeadLettersRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Retry or discard up to 200 dead letters; discarding needs a reason in `why`."""

    action: Literal["retry", "discard"]
    ids: Annotated[list[LetterId], Meta(min_length=1, max_length=200)]
    why: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class DeadLettersResult(msgspec.Struct, frozen=True, kw_only=True):
    """The ids on which the action succeeded, and those that no longer exist."""

    done: list[str]
    missing: list[str]


async def list_dead_letters(call: Call[NoQuery, None]) -> Reply:
    """Messages that are invalid, or on which a service failed repeatedly."""
    letters = await call.desk.events.dead_letters().browse(_allowed(call))
    return Reply(DeadLetterList(items=[_view(letter) for letter in letters]))


async def act_on_dead_letters(call: Call[NoQuery, DeadLettersRequest]) -> Reply:
    """Return dead letters to their queues, or discard them. The database keeps discarded ones."""
    body, desk = call.body, call.desk
    wanted = dict.fromkeys(body.ids)
    letters = desk.events.dead_letters()
    if body.action == "retry":
        done = await letters.requeue(wanted, _allowed(call))
    elif body.why is None:
        error = FieldError(pointer="/why", detail="give a reason")
        raise invalid("discarding needs a reason in `why`", error, status=422)
    else:
        note = Discard(by=call.principal.id, why=body.why, at=desk.clock())
        done = await letters.discard(wanted, _allowed(call), note, desk.store)
    if not done:
        raise not_found("dead letter")
    missing = [letter_id for letter_id in wanted if letter_id not in done]
    return Reply(DeadLettersResult(done=done, missing=missing))


def _allowed(call: Call[Any, Any]) -> Allowed:
    """Whether the caller may manage a letter. One without a process may contain anything, so only
    those who manage all processes see it.
    """
    desk, principal = call.desk, call.principal

    def allowed(letter: DeadLetter) -> bool:
        return desk.access.may(principal, Permission.PARKED, letter.process or _NO_PROCESS)

    return allowed


def _view(letter: DeadLetter) -> DeadLetterView:
    content = letter.content
    headers = MailHeaders.parse(content.classifiable) if isinstance(content, RawMail) else None
    authors = headers.addresses("From") if headers else []
    trace = letter.delivery.headers.get("x-mailcase-trace")
    return DeadLetterView(
        id=letter.id,
        queue=letter.origin,
        reason=letter.reason,
        since=letter.since,
        type=letter.delivery.tag,
        message_id=letter.delivery.message_id,
        size=len(letter.delivery.body),
        process=letter.process,
        author=authors[0].address if authors else "",
        subject=(headers.text("Subject") or "")[:MAX_SUBJECT_CHARS] if headers else "",
        trace=trace if isinstance(trace, str) else "",
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/dead-letters",
        name="list_dead_letters",
        summary="List dead letters",
        handler=list_dead_letters,
        permission=Permission.PARKED,
        response=DeadLetterList,
        tag="operations",
    ),
    Endpoint(
        method="POST",
        path="/dead-letters/bulk",
        name="act_on_dead_letters",
        summary="Retry or discard dead letters",
        handler=act_on_dead_letters,
        permission=Permission.PARKED,
        body=DeadLettersRequest,
        response=DeadLettersResult,
        refusals=(404,),
        tag="operations",
    ),
)
