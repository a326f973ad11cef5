"""POP3 (RFC 1939) behind the port of `MailSource`.

A session may lock the maildrop against everyone else, and shows nothing that came after its beginning. So one session
lists, fetches, waits a bounded time for receipts, deletes and quits; the next begins at the poll interval. DELE takes
effect with QUIT only: what was recorded in a session that died is deleted by a later one, once its bytes are seen to
be the same, because a server may give an old UIDL to a new mail.
"""

import hashlib
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress

from services.fetcher import metrics
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

RECEIPTS_S = 30.0  # how long a session waits for receipts; RFC 1939 lets a server end it after 10 silent minutes


class Pop3Source:
    """One maildrop. Ids are `UIDL/size`, the second and later mails of one UIDL with `/2`, `/3` … behind them."""

    def __init__(
        self,
        mailbox: Mailbox,
        server: IncomingServer,
        credential: Callable[[], Credential],
        seen_ids: SeenIds | None = None,
        *,
        receipts_s: float = RECEIPTS_S,
    ) -> None:
        """`credential` is called at each connect. `memory` is for mails that stay after their receipts."""
        self._mailbox = mailbox
        self._server = server
        self._credential = credential
        self._seen_ids = seen_ids or NoSeenIds()
        self._receipts_s = receipts_s
        self._wake = WakeupPipe()
        self._session: Pop3Session | None = None
        self._resting = False  # between two sessions, by our own doing
        self._listed: dict[str, tuple[int, int]] = {}  # id -> number and size, in this session
        self._new: list[str] = []  # of these, not handed out yet
        self._awaited: set[str] = set()  # fetched in this session, receipts outstanding
        self._hashes: dict[str, bytes] = {}  # of what was fetched and is not deleted for good
        self._deleted: set[str] = set()  # in this session, until QUIT
        self._unsettled: set[str] = set()  # recorded, and not known to be deleted for good
        self._left: set[str] = set()  # too large to be taken: they stay, whatever is recorded of them

    def connect(self) -> None:
        self.close()
        with self._mailbox_error("connect"):
            self._begin()

    def describe(self) -> str:
        with self._mailbox_error("look at the maildrop"):
            session = self._connected()
            able = sorted(session.capabilities() & {"UIDL", "PIPELINING", "STLS", "TOP"})
        tls = session.socket.version() if isinstance(session.socket, ssl.SSLSocket) else "no TLS"
        after = "delete" if self._server.delete_after_fetch else "remember its UIDL"
        return (
            f"POP3 at {self._server.host}:{self._server.port} ({session.greeting}), {tls}: {len(self._listed)} mails; "
            f"{', '.join(able) or 'no extensions'}; after the receipt: {after}"
        )

    def list_new(self, limit: int) -> list[ListedMail]:
        with self._mailbox_error("list the mails"):
            self._connected()
        ids, self._new = self._new[:limit], self._new[limit:]
        return [ListedMail(one, self._listed[one][1]) for one in ids]

    def refresh(self, known: Collection[str]) -> None:
        """A session tells of nothing that comes after its beginning, so this begins one, but for one that is open."""
        with self._mailbox_error("list the mails"):
            self._connected()
        self._new = [one for one in self._new if one not in known]

    def count_unlisted(self, known: Collection[str]) -> int:
        return len(set(self._new).difference(known))

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        with self._mailbox_error("fetch mails"):
            session = self._connected()
            there = [one for one in ids if one in self._listed and one not in self._deleted]
            found = [(one, self._retrieve(session, one)) for one in there]
        fetched = [FetchedMail(one, raw, None) for one, raw in found if raw is not None]
        for mail in fetched:
            self._awaited.add(mail.id)
            if self._server.delete_after_fetch:
                self._hashes[mail.id] = hashlib.sha256(mail.raw).digest()
        return fetched

    def remove(self, ids: Sequence[str]) -> None:
        self._seen_ids.remember([HEAD_OF + one for one in ids if one in self._left])
        ids = [one for one in ids if one not in self._left]
        with self._mailbox_error("remove recorded mails"):
            if not self._server.delete_after_fetch:
                self._seen_ids.remember(ids)
                self._awaited.difference_update(ids)
                return
            self._unsettled.update(ids)
            began = self._session is None
            session = self._connected()
            if began:
                return  # the beginning has settled them
            for one in ids:
                if one in self._awaited or one not in self._hashes:
                    self._delete(session, one)
            self._settle(session)

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        """POP3 has no flags, so each is recorded by its beginning, once."""
        known = self._seen_ids.known()
        with self._mailbox_error("look at large mails"):
            session = self._connected()
            there = [one for one in ids if one in self._listed and HEAD_OF + one not in known]
            heads = [(one, session.retrieve_head(*self._listed[one], HEAD_BYTES)) for one in there]
        self._left.update(there)
        return [FetchedMail(one, head, None) for one, head in heads]

    def wait(self, timeout_s: float) -> None:
        with self._mailbox_error("end the session"):
            if self._awaited and self._wake.wait(min(timeout_s, self._receipts_s)):
                return  # by a receipt, most likely: there is something to remove
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
                socket.socket.shutdown(session.socket, socket.SHUT_RDWR)  # not TLS's own: another thread reads

    def _connected(self) -> Pop3Session:
        if self._session is None:
            if not self._resting:
                raise OSError("not connected")
            self._begin()
        assert self._session is not None  # noqa: S101 - for the type checker: `_begin` raises or sets it
        return self._session

    def _begin(self) -> None:
        self._new = []
        self._session = session = Pop3Session(self._mailbox, self._server)
        session.log_in(self._credential())
        self._listed = _named(session.listing())
        self._awaited.clear()
        self._deleted.clear()
        self._settle(session)
        self._new = [one for one in self._listed if one not in self._deleted]
        if not self._server.delete_after_fetch:
            known = self._seen_ids.known()
            self._seen_ids.forget(sorted(one for one in known if one.removeprefix(HEAD_OF) not in self._listed))
            self._new = [one for one in self._new if one not in known]

    def _settle(self, session: Pop3Session) -> None:
        """Delete what earlier sessions recorded and could not delete for good."""
        for one in sorted(self._unsettled - self._deleted):
            raw = self._retrieve(session, one) if one in self._listed else None
            if raw is not None and hashlib.sha256(raw).digest() == self._hashes.get(one):
                self._delete(session, one)
            else:  # gone, or another mail by now
                self._unsettled.discard(one)
                self._hashes.pop(one, None)

    def _delete(self, session: Pop3Session, one: str) -> None:
        self._awaited.discard(one)
        if one not in self._listed or one in self._deleted:
            return
        try:
            session.delete(self._listed[one][0])
        except BROKEN as error:
            log.warning("mail_not_deleted", mailbox=self._mailbox.name, id=one, error=error)
        else:
            self._deleted.add(one)

    def _retrieve(self, session: Pop3Session, one: str) -> bytes | None:
        """None where the server cannot give it out; it stays for the next session and stops no other."""
        try:
            return session.retrieve(*self._listed[one])
        except BROKEN as error:
            metrics.UNREADABLE.labels(self._mailbox.name).inc()
            hint = "look at this mail on the mail server: it cannot give it out"
            log.warning("mail_unreadable", mailbox=self._mailbox.name, id=one, error=error, hint=hint)
            return None

    def _end(self) -> None:
        """Quit, which deletes for good; without a session nothing happens."""
        session, self._session = self._session, None
        self._resting = True
        if session is None:
            return
        try:
            session.quit()
            self._unsettled -= self._deleted
            for one in self._deleted:
                self._hashes.pop(one, None)
        finally:
            session.hang_up()

    def _mailbox_error(self, attempt: str) -> AbstractContextManager[None]:
        return as_mailbox_error(attempt, self._mailbox, self._server, broken=BROKEN)


def _named(listing: Sequence[tuple[int, str, int]]) -> dict[str, tuple[int, int]]:
    """An id for each mail; the size in it tells apart most mails to which a server gives one UIDL in turn."""
    named: dict[str, tuple[int, int]] = {}
    for number, uidl, size in listing:
        name, count = f"{uidl}/{size}", 1
        while name in named:
            count += 1
            name = f"{uidl}/{size}/{count}"
        named[name] = (number, size)
    return named
