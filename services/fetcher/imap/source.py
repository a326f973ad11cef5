"""IMAP4rev1 (RFC 3501) behind the port of `MailSource`.

imap-tools keeps the session; the mails are taken as the raw literals that the server sends, because its parsed message
would write other bytes than came in.
"""

import imaplib
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime

from imap_tools import BaseMailBox

from services.fetcher import metrics
from services.fetcher.imap.client import MAX_LINE_BYTES, bounded_client
from services.fetcher.imap.polling import next_poll_s
from services.fetcher.imap.removal import MailRemover
from services.fetcher.imap.responses import Item, bodies, numbers, sequence_set, sizes
from services.fetcher.imap.session import BROKEN, Folder, hang_up, log_in, open_session, select, untagged
from services.fetcher.ports import FetchedMail, ListedMail
from services.fetcher.sources.credentials import Credential
from services.fetcher.sources.diagnosis import as_mailbox_error, has_buffered
from services.fetcher.sources.seen_ids import HEAD_OF, NoSeenIds, SeenIds
from services.fetcher.sources.wakeup import WakeupPipe
from services.runtime.logs import get_logger
from services.runtime.mail.raw_mail_builder import HEAD_BYTES
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

MAX_IDLE_S = 9 * 60.0  # RFC 2177 allows 29 minutes; routers forget a silent connection much sooner
LOOK_S = 10.0  # between two looks while nothing can be taken
RENEW_S = 3600.0  # a session is opened anew, to look again at what could not be taken and to use renewed secrets
UNKNOWN_SIZE = 100 * 1024 * 1024  # no more than the highest `limits.max_mail_bytes`
_SIZES_AT_ONCE = 500


class ImapSource:
    """One folder of one IMAP account. Ids are `UIDVALIDITY:UID`, so that a renewed folder holds new mails only."""

    def __init__(
        self,
        mailbox: Mailbox,
        server: IncomingServer,
        credential: Callable[[], Credential],
        seen_ids: SeenIds | None = None,
    ) -> None:
        """`credential` is called at each connect, so that a changed secret needs no restart.

        `memory` is for large mails of a folder without flags.
        """
        self._mailbox = mailbox
        self._server = server
        self._credential = credential
        self._seen_ids = seen_ids or NoSeenIds()
        self._wake = WakeupPipe()
        self._removal = MailRemover(mailbox, server)
        self._box: BaseMailBox | None = None
        self._folder: Folder | None = None  # of that session
        self._connected_at_s = 0.0
        self._last_news_s = float("-inf")
        self._sessions = 0
        self._validity = ""
        self._last_uid = 0
        self._removals_ended = False  # those that an earlier session was cut off in
        self._backlog: deque[int] = deque()
        self._sizes: dict[int, int] = {}  # of mails that were handed out and not fetched yet, as the server tells them
        self._fetched: dict[str, tuple[int, datetime | None]] = {}  # in which session, and the mail's INTERNALDATE
        self._left: set[str] = set()  # too large to be taken and not flagged: they stay, whatever is recorded of them

    def connect(self) -> None:
        self.close()
        with self._mailbox_error("connect"):
            self._box = box = open_session(self._mailbox, self._server)
            log_in(box, self._mailbox, self._credential())
            self._folder = select(box, self._mailbox)
            self._sessions += 1
            validity = untagged(box, "UIDVALIDITY")
            # Without one, or where UIDs do not outlive the session (RFC 4315 section 2), an id may not either.
            lasting = validity and not untagged(box, "UIDNOTSTICKY")
            self._validity = str(int(validity[-1])) if lasting else f"session{self._sessions}"
            self._removal.check_rights(self._folder)
        self._connected_at_s = time.monotonic()
        self._last_uid = 0
        self._removals_ended = False
        self._backlog.clear()
        self._sizes.clear()

    def describe(self) -> str:
        with self._mailbox_error("look at the folder"):
            folder = self._selected
            client = folder.box.client
            mails = self._contents()
            abilities: list[str] = [name for name in ("IDLE", "UIDPLUS", "MOVE") if name in folder.capabilities]
            abilities += ["deleting"] if rb"\Deleted" in folder.permanent_flags else []
            abilities += ["keywords"] if rb"\*" in folder.permanent_flags else []
            greeting = re.sub(r"^\S+ \S+ (\[[^\]]*\] ?)?", "", client.welcome.decode("ascii", "replace")).strip()[:80]
        tls = client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else "no TLS"
        return (
            f"IMAP at {self._server.host}:{self._server.port} ({greeting}), {tls}, folder {self._mailbox.folder}: "
            f"{mails}; {', '.join(abilities) or 'no extensions'}; "
            f"after the receipt: {self._removal.describe(folder)}"
        )

    def list_new(self, limit: int) -> list[ListedMail]:
        with self._mailbox_error("list the mails"):
            if not self._removals_ended:
                self._removal.finish_interrupted(self._selected)
                self._removals_ended = True
            if not self._backlog:
                self._backlog.extend(self._search())
            uids = [self._backlog.popleft() for _ in range(min(limit, _SIZES_AT_ONCE, len(self._backlog)))]
            data = self._command("FETCH", sequence_set(uids), "(UID RFC822.SIZE INTERNALDATE)") if uids else []
            found = {uid: ListedMail(f"{self._validity}:{uid}", size, at) for uid, size, at in sizes(data)}
            self._report_unreadable(set(uids) - set(found))
        self._sizes |= {uid: mail.size for uid, mail in found.items()}
        # A mail that is gone again has no size; it needs no fetching.
        return [found[uid] for uid in uids if uid in found]

    def refresh(self, known: Collection[str]) -> None:
        with self._mailbox_error("list the mails"):
            self._session.client.noop()  # a search may see only what the server has told of
            among = set(self._uids(known))
            self._backlog.extend(uid for uid in self._search() if uid not in among)

    def count_unlisted(self, known: Collection[str]) -> int:
        uids = list(self._backlog)
        # Ascending, and handed out from the front.
        among = [uid for uid in self._uids(known) if uid >= uids[0]] if uids else []
        return max(0, len(uids) - len(among))

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        uids = self._uids(ids)
        if not uids:
            return []
        listed = {uid: self._sizes.pop(uid, UNKNOWN_SIZE) for uid in uids}
        refused: set[int] = set()
        with self._mailbox_error("fetch mails"), self._bounded(sum(listed.values())):
            data = self._fetch_readable(uids, refused)
            # Nothing, of a mail that was listed with a size, is what a server says that has lost it for now.
            whole = [(uid, raw, at) for uid, raw, at in bodies(data) if uid in listed and (raw or not listed[uid])]
            found = {uid: FetchedMail(f"{self._validity}:{uid}", raw, at) for uid, raw, at in whole}
            self._report_unreadable(set(uids) - set(found) - refused)
        self._fetched |= {mail.id: (self._sessions, mail.received_at) for mail in found.values()}
        return [found[uid] for uid in uids if uid in found]

    def remove(self, ids: Sequence[str]) -> None:
        self._seen_ids.remember([HEAD_OF + one for one in ids if one in self._left])
        with self._mailbox_error("remove recorded mails"):
            uids = self._unchanged([one for one in ids if one not in self._left])
            if uids:
                self._removal.remove(self._selected, uids)
        for one in ids:
            self._fetched.pop(one, None)

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        with self._mailbox_error("flag mails"):
            uids = self._uids(ids)
            if not uids or self._flagged(uids):
                return []
        known = self._seen_ids.known()
        uids = self._uids(one for one in ids if HEAD_OF + one not in known)
        with self._mailbox_error("look at large mails"):
            data = (
                self._command("FETCH", sequence_set(uids), f"(UID INTERNALDATE BODY.PEEK[]<0.{HEAD_BYTES}>)")
                if uids
                else []
            )
        heads = [FetchedMail(f"{self._validity}:{uid}", raw, at) for uid, raw, at in bodies(data) if uid in uids]
        self._left.update(head.id for head in heads)
        return heads

    def wait(self, timeout_s: float) -> None:
        if not self._backlog and time.monotonic() - self._connected_at_s > RENEW_S:
            self.connect()
            return
        with self._mailbox_error("wait for new mail"):
            if self._backlog:
                self._wake.wait(min(timeout_s, LOOK_S))  # nothing more can be taken, and `look` asks what has come
            elif self._has_announced():
                return  # while another command ran: IDLE would not say it again
            elif self._server.idle and "IDLE" in self._selected.capabilities:
                self._attend(timeout_s)
            else:
                self._wake.wait(timeout_s)
                self._session.client.noop()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        box, self._box, self._folder = self._box, None, None
        if box is None:
            return
        try:
            box.logout()
        except (*BROKEN, OSError) as error:
            log.debug("imap_logout_failed", mailbox=self._mailbox.name, error=error)
            hang_up(box)

    def abort(self) -> None:
        self._wake.set()
        box = self._box
        if box is not None:
            with suppress(OSError):
                # The plain socket's: imaplib's own waits for the thread that reads, TLS's would lose its state to it.
                socket.socket.shutdown(box.client.sock, socket.SHUT_RDWR)

    @property
    def _selected(self) -> Folder:
        if self._folder is None:
            raise imaplib.IMAP4.abort("not connected")
        return self._folder

    @property
    def _session(self) -> BaseMailBox:
        return self._selected.box

    def _search(self) -> list[int]:
        """UIDs that came after the last one seen, ascending; in an unseen folder all that are not recorded."""
        self._session.client.untagged_responses.pop("EXISTS", None)
        # `n:*` names the last mail even where its UID is below n (RFC 9051 section 9, seq-range).
        keys = [f"UID {self._last_uid + 1}:*", self._removal.search_key(self._selected), "UNDELETED"]
        found = numbers(self._command("SEARCH", " ".join(filter(None, keys))))
        uids = [uid for uid in found if uid > self._last_uid]
        if uids:
            self._last_uid, self._last_news_s = uids[-1], time.monotonic()
        return uids

    def _flagged(self, uids: Sequence[int]) -> bool:
        """Whether these mails could be flagged for a person."""
        if rb"\Flagged" not in self._selected.permanent_flags:
            return False
        try:
            self._command("STORE", sequence_set(uids), "+FLAGS.SILENT", r"(\Flagged)")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # the right may be missing although the flag is there
            log.warning("mail_not_flagged", mailbox=self._mailbox.name, error=error)
            return False
        return True

    def _has_announced(self) -> bool:
        """Whether the server told of a new mail since the last search began."""
        return bool(untagged(self._session, "EXISTS"))

    def _unchanged(self, ids: Sequence[str]) -> list[int]:
        """The UIDs of these, without one that names another mail by now.

        A server that came back from a backup under the same UIDVALIDITY gives UIDs again that it gave before. A mail
        that was fetched in this session is what it was.
        """
        earlier: dict[int, datetime | None] = {}
        for one in ids:
            session, at = self._fetched.get(one, (self._sessions, None))
            if session != self._sessions:
                earlier |= dict.fromkeys(self._uids([one]), at)
        if not earlier:
            return self._uids(ids)
        data = self._command("FETCH", sequence_set(list(earlier)), "(UID RFC822.SIZE INTERNALDATE)")
        others = {uid for uid, _, at in sizes(data) if uid in earlier and at != earlier[uid]}
        if others:
            log.warning("uid_reused", mailbox=self._mailbox.name, mails=len(others), hint="they are fetched anew")
        return [uid for uid in self._uids(ids) if uid not in others]

    def _fetch_readable(self, uids: Sequence[int], refused: set[int]) -> list[Item]:
        """What the server can read of these; one that it cannot stays for the next session and stops no other."""
        try:
            return self._command("FETCH", sequence_set(uids), "(UID INTERNALDATE BODY.PEEK[])")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if len(uids) > 1:
                return [item for uid in uids for item in self._fetch_readable([uid], refused)]
            refused.add(uids[0])
            self._unreadable(uids[0], error)
            return []

    def _report_unreadable(self, uids: Collection[int]) -> None:
        """Of mails that did not come though the server said yes, tell of those that are not gone."""
        for uid in self._selected.there(uids):
            self._unreadable(uid, imaplib.IMAP4.error("the server says yes and gives nothing"))

    def _unreadable(self, uid: int, error: Exception) -> None:
        metrics.UNREADABLE.labels(self._mailbox.name).inc()
        hint = "look at this mail on the mail server: it cannot give it out; it is asked for again within the hour"
        log.warning("mail_unreadable", mailbox=self._mailbox.name, id=str(uid), error=error, hint=hint)

    def _contents(self) -> str:
        """How many mails there are, and how old the oldest is."""
        uids = numbers(self._command("SEARCH", "UNDELETED"))
        if not uids:
            return "0 mails"
        oldest = sizes(self._command("FETCH", str(uids[0]), "(UID RFC822.SIZE INTERNALDATE)"))
        since = next((f", the oldest of {at:%Y-%m-%d %H:%M} UTC" for _, _, at in oldest if at), "")
        return f"{len(uids)} mails{since}"

    def _attend(self, timeout_s: float) -> None:
        """Wait in IDLE; first, while the last mail is not long ago, ask again at intervals that grow."""
        deadline_s = time.monotonic() + timeout_s
        while (pause_s := next_poll_s(time.monotonic() - self._last_news_s)) is not None:
            if self._wake.wait(pause_s) or time.monotonic() > deadline_s:
                return
            self._session.client.noop()
            if self._has_announced():
                return
        self._idle(min(max(0.0, deadline_s - time.monotonic()), MAX_IDLE_S))

    def _idle(self, timeout_s: float) -> None:
        box = self._session
        box.idle.start()  # type: ignore[no-untyped-call] # the library leaves these two without types
        try:
            if not has_buffered(box.client.file, box.client.sock):
                self._wake.wait(timeout_s, box.client.sock.fileno())
        finally:
            box.idle.stop()  # type: ignore[no-untyped-call]

    @contextmanager
    def _bounded(self, size: int) -> Iterator[None]:
        """Mails of `size` bytes are about to come. Servers may count line ends as one byte, and estimate."""
        client = bounded_client(self._session)
        client.most_bytes = 2 * size + MAX_LINE_BYTES
        try:
            yield
        finally:
            client.most_bytes = MAX_LINE_BYTES

    def _command(self, name: str, *arguments: str) -> list[Item]:
        return self._selected.command(name, *arguments)

    def _uids(self, ids: Iterable[str]) -> list[int]:
        """The UIDs of this session's folder; ids from before a change of UIDVALIDITY name nothing any more."""
        pairs = (one.partition(":") for one in ids)
        return [int(uid) for validity, _, uid in pairs if validity == self._validity]

    def _mailbox_error(self, attempt: str) -> AbstractContextManager[None]:
        return as_mailbox_error(attempt, self._mailbox, self._server, broken=BROKEN)
