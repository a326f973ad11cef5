"""The port `MailSource` over POP3 (RFC 1939).

A session may lock the maildrop, and shows no mail that arrives after its start. A session therefore
lists, fetches, waits a bounded time for receipts, deletes and quits; the next one starts at the
poll interval. DELE takes effect only with QUIT. A mail that was recorded in a session that broke is
deleted by a later one, after its bytes are compared, because a server may give an old UIDL to a new
mail.
"""

import hashlib
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress

from services.fetcher import metrics
from services.fetcher.pop3.maildrop import Maildrop
from services.fetcher.pop3.session import BROKEN, Pop3Session
from services.fetcher.ports import FetchedMail, ListedMail
from services.fetcher.sources.credentials import Credential
from services.fetcher.sources.diagnosis import as_mailbox_error
from services.fetcher.sources.seen_ids import HEAD_OF, NoSeenIds, SeenIds
from services.fetcher.sources.wakeup import WakeupPipe
from services.runtime.logs import get_logger
from services.runtime.mail.raw_mail_builder import HEAD_BYTES
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

RECEIPTS_S = 30.0  # how long a session waits; RFC 1939 lets a server end it after 10 silent minutes


class Pop3Source:
    """One maildrop.

    The ids are those of `Maildrop`.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        server: IncomingServer,
        credential: Callable[[], Credential],
        seen_ids: SeenIds | None = None,
        *,
        receipts_s: float = RECEIPTS_S,
    ) -> None:
        """`credential` is called at each connect. `seen_ids` stores the ids of mails that stay."""
        self._mailbox = mailbox
        self._server = server
        self._credential = credential
        self._seen_ids = seen_ids or NoSeenIds()
        self._receipts_s = receipts_s
        self._wake = WakeupPipe()
        self._session: Pop3Session | None = None
        self._resting = False  # between two sessions, not broken
        self._listed = Maildrop()  # in this session
        self._awaited: set[str] = set()  # fetched in this session, without a receipt yet
        self._hashes: dict[str, bytes] = {}  # of fetched mails that are not deleted for good
        self._deleted: set[str] = set()  # in this session, until QUIT
        self._to_delete: set[str] = set()  # recorded, and not known to be deleted for good
        self._recorded_by_head: set[str] = set()  # oversized; they stay when recorded

    def connect(self) -> None:
        self.close()
        with self._mailbox_error("connect"):
            self._start()

    def describe(self) -> str:
        with self._mailbox_error("describe the maildrop"):
            session = self._connected()
            capabilities = sorted(session.capabilities() & {"UIDL", "PIPELINING", "STLS", "TOP"})
        tls = session.socket.version() if isinstance(session.socket, ssl.SSLSocket) else "no TLS"
        after = "delete" if self._server.delete_after_fetch else "remember its UIDL"
        return (
            f"POP3 at {self._server.host}:{self._server.port} ({session.greeting}), {tls}: {len(self._listed)} mails; "
            f"{', '.join(capabilities) or 'no extensions'}; after the receipt: {after}"
        )

    def list_new(self, limit: int) -> list[ListedMail]:
        with self._mailbox_error("list the mails"):
            self._connected()
        return [ListedMail(mail_id, size) for mail_id, size in self._listed.take(limit)]

    def refresh(self, known: Collection[str]) -> None:
        """Start a session unless one is open: a session shows no later mail."""
        with self._mailbox_error("list the mails"):
            self._connected()
        self._listed.skip(known)

    def count_unlisted(self, known: Collection[str]) -> int:
        return self._listed.count_except(known)

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        with self._mailbox_error("fetch mails"):
            session = self._connected()
            present = [
                mail_id
                for mail_id in ids
                if mail_id in self._listed and mail_id not in self._deleted
            ]
            found = [(mail_id, self._retrieve(session, mail_id)) for mail_id in present]
        fetched = [FetchedMail(mail_id, raw, None) for mail_id, raw in found if raw is not None]
        for mail in fetched:
            self._awaited.add(mail.id)
            if self._server.delete_after_fetch:
                self._hashes[mail.id] = hashlib.sha256(mail.raw).digest()
        return fetched

    def remove(self, ids: Sequence[str]) -> None:
        self._seen_ids.remember(
            [HEAD_OF + mail_id for mail_id in ids if mail_id in self._recorded_by_head]
        )
        ids = [mail_id for mail_id in ids if mail_id not in self._recorded_by_head]
        with self._mailbox_error("remove recorded mails"):
            if not self._server.delete_after_fetch:
                self._seen_ids.remember(ids)
                self._awaited.difference_update(ids)
                return
            self._to_delete.update(ids)
            started = self._session is None
            session = self._connected()
            if started:
                return  # the start deleted them
            for mail_id in ids:
                if mail_id in self._awaited or mail_id not in self._hashes:
                    self._delete(session, mail_id)
            self._delete_recorded(session)

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        """POP3 has no flags, so each mail is recorded by its beginning, once."""
        known = self._seen_ids.known()
        with self._mailbox_error("read oversized mails"):
            session = self._connected()
            new = [
                mail_id
                for mail_id in ids
                if mail_id in self._listed and HEAD_OF + mail_id not in known
            ]
            heads = [
                (mail_id, session.retrieve_head(*self._listed[mail_id], HEAD_BYTES))
                for mail_id in new
            ]
        self._recorded_by_head.update(new)
        return [FetchedMail(mail_id, head, None) for mail_id, head in heads]

    def wait(self, timeout_s: float) -> None:
        with self._mailbox_error("end the session"):
            if self._awaited and self._wake.wait(min(timeout_s, self._receipts_s)):
                return  # most likely by a receipt
            self._end()
        self._wake.wait(timeout_s)

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._resting = False
        try:
            self._end()
        except (*BROKEN, OSError, EOFError) as error:
            log.debug("pop3_quit_failed", mailbox=self._mailbox.name, error=error)
        self._resting = False

    def abort(self) -> None:
        self._wake.set()
        session = self._session
        if session is not None:
            with suppress(OSError):
                # Not TLS's: another thread reads.
                socket.socket.shutdown(session.socket, socket.SHUT_RDWR)

    def _connected(self) -> Pop3Session:
        if self._session is None:
            if not self._resting:
                raise OSError("not connected")
            self._start()
        assert self._session is not None  # noqa: S101 - for the type checker: `_start` raises or sets it
        return self._session

    def _start(self) -> None:
        self._listed = Maildrop()  # the former one is gone before the next is there
        self._session = session = Pop3Session(self._mailbox, self._server)
        session.log_in(self._credential())
        listed = Maildrop(session.listing())
        self._awaited.clear()
        self._deleted.clear()
        self._listed = listed
        self._delete_recorded(session)
        listed.skip(self._deleted)
        if not self._server.delete_after_fetch:
            known = self._seen_ids.known()
            self._seen_ids.forget(
                sorted(seen for seen in known if seen.removeprefix(HEAD_OF) not in listed)
            )
            listed.skip(known)

    def _delete_recorded(self, session: Pop3Session) -> None:
        """Delete recorded mails that earlier sessions could not delete for good."""
        for mail_id in sorted(self._to_delete - self._deleted):
            raw = self._retrieve(session, mail_id) if mail_id in self._listed else None
            if raw is not None and hashlib.sha256(raw).digest() == self._hashes.get(mail_id):
                self._delete(session, mail_id)
            else:  # gone, or replaced by another mail
                self._to_delete.discard(mail_id)
                self._hashes.pop(mail_id, None)

    def _delete(self, session: Pop3Session, mail_id: str) -> None:
        self._awaited.discard(mail_id)
        if mail_id not in self._listed or mail_id in self._deleted:
            return
        try:
            session.delete(self._listed[mail_id][0])
        except BROKEN as error:
            log.warning("mail_not_deleted", mailbox=self._mailbox.name, id=mail_id, error=error)
        else:
            self._deleted.add(mail_id)

    def _retrieve(self, session: Pop3Session, mail_id: str) -> bytes | None:
        """None if the server cannot return the mail; it stays for the next session."""
        try:
            return session.retrieve(*self._listed[mail_id])
        except BROKEN as error:
            metrics.UNREADABLE.labels(self._mailbox.name).inc()
            hint = "inspect this mail on the mail server, which cannot return it"
            log.warning(
                "mail_unreadable", mailbox=self._mailbox.name, id=mail_id, error=error, hint=hint
            )
            return None

    def _end(self) -> None:
        """Quit, if there is a session; this deletes for good."""
        session, self._session = self._session, None
        self._resting = True
        if session is None:
            return
        try:
            session.quit()
            self._to_delete -= self._deleted
            for mail_id in self._deleted:
                self._hashes.pop(mail_id, None)
        finally:
            session.hang_up()

    def _mailbox_error(self, attempt: str) -> AbstractContextManager[None]:
        return as_mailbox_error(attempt, self._mailbox, self._server, broken=BROKEN)
