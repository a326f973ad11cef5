"""What the adapters of both protocols share: TLS, and telling a person what went wrong."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from services.fetcher.ports import FailureKind, MailboxError
from services.fetcher.sources.pace import PacedFile, TooSlowError
from services.runtime.errors import SettingsError
from services.runtime.oauth2.tokens import TokenRefusedError
from services.runtime.settings import IncomingServer, Mailbox

# What the drivers raise at a server's nonsense, which must stop one mailbox only.
INVALID_RESPONSE_ERRORS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)


class RefusedError(Exception):
    """What a server said, or we decline, with its kind and mend settled where it was seen."""

    def __init__(self, message: str, failure_kind: FailureKind, hint: str) -> None:
        super().__init__(message)
        self.failure_kind = failure_kind
        self.hint = hint


def tls_context(mailbox: Mailbox, server: IncomingServer) -> ssl.SSLContext:
    """Certificates and host names are verified; `ca_file`, where set, stands in place of the system's authorities.

    Raises RefusedError where the file cannot be used.
    """
    if server.ca_file is None:
        return ssl.create_default_context()
    where = f"server.{mailbox.server}.ca_file"
    try:
        return ssl.create_default_context(cafile=str(server.ca_file))
    except ssl.SSLError as error:
        problem = f"{server.ca_file} holds no certificate that can be read"
        raise RefusedError(problem, FailureKind.CERTIFICATE, f"name a file of PEM certificates in {where}") from error
    except OSError as error:
        problem = f"{server.ca_file} cannot be read: {error.strerror}"
        raise RefusedError(problem, FailureKind.CERTIFICATE, f"let this service read the file of {where}") from error


def no_encryption(mailbox: Mailbox, reason: str) -> RefusedError:
    """The server does not come to the agreed encryption: nothing secret was sent, nor will be."""
    hint = f'check that the server offers STARTTLS on this port, or set server.{mailbox.server}.security = "tls"'
    return RefusedError(f"no encryption: {reason}", FailureKind.CERTIFICATE, hint)


def login_refused(mailbox: Mailbox, answer: str) -> RefusedError:
    """`answer` is the server's, in its own words."""
    hint = f"check user and password of mailbox {mailbox.name}, and that the account may use this protocol"
    return RefusedError(f"the log-in is refused: {answer}", FailureKind.LOGIN, hint)


class _Guard:
    def __init__(self, context: ssl.SSLContext, file: object, mailbox: Mailbox) -> None:
        self._context = context
        self._file = file
        self._mailbox = mailbox

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        if has_buffered(self._file, sock):
            raise no_encryption(self._mailbox, "plain text followed the server's answer to STARTTLS")
        return self._context.wrap_socket(sock, server_hostname=server_hostname)


def guard_starttls(context: ssl.SSLContext, file: object, mailbox: Mailbox) -> ssl.SSLContext:
    """For STARTTLS: refuses the connection where plain text came together with the server's answer.

    Someone on the way may have put it there, to be taken for words that came encrypted (RFC 9051 section 11.3; the
    response injections of 2021). `file` is what the answers are read from.
    """
    return cast("ssl.SSLContext", _Guard(context, file, mailbox))  # all that the drivers use of it is `wrap_socket`


def has_buffered(file: object, sock: socket.socket) -> bool:
    """Whether more than the last answer was read or can be read now, without waiting for it."""
    timeout_s = sock.gettimeout()
    sock.settimeout(0)
    try:
        return isinstance(file, PacedFile) and bool(file.peek())
    except OSError:  # over TLS, nothing to read is an error
        return False
    finally:
        sock.settimeout(timeout_s)


@contextmanager
def as_mailbox_error(
    attempt: str, mailbox: Mailbox, server: IncomingServer, *, broken: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Whatever goes wrong becomes a MailboxError with what was tried and the mend.

    `broken` are the driver's errors; an end of the connection among them is an OSError or EOFError.
    """
    ours = (RefusedError, TokenRefusedError, SettingsError)
    caught: tuple[type[Exception], ...] = (*broken, *ours, OSError, EOFError, *INVALID_RESPONSE_ERRORS)
    try:
        yield
    except caught as error:
        failure_kind, hint = _diagnosis(error, mailbox)
        text = f"cannot {attempt} at {server.host}:{server.port}: {_short(error)}"
        raise MailboxError(text, mailbox=mailbox.name, failure_kind=failure_kind, hint=hint) from error


def _diagnosis(error: Exception, mailbox: Mailbox) -> tuple[FailureKind, str]:
    where = f"server.{mailbox.server}"
    match error:
        case RefusedError():
            return error.failure_kind, error.hint
        case TokenRefusedError():
            return FailureKind.PASSWORD, error.hint
        case SettingsError():
            return FailureKind.PASSWORD, error.mistakes[0].hint or "make the secret readable for this service"
        case ssl.SSLCertVerificationError():
            hint = f"correct {where}.host, or name the authority's certificate in {where}.ca_file"
            return FailureKind.CERTIFICATE, hint
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return FailureKind.CONNECTION, f"check that the port of {where} speaks what {where}.security says"
        case ssl.SSLError():
            return FailureKind.CERTIFICATE, f"check that the port of {where} speaks what {where}.security says"
        case TooSlowError():
            hint = f"see how the server and the way to it are doing, or raise {where}.timeout_s; other mailboxes go on"
            return FailureKind.CONNECTION, hint
        case OSError() | EOFError():
            return FailureKind.CONNECTION, f"check that the host and port of {where} are right and reachable from here"
        case _:
            return FailureKind.PROTOCOL, "see the mail server's log; the session is opened anew"


def _short(error: Exception) -> str:
    text = str(error)
    if isinstance(error, SettingsError):  # its mend, and the mailbox where it is about one, are told apart
        mistake = error.mistakes[0]
        text = mistake.problem if error.mailbox else f"{mistake.path}: {mistake.problem}"
    return " ".join(text.split())[:300] or type(error).__name__
