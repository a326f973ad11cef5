"""A mailbox in memory, and fakes of the fetcher's ports that use it."""

import threading
from collections.abc import Collection, Sequence
from datetime import datetime

from services.fetcher.ports import FailureKind, FetchedMail, ListedMail, MailboxError
from services.runtime.mail.raw_mail_builder import HEAD_BYTES


class FakeMailbox:
    """The mails on the server: raw bytes by id, oldest first. It outlives the sessions that read
    it.
    """

    def __init__(self) -> None:
        self.mails: dict[str, bytes] = {}
        self.removed: list[str] = []  # in the order of their removal
        self._last_id = 0

    def deliver(self, raw: bytes) -> str:
        """Add a mail and return its id."""
        self._last_id += 1
        self.mails[str(self._last_id)] = raw
        return str(self._last_id)


class FakeMailSource:
    """Implements the port `MailSource` with a FakeMailbox.

    `received_at` is the time that the server reports for each mail, None if it keeps none. With
    `can_flag=False` the server has no flags, like POP3; only the beginnings of oversized mails are
    recorded.
    """

    def __init__(
        self,
        mailbox: FakeMailbox,
        *,
        received_at: datetime | None = None,
        can_flag: bool = True,
    ) -> None:
        self.sessions = 0
        self.fetches: list[list[str]] = []  # the ids of each call
        self.waits = 0
        self.flagged: list[str] = []
        self._failures: dict[str, list[MailboxError]] = {}
        self._mailbox = mailbox
        self._received_at = received_at
        self._can_flag = can_flag
        self._handed_out: set[str] = set()
        self._listed: list[str] = []
        self._oversized: set[str] = set()  # recorded by their beginning
        self._recorded_heads: set[str] = set()
        self._connected = False
        self._woken = threading.Event()

    def fail_next(
        self, method: str, failure_kind: FailureKind = FailureKind.CONNECTION, times: int = 1
    ) -> None:
        """Make the next `times` calls of `method` end the session with a MailboxError."""
        error = MailboxError("injected", mailbox="fake", failure_kind=failure_kind, hint="none")
        self._failures.setdefault(method, []).extend([error] * times)

    def connect(self) -> None:
        self._connected = True
        self._answer("connect")
        self._handed_out.clear()
        self._listed = list(self._mailbox.mails)
        self.sessions += 1

    def describe(self) -> str:
        self._answer("describe")
        return "a mailbox in memory"

    def list_new(self, limit: int) -> list[ListedMail]:
        self._answer("list_new")
        self._listed = list(self._mailbox.mails)
        new_ids = [mail_id for mail_id in self._listed if mail_id not in self._handed_out][:limit]
        self._handed_out.update(new_ids)
        return [self._waiting(mail_id) for mail_id in new_ids]

    def refresh(self, known: Collection[str]) -> None:
        self._answer("refresh")
        self._handed_out.update(known)
        self._listed = list(self._mailbox.mails)

    def count_unlisted(self, known: Collection[str]) -> int:
        return len(set(self._listed) - self._handed_out - set(known))

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        self.fetches.append(list(ids))
        self._answer("fetch")
        there = [mail_id for mail_id in ids if mail_id in self._mailbox.mails]
        return [
            FetchedMail(mail_id, self._mailbox.mails[mail_id], self._received_at)
            for mail_id in there
        ]

    def remove(self, ids: Sequence[str]) -> None:
        self._answer("remove")
        self._recorded_heads |= self._oversized.intersection(ids)
        for mail_id in ids:
            if (
                mail_id not in self._oversized
                and self._mailbox.mails.pop(mail_id, None) is not None
            ):
                self._mailbox.removed.append(mail_id)

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        self._answer("flag_oversized")
        if self._can_flag:
            self.flagged += ids
            return []
        new_ids = [
            mail_id
            for mail_id in ids
            if mail_id in self._mailbox.mails and mail_id not in self._recorded_heads
        ]
        self._oversized.update(new_ids)
        heads = {mail_id: self._mailbox.mails[mail_id][:HEAD_BYTES] for mail_id in new_ids}
        return [FetchedMail(mail_id, head, self._received_at) for mail_id, head in heads.items()]

    def wait(self, timeout_s: float) -> None:
        self.waits += 1
        self._answer("wait")
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._connected = False

    def abort(self) -> None:
        self._connected = False
        self._woken.set()

    def _waiting(self, mail_id: str) -> ListedMail:
        return ListedMail(mail_id, len(self._mailbox.mails[mail_id]), self._received_at)

    def _answer(self, method: str) -> None:
        if self._failures.get(method):
            self._connected = False
            raise self._failures[method].pop(0)
        if not self._connected:
            raise MailboxError(
                "no session",
                mailbox="fake",
                failure_kind=FailureKind.CONNECTION,
                hint="connect first",
            )


class FakeSeenIds:
    """Implements the port `SeenIds` in memory."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def known(self) -> set[str]:
        return set(self.ids)

    def remember(self, ids: Sequence[str]) -> None:
        self.ids.update(ids)

    def forget(self, ids: Sequence[str]) -> None:
        self.ids.difference_update(ids)
