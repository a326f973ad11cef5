"""TLS for both protocols, and the translation of every failure into a MailboxError with a hint."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from schemas.reasons import MailboxProblem
from services.fetcher.ports import FailureKind, MailboxError
from services.fetcher.sources.pace import PacedFile, TooSlowError
from services.runtime.errors import SettingsError
from services.runtime.oauth2.tokens import TokenRefusedError
from services.runtime.settings import IncomingServer, Mailbox

# What the drivers raise for an invalid response, which must stop one mailbox only.
INVALID_RESPONSE_ERRORS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
# The resolver got no answer from a name server, or none is configured (getaddrinfo(3)).
_NO_NAME_SERVER = (socket.EAI_AGAIN, socket.EAI_FAIL)


class RefusedError(Exception):
    """The server refuses, or we do. The kind and the hint are known where it is raised; `answer` is
    the server's own text, empty without one.
    """

    def __init__(
        self,
        message: str,
        failure_kind: FailureKind,
        hint: str,
        *,
        problem: MailboxProblem,
        answer: str = "",
    ) -> None:
        super().__init__(message)
        self.failure_kind = failure_kind
        self.hint = hint
        self.problem = problem
        self.answer = answer


def tls_context(mailbox: Mailbox, server: IncomingServer) -> ssl.SSLContext:
    """A context that verifies certificates; `ca_file` replaces the system's authorities.

    Raises RefusedError if the file cannot be used.
    """
    if server.ca_file is None:
        return ssl.create_default_context()
    where = f"server.{mailbox.server}.ca_file"
    try:
        return ssl.create_default_context(cafile=str(server.ca_file))
    except ssl.SSLError as error:
        problem = f"{server.ca_file} contains no readable certificate"
        raise RefusedError(
            problem,
            FailureKind.CERTIFICATE,
            f"set {where} to a file of PEM certificates",
            problem=MailboxProblem.CA_FILE,
        ) from error
    except OSError as error:
        problem = f"{server.ca_file} cannot be read: {error.strerror}"
        hint = f"give this service read access to the file in {where}"
        raise RefusedError(
            problem,
            FailureKind.CERTIFICATE,
            hint,
            problem=MailboxProblem.CA_FILE,
            answer=error.strerror or "",
        ) from error


def no_encryption(mailbox: Mailbox, reason: str, answer: str = "") -> RefusedError:
    """The error for a server that does not offer the configured encryption. No secret has been
    sent. `answer` is the server's text.
    """
    hint = f'check that the server offers STARTTLS on this port, or set server.{mailbox.server}.security = "tls"'
    text = f"no encryption: {reason}{answer}"
    problem = MailboxProblem.NO_ENCRYPTION
    return RefusedError(text, FailureKind.CERTIFICATE, hint, problem=problem, answer=answer)


def login_refused(mailbox: Mailbox, answer: str) -> RefusedError:
    """The error for a server that rejects the credentials; `answer` is its text."""
    hint = f"check user and password of mailbox {mailbox.name}, and that the account may use this protocol"
    text, problem = f"the log-in is refused: {answer}", MailboxProblem.LOGIN_REFUSED
    return RefusedError(text, FailureKind.LOGIN, hint, problem=problem, answer=answer)


class _Guard:
    def __init__(self, context: ssl.SSLContext, file: object, mailbox: Mailbox) -> None:
        self._context = context
        self._file = file
        self._mailbox = mailbox

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        if has_buffered(self._file, sock):
            raise no_encryption(
                self._mailbox, "plain text followed the server's answer to STARTTLS"
            )
        return self._context.wrap_socket(sock, server_hostname=server_hostname)


def guard_starttls(context: ssl.SSLContext, file: object, mailbox: Mailbox) -> ssl.SSLContext:
    """A context for STARTTLS that refuses the connection if plain text follows the server's
    response.

    An attacker on the path may have injected it, so that it is mistaken for encrypted responses
    (RFC 9051 section 11.3; the response injections of 2021). `file` is the file from which
    responses are read.
    """
    # The drivers use only `wrap_socket`.
    return cast("ssl.SSLContext", _Guard(context, file, mailbox))


def has_buffered(file: object, sock: socket.socket) -> bool:
    """Whether data after the last response was already read, or can be read without waiting."""
    timeout_s = sock.gettimeout()
    sock.settimeout(0)
    try:
        return isinstance(file, PacedFile) and bool(file.peek())
    except OSError:  # over TLS, no data is an error
        return False
    finally:
        sock.settimeout(timeout_s)


@contextmanager
def as_mailbox_error(
    attempt: str, mailbox: Mailbox, server: IncomingServer, *, broken: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Translate every failure in the block into a MailboxError that names what was attempted and a
    hint.

    `broken` are the driver's exceptions; an end of the connection is an OSError or EOFError.
    """
    own_errors = (RefusedError, TokenRefusedError, SettingsError)
    caught: tuple[type[Exception], ...] = (
        *broken,
        *own_errors,
        OSError,
        EOFError,
        *INVALID_RESPONSE_ERRORS,
    )
    try:
        yield
    except caught as error:
        failure_kind, problem, hint = _diagnosis(error, mailbox, server)
        text = f"cannot {attempt} at {server.host}:{server.port}: {_short(error)}"
        raise MailboxError(
            text,
            mailbox=mailbox.name,
            failure_kind=failure_kind,
            hint=hint,
            problem=problem,
            answer=_answer(error),
        ) from error


def _answer(error: Exception) -> str:
    """The text that we did not write ourselves."""
    if isinstance(error, (RefusedError, TokenRefusedError)):
        return " ".join(error.answer.split())[:300]
    return "" if isinstance(error, (TooSlowError, SettingsError)) else _short(error)


def _diagnosis(
    error: Exception, mailbox: Mailbox, server: IncomingServer
) -> tuple[FailureKind, MailboxProblem, str]:
    where = f"server.{mailbox.server}"
    match error:
        case RefusedError():
            return error.failure_kind, error.problem, error.hint
        case TokenRefusedError():
            return FailureKind.PASSWORD, error.problem, error.hint
        case SettingsError():
            hint = error.mistakes[0].hint or "make the secret readable for this service"
            return FailureKind.PASSWORD, MailboxProblem.NO_SECRET, hint
        case ssl.SSLCertVerificationError():
            return FailureKind.CERTIFICATE, *_bad_certificate(error, where)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            hint = _encryption_hint(where, server)
            return FailureKind.CONNECTION, MailboxProblem.TLS_FAILED, hint
        case ssl.SSLError():
            hint = _encryption_hint(where, server)
            return FailureKind.CERTIFICATE, MailboxProblem.TLS_FAILED, hint
        case TooSlowError():
            hint = f"check the server and the network, or raise {where}.timeout_s; other mailboxes are not affected"
            return FailureKind.CONNECTION, MailboxProblem.TOO_SLOW, hint
        case socket.gaierror():
            return FailureKind.CONNECTION, *_bad_name(error, where)
        case OSError() | EOFError():
            hint = f"check that {where}.host and {where}.port are correct and reachable from here"
            return FailureKind.CONNECTION, MailboxProblem.UNREACHABLE, hint
        case _:
            hint = "see the log of the mail server; the fetcher opens a new session"
            return FailureKind.PROTOCOL, MailboxProblem.PROTOCOL, hint


def _bad_name(error: socket.gaierror, where: str) -> tuple[MailboxProblem, str]:
    if error.errno in _NO_NAME_SERVER:
        hint = "check the network and the name servers of this machine (/etc/resolv.conf): "
        hint += f"none of them resolves {where}.host"
        return MailboxProblem.NO_NAME_SERVER, hint
    hint = f"correct {where}.host: this machine finds no server of that name"
    return MailboxProblem.NO_SUCH_HOST, hint


def _encryption_hint(where: str, server: IncomingServer) -> str:
    if server.security == "starttls":
        return (
            "check which versions of TLS the mail server accepts; "
            f'set {where}.security = "tls" if the port is 993 or 995'
        )
    return (
        f'set {where}.security = "starttls" if the port is 143 or 110; '
        f"for TLS from the start, {where}.port is usually 993 or 995"
    )


def _bad_certificate(error: ssl.SSLCertVerificationError, where: str) -> tuple[MailboxProblem, str]:
    """By the code of OpenSSL (x509_vfy.h): out of its time, of another name, or not trusted."""
    match error.verify_code:
        case 9 | 10:
            hint = "renew the certificate on the mail server, or set the clock of this machine"
            return MailboxProblem.CERTIFICATE_EXPIRED, hint
        case 62 | 64:
            hint = f"set {where}.host to the name in the server's certificate"
            return MailboxProblem.CERTIFICATE_NAME, hint
        case _:
            hint = f"correct {where}.host, or set {where}.ca_file to the authority's certificate"
            return MailboxProblem.CERTIFICATE_UNTRUSTED, hint


def _short(error: Exception) -> str:
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error))
    if isinstance(error, SettingsError):  # its hint and its mailbox are reported separately
        mistake = error.mistakes[0]
        text = mistake.problem if error.mailbox else f"{mistake.path}: {mistake.problem}"
    return " ".join(text.split())[:300] or type(error).__name__
