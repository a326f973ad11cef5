"""The port `MailSource` over IMAP4rev1 (RFC 3501).

imap-tools manages the session. Mails are taken from the raw literals of the server, because a
parsed and serialized message would have different bytes.
"""

import imaplib
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime

from imap_tools import BaseMailBox

from services.fetcher import metrics
from services.fetcher.imap.client import MAX_LINE_BYTES, bounded_client
from services.fetcher.imap.description import describe_folder
from services.fetcher.imap.idle import has_announced, poll_then_idle
from services.fetcher.imap.prefetch import Prefetch
from services.fetcher.imap.removal import MailRemover
from services.fetcher.imap.responses import (
    Item,
    bodies,
    numbers,
    sequence_set,
    short_sets,
    sizes,
)
from services.fetcher.imap.session import (
    BROKEN,
    Folder,
    hang_up,
    log_in,
    open_session,
    select,
    untagged,
)
from services.fetcher.imap.uid_listing import WINDOW_MAILS, UidListing
from services.fetcher.ports import FetchedMail, ListedMail
from services.fetcher.sources.credentials import Credential
from services.fetcher.sources.diagnosis import as_mailbox_error
from services.fetcher.sources.seen_ids import HEAD_OF, NoSeenIds, SeenIds
from services.fetcher.sources.wakeup import WakeupPipe
from services.runtime.logs import get_logger
from services.runtime.mail.raw_mail_builder import HEAD_BYTES
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

FULL_WINDOW_POLL_S = 10.0  # between two polls while the window is full
# A new session lists mails again that could not be fetched, and uses renewed secrets.
RENEW_S = 3600.0
UNKNOWN_SIZE = 100 * 1024 * 1024  # at most the highest `limits.max_mail_bytes`
_MAX_LISTED = 500


class ImapSource:
    """One folder of one IMAP account.

    Ids are `UIDVALIDITY:UID`, so that a recreated folder has only new mails.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        server: IncomingServer,
        credential: Callable[[], Credential],
        seen_ids: SeenIds | None = None,
    ) -> None:
        """`credential` is called at each connect, so that a changed secret needs no restart.

        `seen_ids` keeps the ids of oversized mails in a folder without flags.
        """
        self._mailbox = mailbox
        self._server = server
        self._credential = credential
        self._seen_ids = seen_ids or NoSeenIds()
        self._wake = WakeupPipe()
        self._remover = MailRemover(mailbox, server)
        self._box: BaseMailBox | None = None
        self._folder: Folder | None = None  # of the current session
        self._connected_at_s = 0.0
        self._last_mail_s = float("-inf")
        self._sessions = 0
        self._validity = ""
        self._removals_finished = False  # those that an earlier session left unfinished
        self._listing = UidListing(self._search, self._divide)
        self._being_listed: list[int] = []  # a slow server may take minutes to send small mails
        self._prefetch = Prefetch()
        # Of mails handed out and not fetched yet, as the server reports them.
        self._sizes: dict[int, int] = {}
        self._fetched: dict[
            str, tuple[int, datetime | None]
        ] = {}  # the session of the fetch, and the mail's INTERNALDATE
        # Oversized and not flagged; they stay when recorded.
        self._recorded_by_head: set[str] = set()

    def connect(self) -> None:
        self.close()
        with self._mailbox_error("connect"):
            self._box = box = open_session(self._mailbox, self._server)
            log_in(box, self._mailbox, self._credential())
            self._folder = select(box, self._mailbox)
            self._sessions += 1
            validity = untagged(box, "UIDVALIDITY")
            # Ids must not outlive the session if UIDs do not (RFC 4315 section 2), or without
            # UIDVALIDITY.
            persistent = validity and not untagged(box, "UIDNOTSTICKY")
            self._validity = str(int(validity[-1])) if persistent else f"session{self._sessions}"
            self._remover.check_rights(self._folder)
        self._connected_at_s = time.monotonic()
        self._removals_finished = False
        self._listing.clear()
        self._sizes.clear()
        self._prefetch.clear()

    def describe(self) -> str:
        with self._mailbox_error("describe the folder"):
            return describe_folder(self._selected, self._mailbox, self._server, self._remover)

    def list_new(self, limit: int) -> list[ListedMail]:
        with self._mailbox_error("list the mails"):
            if not self._removals_finished:
                self._remover.finish_interrupted(self._selected)
                self._removals_finished = True
            if not self._listing:
                self._poll()
            uids = self._being_listed = self._listing.take(min(limit, _MAX_LISTED))
            data = self._list(uids) if uids else []
            found = {
                uid: ListedMail(f"{self._validity}:{uid}", size, at)
                for uid, size, at in sizes(data)
            }
            self._report_unreadable(set(uids) - set(found))
        self._being_listed = []
        self._sizes |= {uid: mail.size for uid, mail in found.items()}
        # A mail without a size is already gone.
        return [found[uid] for uid in uids if uid in found]

    def refresh(self, known: Collection[str]) -> None:
        self._prefetch.clear()
        with self._mailbox_error("list the mails"):
            self._session.client.noop()  # a search may see only mails that the server has announced
            self._poll(self._uids(known))

    def count_unlisted(self, known: Collection[str]) -> int:
        known_uids = self._uids(known)
        return self._listing.count_except(known_uids) + len({*self._being_listed} - {*known_uids})

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        uids = self._uids(ids)
        if not uids:
            return []
        listed = {uid: self._sizes.pop(uid, UNKNOWN_SIZE) for uid in uids}
        whole = self._prefetch.take(listed)
        left = [uid for uid in uids if uid not in whole]
        refused: set[int] = set()
        with self._mailbox_error("fetch mails"), self._allow_bytes(sum(listed.values())):
            data = self._fetch_readable(left, refused) if left else []
            # Some servers return no bytes for a mail that they cannot read at the moment.
            whole |= {
                uid: (raw, at)
                for uid, raw, at in bodies(data)
                if uid in left and (raw or not listed[uid])
            }
            self._report_unreadable(set(uids) - set(whole) - refused)
        found = {
            uid: FetchedMail(f"{self._validity}:{uid}", raw, at) for uid, (raw, at) in whole.items()
        }
        self._fetched |= {mail.id: (self._sessions, mail.received_at) for mail in found.values()}
        return [found[uid] for uid in uids if uid in found]

    def remove(self, ids: Sequence[str]) -> None:
        self._prefetch.clear()
        self._seen_ids.remember(
            [HEAD_OF + mail_id for mail_id in ids if mail_id in self._recorded_by_head]
        )
        with self._mailbox_error("remove recorded mails"):
            uids = self._unchanged(
                [mail_id for mail_id in ids if mail_id not in self._recorded_by_head]
            )
            for some in short_sets(uids):
                self._remover.remove(self._selected, some)
        for mail_id in ids:
            self._fetched.pop(mail_id, None)

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        with self._mailbox_error("flag mails"):
            uids = self._uids(ids)
            if not uids or self._remover.flag_for_person(self._selected, uids):
                return []
        known = self._seen_ids.known()
        uids = self._uids(mail_id for mail_id in ids if HEAD_OF + mail_id not in known)
        with self._mailbox_error("read oversized mails"):
            data = (
                self._command(
                    "FETCH", sequence_set(uids), f"(UID INTERNALDATE BODY.PEEK[]<0.{HEAD_BYTES}>)"
                )
                if uids
                else []
            )
        heads = [
            FetchedMail(f"{self._validity}:{uid}", raw, at)
            for uid, raw, at in bodies(data)
            if uid in uids
        ]
        self._recorded_by_head.update(head.id for head in heads)
        return heads

    def wait(self, timeout_s: float) -> None:
        self._prefetch.clear()
        if not self._listing and time.monotonic() - self._connected_at_s > RENEW_S:
            self.connect()
            return
        with self._mailbox_error("wait for new mail"):
            if self._listing:
                # The window is full, and `refresh` polls.
                self._wake.wait(min(timeout_s, FULL_WINDOW_POLL_S))
            elif has_announced(self._session):
                return  # during another command: IDLE would not repeat it
            elif self._server.idle and "IDLE" in self._selected.capabilities:
                poll_then_idle(self._session, self._wake, self._last_mail_s, timeout_s)
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
        self._prefetch.clear()
        box = self._box
        if box is not None:
            with suppress(OSError):
                # The plain socket's shutdown: imaplib's waits for the reading thread, TLS's would
                # corrupt its state.
                socket.socket.shutdown(box.client.sock, socket.SHUT_RDWR)

    @property
    def _selected(self) -> Folder:
        if self._folder is None:
            raise imaplib.IMAP4.abort("not connected")
        return self._folder

    @property
    def _session(self) -> BaseMailBox:
        return self._selected.box

    def _poll(self, known: Collection[int] = ()) -> None:
        if self._listing.poll(known):
            self._last_mail_s = time.monotonic()

    def _divide(self) -> list[int]:
        return self._selected.divide_new(WINDOW_MAILS)

    def _search(self, first: int, last: int | None) -> list[int]:
        """UIDs of unrecorded mails, ascending."""
        keys = [
            f"UID {first}:{'*' if last is None else last}",
            self._remover.search_key(self._selected),
            "UNDELETED",
        ]
        return numbers(self._command("SEARCH", " ".join(filter(None, keys))))

    def _list(self, uids: Sequence[int]) -> list[Item]:
        """The sizes and times of mails. Small ones are prefetched if they are few."""
        attributes = "UID RFC822.SIZE INTERNALDATE"
        if first_bytes := self._prefetch.first_bytes(len(uids)):
            self._prefetch.begin(first_bytes)
            try:
                with self._allow_bytes(len(uids) * first_bytes):
                    data = self._command(
                        "FETCH", sequence_set(uids), f"({attributes} BODY.PEEK[]<0.{first_bytes}>)"
                    )
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                log.debug("imap_prefetch_refused", mailbox=self._mailbox.name, error=error)
            else:
                self._prefetch.keep(bodies(data))
                return data
        return self._command("FETCH", sequence_set(uids), f"({attributes})")

    def _unchanged(self, ids: Sequence[str]) -> list[int]:
        """The UIDs of these mails, without a UID that belongs to another mail by now.

        A server restored from a backup may assign UIDs again under the same UIDVALIDITY. A mail
        that was fetched in this session is unchanged.
        """
        earlier: dict[int, datetime | None] = {}
        for mail_id in ids:
            session, at = self._fetched.get(mail_id, (self._sessions, None))
            if session != self._sessions:
                earlier |= dict.fromkeys(self._uids([mail_id]), at)
        if not earlier:
            return self._uids(ids)
        reused = {
            uid
            for some in short_sets(list(earlier))
            for uid, _, at in sizes(
                self._command("FETCH", sequence_set(some), "(UID RFC822.SIZE INTERNALDATE)")
            )
            if uid in earlier and at != earlier[uid]
        }
        if reused:
            log.warning(
                "uid_reused",
                mailbox=self._mailbox.name,
                mails=len(reused),
                hint="no action is needed",
            )
        return [uid for uid in self._uids(ids) if uid not in reused]

    def _fetch_readable(self, uids: Sequence[int], refused: set[int]) -> list[Item]:
        """Fetch the mails that the server can read; others stay for the next session."""
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
        """Report mails that a successful response lacks, unless they are gone."""
        for uid in self._selected.there(uids):
            self._unreadable(
                uid, imaplib.IMAP4.error("the server reports success and returns nothing")
            )

    def _unreadable(self, uid: int, error: Exception) -> None:
        metrics.UNREADABLE.labels(self._mailbox.name).inc()
        hint = "inspect this mail on the mail server, which cannot return it; the next attempt is within the hour"
        log.warning(
            "mail_unreadable", mailbox=self._mailbox.name, id=str(uid), error=error, hint=hint
        )

    @contextmanager
    def _allow_bytes(self, size: int) -> Iterator[None]:
        """Allow a response with mails of `size` bytes.

        Servers may count a line end as one byte, or estimate.
        """
        client = bounded_client(self._session)
        client.max_response_bytes = 2 * size + MAX_LINE_BYTES
        try:
            yield
        finally:
            client.max_response_bytes = MAX_LINE_BYTES

    def _command(self, name: str, *arguments: str) -> list[Item]:
        return self._selected.command(name, *arguments)

    def _uids(self, ids: Iterable[str]) -> list[int]:
        """The UIDs of these ids; an id from before a change of UIDVALIDITY has none."""
        pairs = (mail_id.partition(":") for mail_id in ids)
        return [int(uid) for validity, _, uid in pairs if validity == self._validity]

    def _mailbox_error(self, attempt: str) -> AbstractContextManager[None]:
        return as_mailbox_error(attempt, self._mailbox, self._server, broken=BROKEN)
