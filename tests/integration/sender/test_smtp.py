"""The SMTP adapter with a server that requires TLS and a log-in."""

import gc
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword

from deploy.local.servers.smtp import SmtpSink
from schemas.reasons import MailboxProblem, SendProblem
from services.runtime.errors import Mistake, SettingsError, TransientError
from services.runtime.oauth2.tokens import AccessToken, TokenRefusedError
from services.runtime.settings import Smtp
from services.sender.smtp import SmtpTransport
from tests.contract.transport_contract import TransportContract
from tests.integration.smtp_moods import MoodySink

MAIL = b"Subject: one\r\n\r\n.text\r\n"
US, TO = "us@office.example", ["anna@customer.example"]
Sink = tuple[SmtpSink, str]


class Certificates:
    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(self.server)
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def authenticator(
    _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"mailcase", b"hush")
    return AuthResult(success=good, handled=False)


LOGIN: dict[str, Any] = {"authenticator": authenticator, "auth_required": True}


@pytest.fixture(params=["tls", "starttls"])
def sink(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Sink]:
    if request.param == "tls":  # aiosmtpd does not see that such a connection is TLS
        with SmtpSink(
            tls=certificates.server, authenticator=authenticator, auth_require_tls=False
        ) as sink:
            yield sink, "tls"
    else:
        with SmtpSink(tls_context=certificates.server, require_starttls=True, **LOGIN) as sink:
            yield sink, "starttls"


def smtp(sink: SmtpSink, security: Any, **more: Any) -> Smtp:
    fields: dict[str, Any] = {
        "name": "relay",
        "host": "localhost",
        "port": sink.port,
        "security": security,
    }
    return Smtp(**(fields | {"user": "mailcase", "timeout_s": 20.0} | more))


class TestSmtpTransport(TransportContract):
    @pytest.fixture
    def transport(self) -> Iterator[SmtpTransport]:
        with MoodySink() as sink:
            yield SmtpTransport(smtp(sink, "none", user=None), None)

    @pytest.fixture
    def unreachable(self) -> SmtpTransport:
        nowhere = Smtp(name="relay", host="127.0.0.1", port=1, security="none", timeout_s=5.0)
        return SmtpTransport(nowhere, None)


async def test_a_mail_goes_out_over_tls_with_a_password(
    sink: Sink, certificates: Certificates
) -> None:
    transport = SmtpTransport(smtp(*sink, ca_file=certificates.ca_file), lambda: "hush")
    assert await transport.check() == "localhost"
    assert (await transport.send(US, TO, MAIL)).accepted == TO
    [taken] = sink[0].mails
    assert (taken.sender, taken.recipients, taken.raw) == (US, tuple(TO), MAIL)


async def test_no_socket_is_left_open_behind_a_session(
    sink: Sink, certificates: Certificates
) -> None:
    transport = SmtpTransport(smtp(*sink, ca_file=certificates.ca_file), lambda: "hush")
    refused = SmtpTransport(smtp(*sink, ca_file=certificates.ca_file), lambda: "wrong")
    await transport.check()
    assert open_sockets_to(sink[0].port) == 0
    await transport.send(US, TO, MAIL)
    assert open_sockets_to(sink[0].port) == 0
    await refused.send(US, TO, MAIL)
    assert open_sockets_to(sink[0].port) == 0


def open_sockets_to(port: int) -> int:
    sockets = [entry for entry in gc.get_objects() if issubclass(type(entry), socket.socket)]
    return sum(leads_to(port, entry) for entry in sockets)


def leads_to(port: int, connection: socket.socket) -> bool:
    if connection.fileno() == -1 or connection.family != socket.AF_INET:
        return False
    try:
        return connection.getpeername()[1] == port  # type: ignore[no-any-return]
    except OSError:  # not connected
        return False


async def test_a_wrong_password_is_no_mail_s_fault(sink: Sink, certificates: Certificates) -> None:
    transport = SmtpTransport(smtp(*sink, ca_file=certificates.ca_file), lambda: "wrong")
    assert (await transport.send(US, TO, MAIL)).deferred[TO[0]].startswith("535 ")
    with pytest.raises(TransientError, match=r"cannot log in to localhost:\d+: 535"):
        await transport.check()


async def test_a_missing_log_in_is_no_mail_s_fault(certificates: Certificates) -> None:
    with SmtpSink(tls_context=certificates.server, **LOGIN) as sink:
        transport = SmtpTransport(
            smtp(sink, "starttls", ca_file=certificates.ca_file, user=None), None
        )
        handed = await transport.send(US, TO, MAIL)
    assert handed.deferred[TO[0]].startswith("530 ")


async def test_nothing_is_sent_to_a_server_with_a_strange_certificate(sink: Sink) -> None:
    handed = await SmtpTransport(smtp(*sink), lambda: "hush").send(US, TO, MAIL)
    assert "certificate" in handed.deferred[TO[0]].lower()
    assert sink[0].mails == []


async def test_no_password_goes_to_a_server_without_starttls() -> None:
    seen: list[object] = []

    def watching(*arguments: Any) -> AuthResult:
        seen.append(arguments)
        return AuthResult(success=True)

    with SmtpSink(authenticator=watching) as sink:
        handed = await SmtpTransport(smtp(sink, "starttls"), lambda: "hush").send(US, TO, MAIL)
    assert "STARTTLS" in handed.deferred[TO[0]]
    assert (seen, sink.mails) == ([], [])


@pytest.mark.parametrize(
    ("problem", "answer", "failure"),
    [
        (MailboxProblem.NO_TOKEN, "HTTP 401 invalid_client", "HTTP 401 invalid_client"),
        (MailboxProblem.TOKEN_LIBRARY, "", ""),
        (MailboxProblem.TOKEN_SECRET, "", ""),
        (MailboxProblem.TOKEN_UNREACHABLE, "timed out", "timed out"),
    ],
)
async def test_a_missing_token_is_named_by_our_words_and_the_server_s(
    sink: Sink, problem: MailboxProblem, answer: str, failure: str
) -> None:
    def refused() -> AccessToken:
        raise TokenRefusedError("no token from oauth2.cloud", "look", problem, answer)

    handed = await SmtpTransport(smtp(*sink, oauth2="cloud"), refused).send(US, TO, MAIL)
    ours, _, theirs = handed.deferred[TO[0]].partition(": ")
    assert (ours in {*SendProblem}, theirs, handed.session) == (True, failure, "failed")


async def test_a_password_that_cannot_be_read_is_named_without_its_file(sink: Sink) -> None:
    def unreadable() -> str:
        raise SettingsError([Mistake("smtp.relay.password_file", "no /run/secret", "create it")])

    handed = await SmtpTransport(smtp(*sink), unreadable).send(US, TO, MAIL)
    assert handed.deferred[TO[0]] == f"{SendProblem.NO_PASSWORD}: smtp.relay.password_file"


async def test_a_rejected_token_is_requested_again(sink: Sink, certificates: Certificates) -> None:
    forgotten: list[str] = []
    token = AccessToken("old", lambda: forgotten.append("old"))
    transport = SmtpTransport(
        smtp(*sink, ca_file=certificates.ca_file, oauth2="cloud"), lambda: token
    )
    # this server knows no XOAUTH2
    assert (await transport.send(US, TO, MAIL)).deferred[TO[0]].startswith("504 ")
    assert forgotten == ["old"]


async def test_a_server_that_is_away_is_no_mail_s_fault() -> None:
    nowhere = Smtp(name="relay", host="127.0.0.1", port=1, security="none", timeout_s=5.0)
    handed = await SmtpTransport(nowhere, None).send(US, TO, MAIL)
    assert list(handed.deferred) == TO
