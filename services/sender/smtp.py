"""SMTP with aiosmtplib: one connection per mail. Responses are sorted into accepted, rejected and
deferred.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from schemas.reasons import MailboxProblem, SendProblem
from services.runtime.errors import SettingsError, TransientError
from services.runtime.oauth2.tokens import (
    AccessToken,
    TokenRefusedError,
    TokenSource,
    token_sources,
)
from services.runtime.settings import Settings, Smtp
from services.sender.ports import DeliveryResult

# The time limit of a whole mail, in units of the time limit of a command. A retry after a timeout
# may duplicate the mail, and RFC 5321 section 4.5.3.2 allows a server 2 to 10 minutes.
PATIENCE = 5
_GOODBYE_S = 2.0
_CLOSING_CHECK_S = 0.005
# The driver raises ValueError for malformed responses.
_NO_SESSION = (SMTPException, SettingsError, TokenRefusedError, OSError, ValueError)
_AUTHENTICATION = {530, 534, 535, 538}  # RFC 4954 section 6: the log-in is at fault, not the mail
_TOKEN_PROBLEMS = {
    MailboxProblem.NO_TOKEN: SendProblem.NO_TOKEN,
    MailboxProblem.TOKEN_LIBRARY: SendProblem.TOKEN_LIBRARY,
    MailboxProblem.TOKEN_SECRET: SendProblem.TOKEN_SECRET,
    MailboxProblem.TOKEN_UNREACHABLE: SendProblem.TOKEN_UNREACHABLE,
}
# RFC 5321 section 4.2.3: not available, closing the channel
_SERVERS_FAULT = _AUTHENTICATION | {421}

Secret = Callable[[], str | AccessToken]  # a password, or a token; may block


class SmtpTransport:
    """Implements the port `Transport` for one `[smtp.NAME]`."""

    def __init__(self, smtp: Smtp, secret: Secret | None) -> None:
        """`secret` is None if there is no log-in."""
        self._smtp = smtp
        self._secret = secret

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        try:
            client = await self._connected()
        except _NO_SESSION as error:
            return _no_session(recipients, error)
        try:
            refusals, _ = await client.sendmail(
                sender, list(recipients), message, timeout=PATIENCE * self._smtp.timeout_s
            )
            answers = {
                address: (answer.code, answer.message) for address, answer in refusals.items()
            }
            return _result(recipients, answers)
        except SMTPRecipientsRefused as error:
            answers = {
                refused.recipient: (refused.code, refused.message) for refused in error.recipients
            }
            return _result(recipients, answers)
        except SMTPResponseException as error:
            return _result(recipients, dict.fromkeys(recipients, (error.code, error.message)))
        except ValueError:  # an address that SMTP cannot carry
            return DeliveryResult(rejected=dict.fromkeys(recipients, SendProblem.BAD_ADDRESS))
        except (SMTPException, OSError) as error:
            return _no_session(recipients, error)
        finally:
            await _goodbye(client)

    async def check(self) -> str:
        """Connect and log in without sending; returns the server's name from EHLO. Raises
        TransientError.
        """
        try:
            client = await self._connected()
        except _NO_SESSION as error:
            where = f"{self._smtp.host}:{self._smtp.port}"
            raise TransientError(f"cannot log in to {where}: {_message_of(error)}") from error
        try:
            words = (await client.ehlo()).message.split()
        except (SMTPException, OSError) as error:
            raise TransientError(f"no answer to EHLO: {_message_of(error)}") from error
        finally:
            await _goodbye(client)
        return words[0] if words else "an SMTP server"

    async def _connected(self) -> SMTP:
        smtp = self._smtp
        client = SMTP(
            hostname=smtp.host,
            port=smtp.port,
            timeout=smtp.timeout_s,
            use_tls=smtp.security == "tls",
            start_tls=smtp.security == "starttls",
            tls_context=None if smtp.security == "none" else _tls_context(smtp),
        )
        secret = await asyncio.to_thread(self._secret) if self._secret else None
        try:
            await client.connect()
            if isinstance(secret, AccessToken):
                await _log_in_by_token(client, smtp.user or "", secret)
            elif secret is not None:
                await client.login(smtp.user or "", secret)
        except BaseException:
            await _close(client)
            raise
        return client


def transports(settings: Settings) -> dict[str, SmtpTransport]:
    """One transport for each `[smtp.NAME]`."""
    tokens = token_sources(settings)
    return {
        name: SmtpTransport(smtp, _secret(smtp, tokens)) for name, smtp in settings.smtp.items()
    }


def _secret(smtp: Smtp, tokens: Mapping[str, TokenSource]) -> Secret | None:
    if smtp.user is None:
        return None
    if smtp.oauth2 is not None:
        return partial(tokens[smtp.oauth2].token, smtp.user)
    return lambda: smtp.password(os.environ)


async def _log_in_by_token(client: SMTP, user: str, token: AccessToken) -> None:
    try:
        await client.auth_xoauth2(user, token.text)
    except SMTPAuthenticationError:
        token.refused()  # the next attempt requests a new one
        raise


def _tls_context(smtp: Smtp) -> ssl.SSLContext:
    """Certificates and host names are verified."""
    return ssl.create_default_context(cafile=str(smtp.ca_file) if smtp.ca_file else None)


async def _goodbye(client: SMTP) -> None:
    """End the session; failures are ignored, since the outcome of the mail is known."""
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            await client.execute_command(b"QUIT")
    await _close(client)


async def _close(client: SMTP) -> None:
    """Close the connection and wait for it: the closing of a TLS transport takes several turns of
    the event loop, and a loop that ends earlier leaves the socket open. If a server does not
    respond, the connection is cut.
    """
    transport = client.transport
    client.close()
    if transport is None:
        return
    socket = transport.get_extra_info("socket")
    with suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            while socket.fileno() != -1:  # noqa: ASYNC110  the transport offers no event for it
                await asyncio.sleep(_CLOSING_CHECK_S)
            return
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _result(recipients: Iterable[str], answers: Mapping[str, tuple[int, str]]) -> DeliveryResult:
    rejected = {
        address: _answer(*answer) for address, answer in answers.items() if _is_final(answer[0])
    }
    deferred = {
        address: _answer(*answer) for address, answer in answers.items() if address not in rejected
    }
    codes = {code for code, _ in answers.values()}
    session: Literal["held", "failed"] = "failed" if codes & _SERVERS_FAULT else "held"
    accepted = [address for address in recipients if address not in answers]
    return DeliveryResult(accepted, rejected, deferred, session)


def _no_session(recipients: Iterable[str], error: BaseException) -> DeliveryResult:
    return DeliveryResult(deferred=dict.fromkeys(recipients, _failure_of(error)), session="failed")


def _is_final(code: int) -> bool:
    return 500 <= code < 600 and code not in _AUTHENTICATION


def _answer(code: int, message: str) -> str:
    return f"{code} {' '.join(message.split())}"[:300]


def _failure_of(error: BaseException) -> str:
    """What the mail's `failure` says: a server's own words, after a `SendProblem` if they are no
    response of the SMTP server.
    """
    match error:
        case SMTPResponseException():
            return _message_of(error)
        case TokenRefusedError():
            problem, text = _TOKEN_PROBLEMS[error.problem], error.answer
        case SettingsError():
            problem, text = SendProblem.NO_PASSWORD, error.mistakes[0].path
        case _:
            problem, text = SendProblem.NO_SESSION, _message_of(error)
    return ": ".join(part for part in (problem, " ".join(text.split())) if part)[:300]


def _message_of(error: BaseException) -> str:
    if isinstance(error, SMTPResponseException):
        return _answer(error.code, error.message)
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
