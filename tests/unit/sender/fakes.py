"""Fakes of the sender's ports; they pass the same contracts in `tests/contract` as the adapters."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import structs

from schemas.stored import OutgoingMail
from services.runtime.store.errors import ConflictError
from services.sender.ports import EVERYTHING, Addressed, Backlog, DeliveryResult, Ending, Share
from services.sender.rate_limits import SendingHistory
from tests.unit.sender.builders import NOW

_UNFINISHED = frozenset({"pending", "claimed"})


@dataclass
class FakeOutbox:
    """Implements the port `Outbox` in memory. The next writes of a final state or a history raise
    `failures`.
    """

    mails: dict[str, OutgoingMail] = field(default_factory=dict)
    endings: list[Ending] = field(default_factory=list)
    known: dict[str, SendingHistory] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    extended: asyncio.Event = field(default_factory=asyncio.Event)

    async def now(self) -> datetime:
        return NOW

    async def due(self, now: datetime, limit: int, share: Share = EVERYTHING) -> list[str]:
        mails = [mail for mail in self._unfinished() if mail.due_at <= now and _is_of(share, mail)]
        return [mail.id for mail in sorted(mails, key=lambda mail: mail.due_at)][:limit]

    async def addressed(self, mail_ids: Sequence[str]) -> list[Addressed]:
        unfinished = {mail.id: mail for mail in self._unfinished()}
        found = [
            unfinished[mail_id] for mail_id in dict.fromkeys(mail_ids) if mail_id in unfinished
        ]
        return [Addressed(mail.id, mail.process, mail.kind == "answer") for mail in found]

    async def claim(
        self, mail_id: str, claim: str, now: datetime, until: datetime
    ) -> OutgoingMail | None:
        if mail_id not in await self.due(now, 1000):
            return None
        mail = self.mails[mail_id]
        changes: dict[str, Any] = {"state": "claimed", "claimed_by": claim, "due_at": until}
        self.mails[mail_id] = structs.replace(mail, attempts=mail.attempts + 1, **changes)
        return self.mails[mail_id]

    async def extend(self, mail_id: str, claim: str, until: datetime) -> bool:
        self.extended.set()
        return self._change(mail_id, claim, due_at=until)

    async def store_text(self, mail_id: str, claim: str, subject: str, text: str) -> bool:
        return self._change(mail_id, claim, subject=subject, text=text)

    async def histories(self, keys: Sequence[str]) -> dict[str, SendingHistory]:
        return {key: self.known.get(key, SendingHistory()) for key in keys}

    async def count(
        self,
        histories: Mapping[str, SendingHistory],
        now: datetime,
        counted: tuple[str, str] | None,
    ) -> None:
        if self.failures:
            raise self.failures.pop(0)
        current = await self.histories(list(histories))
        if any(current[key].version != history.version for key, history in histories.items()):
            raise ConflictError("another sender counted first")
        self.known |= {
            key: SendingHistory(history.times, history.held_until, history.version + 1)
            for key, history in histories.items()
        }
        if counted:
            self._change(*counted, counted_at=now)

    async def release(self, mail: OutgoingMail, claim: str) -> bool:
        names = ("due_at", "remaining", "refused", "failure", "attempts")
        changes = {name: getattr(mail, name) for name in names}
        return self._change(mail.id, claim, state="pending", claimed_by=None, **changes)

    async def end(self, mail: OutgoingMail, claim: str, ending: Ending) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        changes = {name: getattr(mail, name) for name in ("remaining", "refused")}
        changes |= {"state": ending.state, "ended_at": ending.at, "failure": ending.failure}
        if not self._change(mail.id, claim, claimed_by=None, **changes):
            return False
        self.endings.append(ending)
        return True

    async def prove_majority(self) -> None:
        """Accept the write, as by a majority of members."""

    async def backlog(self) -> Backlog:
        times = [mail.created_at for mail in self._unfinished()]
        return Backlog(len(times), min(times, default=None))

    def _unfinished(self) -> list[OutgoingMail]:
        return [mail for mail in self.mails.values() if mail.state in _UNFINISHED]

    def _change(self, mail_id: str, claim: str, **changes: Any) -> bool:
        mail = self.mails[mail_id]
        if mail.claimed_by != claim or mail.state != "claimed":
            return False
        self.mails[mail_id] = structs.replace(mail, **changes)
        return True


def _is_of(share: Share, mail: OutgoingMail) -> bool:
    return (
        (mail.process in share.processes) != share.others
        and (share.answers is None or share.answers == (mail.kind == "answer"))
        and (share.created_before is None or mail.created_at < share.created_before)
    )


class FakeTransport:
    """Implements the port `Transport`; `answer` maps the recipients to a result."""

    def __init__(self, answer: Callable[[Sequence[str]], DeliveryResult] = DeliveryResult) -> None:
        self.answer = answer
        self.messages: list[bytes] = []
        self.recipients: list[list[str]] = []

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        self.messages.append(message)
        self.recipients.append(list(recipients))
        return self.answer(recipients)


def answer_by_name(recipients: Sequence[str]) -> DeliveryResult:
    """Reject `unknown@…`, defer `grey@…`, accept all others."""
    names = {address: address.partition("@")[0] for address in recipients}
    return DeliveryResult(
        accepted=[address for address, name in names.items() if name not in {"unknown", "grey"}],
        rejected={
            address: "550 no such user" for address, name in names.items() if name == "unknown"
        },
        deferred={address: "450 greylisted" for address, name in names.items() if name == "grey"},
    )


def no_session(recipients: Sequence[str]) -> DeliveryResult:
    return DeliveryResult(
        deferred=dict.fromkeys(recipients, "connection refused"), session="failed"
    )
