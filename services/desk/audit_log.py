"""The audit log: log-ins, views of parked mail, downloads, and changes of accounts.

Actions on cases are in the histories of the cases.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.stored import from_document, to_document
from schemas.stored.desk import AuditEntry, AuditEvent
from services.runtime.logs import get_logger
from services.runtime.store.mongo import Store

log = get_logger(__name__)

_MAX_CHARS = 300


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to show. None means no restriction."""

    actor: str | None = None
    what: AuditEvent | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """Records and reads entries; they are never changed."""

    def __init__(self, store: Store, days: int, clock: Callable[[], datetime]) -> None:
        """Entries are kept for `days`."""
        self._entries = store.collection(AuditEntry.COLLECTION)
        self._kept = timedelta(days=days)
        self._clock = clock

    async def record(
        self, what: AuditEvent, *, actor: str = "", address: str = "", thing: str = ""
    ) -> AuditEntry:
        """Write an entry, which is on a majority of the database when this returns. Raises
        TransientError.

        Code that shows or sends something records it first.
        """
        at = self._clock()
        entry = AuditEntry(
            id=f"{at:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}",
            at=at,
            actor=_clean(actor),
            address=_clean(address),
            what=what,
            object=_clean(thing),
            expires_at=at + self._kept,
        )
        await self._entries.insert([to_document(entry)])
        log.info("audited", what=what)
        return entry

    async def entries(
        self, wanted: AuditFilter, *, limit: int, before: str | None = None
    ) -> list[AuditEntry]:
        """The newest `limit` entries; with `before`, an entry's id, those that are older."""
        query: dict[str, Any] = {
            name: value
            for name in ("actor", "what", "object")
            if (value := getattr(wanted, name)) is not None
        }
        times = {"$gte": wanted.since, "$lt": wanted.until}
        if kept := {operator: time for operator, time in times.items() if time is not None}:
            query["at"] = kept
        if before is not None:
            query["_id"] = {"$lt": before}
        found = await self._entries.find(query, sort="-_id", limit=limit)
        return [from_document(document, AuditEntry) for document in found]


def _clean(text: str) -> str:
    """Foreign text on one line, so that it cannot imitate another entry."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:_MAX_CHARS])
