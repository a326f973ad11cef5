"""An IMAP session: connection, encryption, log-in, folder, and commands in the folder."""

import imaplib
import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, UnexpectedCommandStatusError

from schemas.reasons import MailboxProblem
from services.fetcher.imap.client import PlainBox, TlsBox
from services.fetcher.imap.responses import Item, numbers, sequence_set, uids
from services.fetcher.ports import FailureKind
from services.fetcher.sources.credentials import Credential, xoauth2
from services.fetcher.sources.diagnosis import (
    INVALID_RESPONSE_ERRORS,
    RefusedError,
    guard_starttls,
    login_refused,
    no_encryption,
    tls_context,
)
from services.runtime.oauth2.tokens import AccessToken
from services.runtime.settings import IncomingServer, Mailbox

BROKEN = (ImapToolsError, imaplib.IMAP4.error)
MAX_FOLDERS = 20
_MAX_PARTS = 500  # whose numbers fit in a line of 8000 bytes (RFC 2683 section 3.2.1.5)


@dataclass
class Folder:
    """A folder that is open for reading and writing. The server can store the `permanent_flags`."""

    box: BaseMailBox
    capabilities: frozenset[str]
    permanent_flags: bytes
    _mails: int = 0  # in the folder
    _divided: int = 0  # of these, those that were there at the last `divide_new`
    _announcements: int = 0  # of new mails, of which `_mails` counts the last

    def command(self, name: str, *arguments: str) -> list[Item]:
        """Send a UID command. Raises IMAP4.error if it is refused.

        Raises OSError or IMAP4.abort if the session breaks.
        """
        data = checked(self.box.client.uid(name, *arguments))
        self._count_mails()
        return data

    def divide_new(self, mails: int) -> list[int]:
        """UIDs that divide what arrived since the last call into parts of `mails`, ascending.

        Empty if it is one part, or if the server does not say. Announcements of mails are taken.
        Raises OSError or IMAP4.abort if the session breaks.
        """
        self._count_mails()
        self.box.client.untagged_responses.pop("EXISTS", None)
        self._announcements = 0
        arrived, self._divided = self._mails - self._divided, self._mails
        if arrived <= mails:
            return []
        every = max(mails, arrived // _MAX_PARTS)
        ends = range(self._mails - arrived + every, self._mails, every)
        try:
            return uids(checked(self.box.client.fetch(",".join(map(str, ends)), "(UID)")))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # others removed some of these mails (RFC 2180 section 4.1.3)
            return []

    def _count_mails(self) -> None:
        """Follow what the server announced; imaplib would keep the responses to each mail."""
        responses = self.box.client.untagged_responses
        responses.pop("RECENT", None)
        expunged = len(responses.pop("EXPUNGE", []))
        self._divided = max(0, self._divided - expunged)
        announced = untagged(self.box, "EXISTS")
        if len(announced) > self._announcements:
            self._mails, self._announcements = int(announced[-1]), len(announced)
        else:
            self._mails = max(0, self._mails - expunged)

    def there(self, uids: Collection[int]) -> list[int]:
        """The `uids` that are in the folder. Raises as `command` does."""
        found = numbers(self.command("SEARCH", f"UID {sequence_set(sorted(uids))}")) if uids else []
        return sorted(set(found) & set(uids))


def open_session(mailbox: Mailbox, server: IncomingServer) -> BaseMailBox:
    """Connect, with the encryption of the settings; sends no secret.

    Raises RefusedError, OSError or one of BROKEN.
    """
    if server.security == "tls":
        context = tls_context(mailbox, server)
        return TlsBox(server.host, server.port, timeout=server.timeout_s, ssl_context=context)
    if server.security == "none":
        return PlainBox(server.host, server.port, timeout=server.timeout_s)
    context = tls_context(mailbox, server)
    box = PlainBox(server.host, server.port, timeout=server.timeout_s)
    try:
        _start_tls(box.client, mailbox, context)
    except BaseException:
        hang_up(box)
        raise
    return box


def log_in(box: BaseMailBox, mailbox: Mailbox, credential: Credential) -> None:
    """Log in. Raises RefusedError, OSError, or IMAP4.abort if the session breaks."""
    if "LOGINDISABLED" in box.client.capabilities:
        raise no_encryption(
            mailbox, "the server accepts no log-in on this connection (LOGINDISABLED)"
        )
    try:
        if isinstance(credential, AccessToken):
            box.client.authenticate("XOAUTH2", xoauth2(mailbox.user, credential))
        elif credential.text.isascii() and mailbox.user.isascii():
            box.login(mailbox.user, credential.text, initial_folder=None)
        else:
            box.login_utf8(mailbox.user, credential.text, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except BROKEN as error:
        if isinstance(credential, AccessToken):
            credential.refused()
        raise login_refused(mailbox, _answer(error)) from error


def select(box: BaseMailBox, mailbox: Mailbox) -> Folder:
    """Open the folder. Raises RefusedError, OSError or IMAP4.abort."""
    capabilities = _capabilities(box)
    try:
        box.folder.set(mailbox.folder)
    except imaplib.IMAP4.readonly as error:
        hint = f"give the user of mailbox {mailbox.name} the rights to delete and to flag in it"
        raise RefusedError(
            "the folder is read-only",
            FailureKind.FOLDER,
            hint,
            problem=MailboxProblem.FOLDER_READ_ONLY,
        ) from error
    except MailboxFolderSelectError as error:
        hint = f"create the folder {mailbox.folder!r} or correct the mailbox's setting; {_folders(box)}"
        raise RefusedError(
            f"the folder cannot be opened: {_answer(error)}",
            FailureKind.FOLDER,
            hint,
            problem=MailboxProblem.FOLDER_NOT_OPENED,
            answer=_answer(error),
        ) from error
    return Folder(box, capabilities, b" ".join(untagged(box, "PERMANENTFLAGS")))


def _folders(box: BaseMailBox) -> str:
    """The existing folders; some servers need a prefix such as `INBOX.`."""
    try:
        names = [folder.name for folder in box.folder.list()]
    except (*BROKEN, OSError, *INVALID_RESPONSE_ERRORS):
        return "the server does not list its folders"
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:MAX_FOLDERS])
    return f"existing folders: {shown}{' …' if len(names) > MAX_FOLDERS else ''}"


def _capabilities(box: BaseMailBox) -> frozenset[str]:
    """The server's capabilities, requested again after the log-in, when servers may offer more (RFC
    9051 section 6.1.1).
    """
    lines = [line for line in checked(box.client.capability()) if isinstance(line, bytes)]
    return frozenset(b" ".join(lines).decode("ascii", "replace").upper().split())


def checked(result: tuple[str, list[Any]]) -> list[Item]:
    """The data of a response. Raises IMAP4.error if the server refused the command."""
    status, data = result
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status}: {data!r}"[:200])
    return [item for item in data if item is not None]


def untagged(box: BaseMailBox, name: str) -> list[bytes]:
    """The server's untagged responses of this name, newest last."""
    return [
        value for value in box.client.untagged_responses.get(name) or [] if isinstance(value, bytes)
    ]


def hang_up(box: BaseMailBox) -> None:
    with suppress(OSError):
        box.client.shutdown()


def _start_tls(client: imaplib.IMAP4, mailbox: Mailbox, context: ssl.SSLContext) -> None:
    """Start TLS and discard everything received before it (RFC 9051 section 6.2.1)."""
    if client.state != "NONAUTH":
        raise no_encryption(
            mailbox, "the server considers the client logged in from the start (PREAUTH)"
        )
    if "STARTTLS" not in client.capabilities:
        raise no_encryption(mailbox, "the server does not offer STARTTLS")
    try:
        client.starttls(guard_starttls(context, client.file, mailbox))
    except ssl.SSLCertVerificationError:
        raise
    except (imaplib.IMAP4.error, ssl.SSLError) as error:
        raise no_encryption(mailbox, "STARTTLS failed: ", str(error)) from error
    client.untagged_responses.clear()


def _answer(error: Exception) -> str:
    """The server's text in an error of the library."""
    if not isinstance(error, UnexpectedCommandStatusError):
        return str(error)[:200]
    words = error.command_result[1]
    return b" ".join(word for word in words if isinstance(word, bytes)).decode("utf-8", "replace")[
        :200
    ]
