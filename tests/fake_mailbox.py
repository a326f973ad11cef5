"""A mailbox in memory, and the fetcher's port to it."""

import threading
from collections.abc import Collection, Sequence
from datetime import datetime

from services.fetcher.ports import FailureKind, Fetched, MailboxError, Waiting


class FakeMailbox:
    """What is on the mail server: raw mails by id, oldest first. It outlives the sessions that read it."""

    def __init__(self) -> None:
        self.mails: dict[str, bytes] = {}
        self.removed: list[str] = []  # in the order of their removal
        self._last_id = 0

    def deliver(self, raw: bytes) -> str:
        """A new mail comes; returns its id."""
        self._last_id += 1
        self.mails[str(self._last_id)] = raw
        return str(self._last_id)


class FakeMailSource:
    """The port `MailSource` over a FakeMailbox. `failures` are raised by the next calls to the server."""

    def __init__(self, mailbox: FakeMailbox, *, received_at: datetime | None = None) -> None:
        self.failures: list[MailboxError] = []
        self.sessions = 0
        self.left: list[str] = []  # what cannot be taken
        self._mailbox = mailbox
        self._received_at = received_at
        self._handed_out: set[str] = set()
        self._listed: list[str] = []
        self._connected = False
        self._woken = threading.Event()

    def fails(self, failure_kind: FailureKind = FailureKind.CONNECTION, times: int = 1) -> None:
        self.failures += [
            MailboxError("as told", mailbox="fake", failure_kind=failure_kind, hint="stop telling")
        ] * times

    def connect(self) -> None:
        self._connected = True
        self._answer()
        self._handed_out.clear()
        self.sessions += 1

    def describe(self) -> str:
        self._answer()
        return "a mailbox in memory"

    def list_new(self, most: int) -> list[Waiting]:
        self._answer()
        new = [Waiting(mail_id, len(raw)) for mail_id, raw in self._mailbox.mails.items()]
        new = [one for one in new if one.id not in self._handed_out][:most]
        self._handed_out.update(one.id for one in new)
        self._listed = list(self._mailbox.mails)
        return new

    def refresh(self, known: Collection[str]) -> None:
        self._answer()
        self._handed_out.update(known)
        self._listed = list(self._mailbox.mails)

    def count_unlisted(self, known: Collection[str]) -> int:
        return len(set(self._listed) - self._handed_out - set(known))

    def fetch(self, ids: Sequence[str]) -> list[Fetched]:
        self._answer()
        there = [mail_id for mail_id in ids if mail_id in self._mailbox.mails]
        return [Fetched(mail_id, self._mailbox.mails[mail_id], self._received_at) for mail_id in there]

    def remove(self, ids: Sequence[str]) -> None:
        self._answer()
        for mail_id in ids:
            if self._mailbox.mails.pop(mail_id, None) is not None:
                self._mailbox.removed.append(mail_id)

    def flag_oversized(self, ids: Sequence[str]) -> list[Fetched]:
        self._answer()
        self.left += ids
        return []

    def wait(self, timeout_s: float) -> None:
        self._answer()
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._connected = False

    def abort(self) -> None:
        self._connected = False
        self._woken.set()

    def _answer(self) -> None:
        if self.failures:
            self._connected = False
            raise self.failures.pop(0)
        if not self._connected:
            raise MailboxError("no session", mailbox="fake", failure_kind=FailureKind.CONNECTION, hint="connect first")
