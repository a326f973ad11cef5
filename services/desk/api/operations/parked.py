"""Parked and ignored mails: why they belong to no case, and what to do with them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from schemas.stored import Discard, Mail
from services.casework.parked import ParkedFilter
from services.desk.access import Permission
from services.desk.api.cases.cases import Cursor
from services.desk.api.operations.parked_views import (
    ParkedSummary,
    ParkedView,
    header_of,
    summary_fields,
    todays_decision,
)
from services.desk.http.cursors import Place, after, read_cursor, write_cursor
from services.desk.http.downloads import file_response
from services.desk.http.endpoint import MAX_NUMBER, Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import FieldError, ProblemError, invalid, not_found, problem_of
from services.runtime.errors import MailcaseError, PermanentError
from services.runtime.mail.headers import MailHeaders

MAX_LIMIT = 50
_KEY = re.compile(r"[0-9a-f]{64}")
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Why = Annotated[str, Meta(min_length=1, max_length=500)]


class ParkedQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mails, oldest first. `ignored` lists ignored mails in place of parked ones."""

    process: Annotated[str, Meta(max_length=100)] | None = None
    reason: Annotated[str, Meta(max_length=100)] | None = None
    ignored: bool = False
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 50
    cursor: Cursor | None = None


class ParkedList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of mails. `next` is the cursor of the next page, None on the last."""

    items: list[ParkedSummary]
    next: str | None
    has_more: bool


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Route the mail again; the body is empty."""


class DiscardRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ignore the mail for good; it stays whole, and a retry is still possible."""

    why: Why


class AddRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put the mail into a case."""

    case: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


class ParkedBulkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Retry or discard up to 200 mails, each independent of the others."""

    action: Literal["retry", "discard"]
    keys: Annotated[list[Key], Meta(min_length=1, max_length=200)]
    why: Why | None = None


class ParkedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one mail: accepted, or why not; `reason` is the same as a constant word."""

    key: str
    accepted: bool
    detail: str = ""
    reason: str = ""


class ParkedResults(msgspec.Struct, frozen=True, kw_only=True):
    """A result for each mail, in the order of the request."""

    items: list[ParkedResult]


async def list_parked(call: Call[ParkedQuery, None]) -> Reply:
    """Mails that could not be processed, or that wait for a person, oldest first."""
    query, desk = call.query, call.desk
    chosen = ParkedFilter(query.reason, query.process, None, query.ignored)
    filters: list[Mapping[str, Any]] = [
        desk.access.filter(call.principal, Permission.PARKED),
        chosen.query(),
    ]
    if query.cursor is not None:
        place = read_cursor(query.cursor, "recorded")
        filters.append(after(place, "recorded_at", descending=False))
    found = await desk.parked.page(filters, limit=query.limit + 1)
    page, has_more = found[: query.limit], len(found) > query.limit
    following = None
    if has_more:
        following = write_cursor(Place(sort="recorded", at=page[-1].recorded_at, id=page[-1].id))
    heads = await desk.blobs.heads([mail.raw for mail in page if mail.raw is not None])
    items = [ParkedSummary(**summary_fields(mail, header_of(mail, heads))) for mail in page]
    return Reply(ParkedList(items=items, next=following, has_more=has_more))


async def show_parked(call: Call[NoQuery, None]) -> Reply:
    """One mail: why it is parked, its content, and the decision of the current rules."""
    desk, mail = call.desk, await visible_mail(call)
    content = await desk.parked.content(mail) if mail.raw is not None else None
    await call.audit("parked-viewed", mail.id)
    headers = MailHeaders.parse(content) if content is not None else None
    reading = await desk.tools.read(content) if content is not None else None
    return Reply(
        ParkedView(
            **summary_fields(mail, headers),
            rule=mail.decision.rule,
            evidence=mail.decision.evidence,
            received_at=mail.received_at,
            size=len(content) if content is not None else None,
            discarded=mail.discarded,
            text=reading.text if reading else None,
            files=list(reading.files) if reading else None,
            defects=list(reading.defects) if reading else [],
            today=todays_decision(call, mail, content) if content is not None else None,
        )
    )


async def download_parked(call: Call[NoQuery, None]) -> Response:
    """The exact bytes of the mail."""
    mail = await visible_mail(call)
    await call.audit("parked-viewed", f"{mail.id} original")
    blob, name = call.desk.parked.blob(mail), f"{mail.id[:12]}.eml"
    return await file_response(call.desk.blobs, blob, name, "message/rfc822")


async def retry_parked(call: Call[NoQuery, RetryRequest]) -> Reply:
    """Route the mail again with the current rules. Its new outcome replaces the old one within
    seconds.
    """
    await _retry(call, await visible_mail(call))
    return Reply(status=202)


async def discard_parked(call: Call[NoQuery, DiscardRequest]) -> Reply:
    """Ignore the mail for good."""
    await _discard(call, await visible_mail(call), call.body.why)
    return Reply(status=204)


async def add_parked(call: Call[NoQuery, AddRequest]) -> Reply:
    """Add the mail to a case, regardless of the rules."""
    desk, mail = call.desk, await visible_mail(call)
    case = await desk.visible_case(call.principal, call.body.case, Permission.WORK)
    await desk.parked.add_to_case(
        mail,
        case.number,
        call.principal.acting.actor,
        desk.events.send,
        inline_bytes=desk.settings.limits.inline_mail_bytes,
    )
    return Reply(status=202)


async def bulk_parked(call: Call[NoQuery, ParkedBulkRequest]) -> Reply:
    """Retry or discard many mails. The refusal of one does not affect the others."""
    body = call.body
    if body.action == "discard" and body.why is None:
        missing = FieldError(pointer="/why", detail="give a reason")
        raise invalid("discarding needs a reason in `why`", missing, status=422)
    results = []
    for key in dict.fromkeys(body.keys):
        try:
            mail = await _visible(call, key)
            if body.action == "retry":
                await _retry(call, mail)
            else:
                await _discard(call, mail, body.why or "")
        except (MailcaseError, ProblemError) as error:
            problem = problem_of(error).problem
            results.append(
                ParkedResult(key=key, accepted=False, detail=problem.detail, reason=problem.reason)
            )
        else:
            results.append(ParkedResult(key=key, accepted=True))
    return Reply(ParkedResults(items=results))


async def visible_mail(call: Call[Any, Any]) -> Mail:
    """The mail in the path. Raises ProblemError 404 if the caller may not manage it."""
    return await _visible(call, call.path["key"])


async def _visible(call: Call[Any, Any], key: str) -> Mail:
    if not _KEY.fullmatch(key):
        raise not_found("mail")
    try:
        mail = await call.desk.parked.get(key)
    except PermanentError as error:
        raise not_found("mail") from error
    if not call.desk.access.may(call.principal, Permission.PARKED, mail.process):
        raise not_found("mail")
    return mail


async def _retry(call: Call[Any, Any], mail: Mail) -> None:
    desk = call.desk
    inline_bytes = desk.settings.limits.inline_mail_bytes
    await desk.parked.retry(mail, desk.events.send, inline_bytes=inline_bytes)


async def _discard(call: Call[Any, Any], mail: Mail, why: str) -> None:
    note = Discard(by=call.principal.id, why=why, at=call.desk.clock())
    await call.desk.parked.discard(mail, note)


def _endpoint(method: Any, path: str, name: str, summary: str, handler: Any, **more: Any) -> Any:
    refusals = more.pop("refusals", (404, 409))
    return Endpoint(
        method=method,
        path=f"/parked{path}",
        name=name,
        summary=summary,
        handler=handler,
        permission=Permission.PARKED,
        tag="parked",
        refusals=refusals,
        **more,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    _endpoint(
        "GET",
        "",
        "list_parked",
        "List mails without a case",
        list_parked,
        query=ParkedQuery,
        response=ParkedList,
        refusals=(),
    ),
    _endpoint(
        "POST",
        "/bulk",
        "bulk_parked",
        "Retry or discard many mails",
        bulk_parked,
        body=ParkedBulkRequest,
        response=ParkedResults,
    ),
    _endpoint(
        "GET",
        "/{key}",
        "show_parked",
        "Show a mail without a case",
        show_parked,
        response=ParkedView,
    ),
    _endpoint(
        "GET",
        "/{key}/original",
        "download_parked",
        "Download the exact bytes of a mail without a case",
        download_parked,
        media="message/rfc822",
    ),
    _endpoint(
        "POST",
        "/{key}/retries",
        "retry_parked",
        "Route a mail again",
        retry_parked,
        body=RetryRequest,
        status=202,
    ),
    _endpoint(
        "POST",
        "/{key}/discards",
        "discard_parked",
        "Discard a mail",
        discard_parked,
        body=DiscardRequest,
        status=204,
    ),
    _endpoint(
        "POST",
        "/{key}/cases",
        "add_parked",
        "Add a mail to a case",
        add_parked,
        body=AddRequest,
        status=202,
    ),
)
