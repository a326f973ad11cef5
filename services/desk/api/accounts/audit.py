"""The audit log: who signed in, saw parked mail, took files. For administrators."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.mails import Moment
from schemas.stored.desk import AuditEvent
from services.desk.access import Permission
from services.desk.audit_log import AuditFilter
from services.desk.http.cursors import Place, read_cursor, write_cursor
from services.desk.http.endpoint import Call, Endpoint, Reply

SORT = "audit"
Word = Annotated[str, Meta(min_length=1, max_length=320)]


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects entries: of one actor, of one kind, about one object, within a period."""

    actor: Word | None = None
    what: AuditEvent | None = None
    object: Word | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class AuditEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry. `actor` is a user's address or a token's id, empty if nobody was proven; `address`
    is the network address, empty at the command line.
    """

    id: str
    at: datetime
    actor: str
    address: str
    what: AuditEvent
    object: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest first. `next` is the cursor of the next page, None on the last."""

    items: list[AuditEntryView]
    next: str | None
    has_more: bool


async def list_audit_entries(call: Call[AuditQuery, None]) -> Reply:
    """Log-ins, views of parked mail, downloads, and changes of accounts. Actions on cases are in
    the histories of the cases.
    """
    query = call.query
    before = str(read_cursor(query.cursor, SORT).id) if query.cursor is not None else None
    wanted = AuditFilter(query.actor, query.what, query.object, query.since, query.until)
    entries = await call.desk.accounts.audit.entries(wanted, limit=query.limit + 1, before=before)
    page, has_more = entries[: query.limit], len(entries) > query.limit
    items = [
        AuditEntryView(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            address=entry.address,
            what=entry.what,
            object=entry.object,
        )
        for entry in page
    ]
    following = write_cursor(Place(sort=SORT, id=page[-1].id)) if has_more else None
    return Reply(AuditPage(items=items, next=following, has_more=has_more))


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/audit",
        name="list_audit_entries",
        summary="List the audit log",
        handler=list_audit_entries,
        permission=Permission.ADMIN,
        query=AuditQuery,
        response=AuditPage,
        tag="people",
    ),
)
