"""IMAP4rev1 (RFC 3501) behind the port of `MailSource`.

imap-tools keeps the session; the mails are taken as the raw literals that the server sends, because its parsed message
would write other bytes than came in.
"""

import imaplib
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from typing import Any

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError, MailboxStarttlsError

from services.fetcher.ports import Fetched, MailboxError, Trouble, Waiting
from services.fetcher.waking import Wake
from services.runtime.errors import SettingsError
from services.runtime.logs import get_logger
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

KEYWORD = "$MailcaseRecorded"  # on a mail that stays in its mailbox after its receipt
MAX_IDLE_S = 9 * 60.0  # RFC 2177 allows 29 minutes; routers forget a silent connection much sooner
_SIZES_AT_ONCE = 500

# An item of imaplib's answer: a line, or a pair of what stands before a literal and the literal.
_Item = bytes | tuple[bytes, bytes]

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_INTERNAL_DATE = re.compile(rb'INTERNALDATE "([^"]{1,40})"')
_EMPTY_BODY = re.compile(rb'BODY\[\] (?:NIL|"")')


class ImapSource:
    """One folder of one IMAP account. Ids are `UIDVALIDITY:UID`, so that a renewed folder holds new mails only."""

    def __init__(self, mailbox: Mailbox, server: IncomingServer, password: Callable[[], str]) -> None:
        """`password` is called at each connect, so that a changed secret needs no restart."""
        self._mailbox = mailbox
        self._server = server
        self._password = password
        self._wake = Wake()
        self._box: BaseMailBox | None = None
        self._validity = ""
        self._last_uid = 0
        self._backlog: deque[int] = deque()
        self._capabilities: frozenset[str] = frozenset()
        self._mark = ""

    def connect(self) -> None:
        self.close()
        with self._told("connect"):
            self._box = box = self._open()
            self._log_in(box)
            self._capabilities = _capabilities(box)
            self._validity = _response_number(box, "UIDVALIDITY")
            self._mark = _recorded_mark(box)
            self._last_uid = 0
            self._backlog.clear()

    def describe(self) -> str:
        with self._told("look at the folder"):
            status = self._session.folder.status(self._mailbox.folder, ["MESSAGES"])
            abilities = [name for name in ("IDLE", "UIDPLUS", "MOVE") if name in self._capabilities]
        tls = self._session.client.sock.version() if isinstance(self._session.client.sock, ssl.SSLSocket) else "no TLS"
        keeps = "delete" if self._server.delete_after_fetch else f"flag with {self._mark}"
        return (
            f"IMAP at {self._server.host}:{self._server.port}, {tls}, folder {self._mailbox.folder}: "
            f"{status['MESSAGES']} mails; {', '.join(abilities) or 'no extensions'}; after the receipt: {keeps}"
        )

    def news(self, most: int) -> list[Waiting]:
        with self._told("list the mails"):
            if not self._backlog:
                self._backlog.extend(self._search())
            uids = [self._backlog.popleft() for _ in range(min(most, _SIZES_AT_ONCE, len(self._backlog)))]
            sizes = dict(self._sizes(uids)) if uids else {}
        # A mail that is gone again has no size; it needs no fetching.
        return [Waiting(f"{self._validity}:{uid}", sizes[uid]) for uid in uids if uid in sizes]

    def fetch(self, ids: Sequence[str]) -> list[Fetched]:
        uids = self._uids(ids)
        if not uids:
            return []
        with self._told("fetch mails"):
            data = self._command("FETCH", _sequence_set(uids), "(UID INTERNALDATE BODY.PEEK[])")
        asked = set(uids)
        return [
            Fetched(f"{self._validity}:{uid}", raw, received_at)
            for uid, raw, received_at in _bodies(data)
            if uid in asked
        ]

    def remove(self, ids: Sequence[str]) -> None:
        uids = self._uids(ids)
        if not uids:
            return
        with self._told("remove recorded mails"):
            if self._server.delete_after_fetch:
                self._delete(uids)
            else:
                self._command("STORE", _sequence_set(uids), "+FLAGS.SILENT", f"({self._mark})")

    def wait(self, timeout_s: float) -> None:
        with self._told("wait for new mail"):
            if self._backlog:
                self._wake.wait(timeout_s)
            elif self._server.idle and "IDLE" in self._capabilities:
                self._idle(min(timeout_s, MAX_IDLE_S))
            else:
                self._wake.wait(timeout_s)
                self._session.client.noop()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        box, self._box = self._box, None
        if box is None:
            return
        try:
            box.logout()
        except (ImapToolsError, imaplib.IMAP4.error, OSError) as error:
            log.debug("imap_logout_failed", mailbox=self._mailbox.name, error=error)
            with suppress(OSError):
                box.client.shutdown()

    def abort(self) -> None:
        self._wake.set()
        if self._box is not None:
            with suppress(OSError):
                # The plain socket's: imaplib's own waits for the thread that reads, TLS's would lose its state to it.
                socket.socket.shutdown(self._box.client.sock, socket.SHUT_RDWR)

    @property
    def _session(self) -> BaseMailBox:
        if self._box is None:
            raise imaplib.IMAP4.abort("not connected")
        return self._box

    def _open(self) -> BaseMailBox:
        server = self._server
        if server.security == "none":
            return MailBoxUnencrypted(server.host, server.port, timeout=server.timeout_s)
        context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
        if server.security == "starttls":
            return MailBoxStartTls(server.host, server.port, timeout=server.timeout_s, ssl_context=context)
        return MailBox(server.host, server.port, timeout=server.timeout_s, ssl_context=context)

    def _log_in(self, box: BaseMailBox) -> None:
        password = self._password()
        log_in = box.login if password.isascii() and self._mailbox.user.isascii() else box.login_utf8
        log_in(self._mailbox.user, password, initial_folder=None)
        box.folder.set(self._mailbox.folder)

    def _search(self) -> list[int]:
        """UIDs that came after the last one seen, ascending; in an unseen folder all that are not recorded."""
        fresh = f"UID {self._last_uid + 1}:*"
        kept = "" if self._server.delete_after_fetch else f" {_unmarked(self._mark)}"
        # `n:*` names the last mail even where its UID is below n (RFC 9051 section 9, seq-range).
        uids = [uid for uid in self._search_uids(f"{fresh}{kept} UNDELETED") if uid > self._last_uid]
        self._last_uid = uids[-1] if uids else self._last_uid
        return uids

    def _sizes(self, uids: Sequence[int]) -> Iterator[tuple[int, int]]:
        for line in self._command("FETCH", _sequence_set(uids), "(UID RFC822.SIZE)"):
            text = line if isinstance(line, bytes) else b""
            uid, size = _UID.search(text), _SIZE.search(text)
            if uid and size:
                yield int(uid[1]), int(size[1])

    def _delete(self, uids: Sequence[int]) -> None:
        mails = _sequence_set(uids)
        self._command("STORE", mails, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._capabilities:
            self._command("EXPUNGE", mails)
            return
        # Without UIDPLUS an expunge takes every mail marked as deleted: unmark the others' for that moment.
        others = sorted(set(self._search_uids("DELETED")) - set(uids))
        if others:
            self._command("STORE", _sequence_set(others), "-FLAGS.SILENT", r"(\Deleted)")
        _checked(self._session.client.expunge())
        if others:
            self._command("STORE", _sequence_set(others), "+FLAGS.SILENT", r"(\Deleted)")

    def _idle(self, timeout_s: float) -> None:
        box = self._session
        box.idle.start()  # type: ignore[no-untyped-call] # the library leaves these two without types
        try:
            if not _has_buffered(box.client):
                self._wake.wait(timeout_s, box.client.sock.fileno())
        finally:
            box.idle.stop()  # type: ignore[no-untyped-call]

    def _command(self, name: str, *arguments: str) -> list[_Item]:
        return _checked(self._session.client.uid(name, *arguments))

    def _search_uids(self, criteria: str) -> list[int]:
        lines = self._command("SEARCH", criteria)
        return sorted(int(uid) for line in lines if isinstance(line, bytes) for uid in line.split())

    def _uids(self, ids: Iterable[str]) -> list[int]:
        """The UIDs of this session's folder; ids from before a change of UIDVALIDITY name nothing any more."""
        pairs = (one.partition(":") for one in ids)
        return [int(uid) for validity, _, uid in pairs if validity == self._validity]

    @contextmanager
    def _told(self, attempt: str) -> Iterator[None]:
        """Whatever goes wrong becomes a MailboxError with what was tried and the mend."""
        try:
            yield
        except (ImapToolsError, imaplib.IMAP4.error, OSError, SettingsError, ValueError) as error:
            trouble, mend = self._diagnosis(error)
            text = f"cannot {attempt} at {self._server.host}:{self._server.port}: {_short(error)}"
            raise MailboxError(text, mailbox=self._mailbox.name, trouble=trouble, mend=mend) from error

    def _diagnosis(self, error: Exception) -> tuple[Trouble, str]:
        where = f"server.{self._mailbox.server}"
        match error:
            case SettingsError():
                return Trouble.PASSWORD, "make the secret readable for this service"
            case ssl.SSLCertVerificationError():
                return (
                    Trouble.CERTIFICATE,
                    f"correct {where}.host, or name the authority's certificate in {where}.ca_file",
                )
            case ssl.SSLError() | MailboxStarttlsError():
                return Trouble.CERTIFICATE, f"check that the port of {where} speaks what {where}.security says"
            case MailboxLoginError():
                return Trouble.LOGIN, f"check user and password of mailbox {self._mailbox.name}"
            case MailboxFolderSelectError():
                return Trouble.FOLDER, f"create the folder {self._mailbox.folder!r} or correct the mailbox's setting"
            case imaplib.IMAP4.abort() | OSError():
                return Trouble.CONNECTION, f"check that the host and port of {where} are right and reachable from here"
            case _:
                return Trouble.PROTOCOL, "see the mail server's log; the session is opened anew"


def _checked(result: tuple[str, list[Any]]) -> list[_Item]:
    status, data = result
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status}: {data!r}"[:200])
    return [item for item in data if item is not None]


def _capabilities(box: BaseMailBox) -> frozenset[str]:
    """Asked again after the log-in, since servers offer more then (RFC 9051 section 6.1.1)."""
    lines = [line for line in _checked(box.client.capability()) if isinstance(line, bytes)]
    return frozenset(b" ".join(lines).decode("ascii", "replace").upper().split())


def _response_number(box: BaseMailBox, name: str) -> str:
    """A number that the server gave when it opened the folder; `0` where it gave none."""
    values = _untagged(box, name)
    return str(int(values[-1])) if values else "0"


def _recorded_mark(box: BaseMailBox) -> str:
    r"""The flag for a mail that stays: our keyword, or `\Seen` where the folder allows no keywords of clients' own."""
    allowed = b" ".join(_untagged(box, "PERMANENTFLAGS"))
    return KEYWORD if rb"\*" in allowed or KEYWORD.encode() in allowed else r"\Seen"


def _untagged(box: BaseMailBox, name: str) -> list[bytes]:
    return [value for value in box.client.untagged_responses.get(name) or [] if isinstance(value, bytes)]


def _unmarked(mark: str) -> str:
    return "UNSEEN" if mark == r"\Seen" else f"UNKEYWORD {mark}"


def _bodies(data: Sequence[_Item]) -> Iterator[tuple[int, bytes, datetime | None]]:
    """UID, literal and INTERNALDATE of each mail in imaplib's data.

    A literal comes as a pair (what stands before it, the literal); what stands after it is the next item. The order of
    the attributes is the server's choice.
    """
    for index, item in enumerate(data):
        if isinstance(item, tuple):
            before, raw = item
            after = data[index + 1] if index + 1 < len(data) else b""
            around = before + b" " + (after if isinstance(after, bytes) else b"")
        elif item and _EMPTY_BODY.search(item):
            around, raw = item, b""
        else:
            continue
        uid = _UID.search(around)
        if uid:
            yield int(uid[1]), raw, _internal_date(around)


def _internal_date(around: bytes) -> datetime | None:
    found = _INTERNAL_DATE.search(around)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _sequence_set(uids: Sequence[int]) -> str:
    """`1:3,7`: neighbours as ranges, so that a command stays short."""
    ranges: list[list[int]] = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def _has_buffered(client: imaplib.IMAP4) -> bool:
    """Whether something of the server's was read together with its answer to IDLE; the socket would not tell."""
    timeout_s = client.sock.gettimeout()
    client.sock.settimeout(0)
    try:
        return isinstance(client.file, BufferedReader) and bool(client.file.peek(1))
    except OSError:  # over TLS, nothing to read is an error
        return False
    finally:
        client.sock.settimeout(timeout_s)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
