"""Parked and ignored mails in MongoDB: find, read, discard and retry them.

The command line, the desk and the case writer's gauges use this repository.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from schemas.cases import AppendToCase, Decision, Otherwise
from schemas.changes import Actor
from schemas.codec import decode_raw_mail
from schemas.reasons import IgnoreReason, NotRetryable, ParkReason, Rule
from schemas.stored import Discard, Mail, from_document
from services.casework.refusals import ActionRefusedError
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE
from services.runtime.errors import PermanentError
from services.runtime.mail.raw_mail_builder import RawMailBuilder
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

_WITHOUT_CASE = frozenset({"parked", "ignored"})
_FETCH_WHOLE = (
    "raise limits.max_mail_bytes and restart the fetchers, which then fetch it whole; "
    "then discard this one"
)
_NOT_RETRYABLE: Mapping[NotRetryable, tuple[str, str]] = {
    NotRetryable.MAIL_TOO_LARGE: (
        "only its beginning is stored",
        _FETCH_WHOLE,
    ),
    NotRetryable.CONTENT_MISSING: (
        "its content is missing",
        "replay it from an archive or a backup that has the content",
    ),
}


@dataclass(frozen=True)
class ParkedFilter:
    """Which mails a list or a retry selects. None means all. `ignored` selects ignored mails."""

    reason: str | None = None
    process: str | None = None
    recorded_before: datetime | None = None
    ignored: bool = False

    def query(self) -> dict[str, Any]:
        """The filter of a MongoDB query."""
        query: dict[str, Any] = {"outcome": "ignored" if self.ignored else "parked"}
        if self.reason is not None:
            query["reason"] = self.reason
        if self.process is not None:
            query["process"] = self.process
        if self.recorded_before is not None:
            query["recorded_at"] = {"$lt": self.recorded_before}
        return query


@dataclass(frozen=True)
class ParkedGroup:
    """How many mails of a process are parked for the same reason, and when the oldest was
    parked.
    """

    process: str
    reason: str
    mails: int
    oldest: datetime


class ParkedMailRepository:
    """The mails that belong to no case. Methods raise TransientError in an outage.

    `blobs` stores large mails that a retry publishes by reference; other methods do not need it.
    """

    def __init__(self, store: Store, blobs: Blobs | None = None) -> None:
        self._mails = store.collection(Mail.COLLECTION)
        self._blobs = blobs or Blobs(store)

    async def find(self, selection: ParkedFilter, *, limit: int = 0) -> list[Mail]:
        """The selected mails, the oldest first; `limit` 0 returns all."""
        documents = await self._mails.find(selection.query(), sort="recorded_at", limit=limit)
        return [from_document(document, Mail) for document in documents]

    async def page(self, queries: Sequence[Mapping[str, Any]], *, limit: int) -> list[Mail]:
        """The mails that match all of `queries`, in the order in which they were recorded."""
        found = await self._mails.find(
            {"$and": list(queries)}, sort=("recorded_at", "_id"), limit=limit
        )
        return [from_document(document, Mail) for document in found]

    async def get(self, prefix: str) -> Mail:
        """The mail whose key starts with `prefix`, in lower-case hexadecimal digits.

        Raises PermanentError if there is none, if there are several, and if it belongs to a case.
        """
        end = prefix + "g"  # sorts after every key with the prefix
        documents = await self._mails.find({"_id": {"$gte": prefix, "$lt": end}}, limit=2)
        if not documents:
            raise PermanentError(
                f"there is no mail {prefix}; `mailcase parked list` shows their keys"
            )
        if len(documents) > 1:
            raise PermanentError(f"several mail keys start with {prefix}: give more digits")
        mail = from_document(documents[0], Mail)
        if mail.outcome not in _WITHOUT_CASE:
            raise PermanentError(f"mail {prefix} was {mail.outcome}: it is in case {mail.case}")
        return mail

    async def content(self, mail: Mail) -> bytes:
        """The exact bytes of the mail. Raises PermanentError if they are not stored."""
        return await self._blobs.get(self.blob(mail))

    def blob(self, mail: Mail) -> str:
        """The id of the mail's content. Raises PermanentError if that is not stored."""
        if mail.raw is None:
            hint = "replay it from an archive or a backup that has the content"
            raise PermanentError(
                f"mail {mail.id} was {mail.outcome} as {mail.reason}: its content is missing; {hint}"
            )
        return mail.raw

    async def discard(self, mail: Mail, note: Discard) -> None:
        """Ignore the mail for good, with a record of who did it and why. Its content is kept.

        Raises ActionRefusedError if the mail got another outcome after it was read.
        """
        read = {"_id": mail.id, "written_by": mail.written_by}
        changes = {
            "outcome": "ignored",
            "reason": IgnoreReason.DISCARDED.value,
            "discarded": msgspec.to_builtins(note, builtin_types=(datetime,)),
            # so that a writer that read the mail earlier does not overwrite this
            "written_by": uuid.uuid4().hex,
        }
        if not await self._mails.update(read, {"$set": changes}):
            problem = f"mail {mail.id} has another outcome by now"
            raise ActionRefusedError("outcome-changed", problem, "look at it again")

    async def retry(
        self, mail: Mail, publish: Callable[[Outgoing], Awaitable[None]], *, inline_bytes: int
    ) -> None:
        """Publish the mail to the router again, which decides with the current settings.

        A mail larger than `inline_bytes` travels by reference. Raises ActionRefusedError if
        `not_retryable` gives a reason.
        """
        await publish(await self._message(mail, inline_bytes))

    async def add_to_case(
        self,
        mail: Mail,
        case: int,
        actor: Actor,
        publish: Callable[[Outgoing], Awaitable[None]],
        *,
        inline_bytes: int,
    ) -> None:
        """Ask the case writer to add the mail to a case, regardless of the rules.

        `actor` is named in the decision. Raises ActionRefusedError if `not_retryable` gives a
        reason.
        """
        raw = decode_raw_mail((await self._message(mail, inline_bytes)).body)
        decision = Decision(rule=Rule.BY_PERSON, evidence=[actor.id], cases=[case])
        # if the case is gone by then
        otherwise: Otherwise = "park" if mail.outcome == "parked" else "ignore"
        command = AppendToCase(
            mail=raw, decision=decision, otherwise=otherwise, reason=mail.reason or ""
        )
        await publish(Outgoing.of(command, raw.key, f"append.{mail.process}", exchange=CASE))

    async def _message(self, mail: Mail, inline_bytes: int) -> Outgoing:
        """The mail as a fetcher would publish it. Raises PermanentError as `retry` does."""
        if reason := not_retryable(mail):
            raise ActionRefusedError(reason.value, *_NOT_RETRYABLE[reason])
        content = await self.content(mail)
        builder = RawMailBuilder(
            mail.process, mail.mailbox, inline_bytes=inline_bytes, put_blob=self._blobs.put
        )
        return await builder.message(content, mail.received_at, origin="retry")

    async def changed(self, mails: Iterable[Mail]) -> list[Mail]:
        """The current state of those `mails` whose outcome was rewritten since they were read."""
        read = {mail.id: mail.written_by for mail in mails}
        documents = await self._mails.find({"_id": {"$in": list(read)}})
        current = [from_document(document, Mail) for document in documents]
        return [mail for mail in current if mail.written_by != read[mail.id]]

    async def groups(self) -> list[ParkedGroup]:
        """The parked mails that nobody discarded, by process and reason."""
        # also matches documents without the field
        waiting = {
            "outcome": "parked",
            "discarded": None,
        }
        by = {"process": "$process", "reason": "$reason"}
        sums = {"mails": {"$sum": 1}, "oldest": {"$min": "$recorded_at"}}
        rows = await self._mails.aggregate([{"$match": waiting}, {"$group": {"_id": by, **sums}}])
        return [
            ParkedGroup(
                row["_id"]["process"], row["_id"].get("reason") or "", row["mails"], row["oldest"]
            )
            for row in rows
        ]


def not_retryable(mail: Mail) -> NotRetryable | None:
    """Why a retry of the mail cannot succeed; None if it can."""
    if mail.reason == ParkReason.MAIL_TOO_LARGE:
        return NotRetryable.MAIL_TOO_LARGE
    return NotRetryable.CONTENT_MISSING if mail.raw is None else None


def why_not_retryable(mail: Mail) -> str | None:
    """As `not_retryable`, as a text with a hint."""
    reason = not_retryable(mail)
    return None if reason is None else "; ".join(_NOT_RETRYABLE[reason])
