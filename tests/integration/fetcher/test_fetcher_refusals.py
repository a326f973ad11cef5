"""An unauthenticated server receives no password."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local import PrivateServers
from services.fetcher.imap.source import ImapSource
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import FailureKind, MailboxError
from services.runtime.oauth2.tokens import AccessToken
from tests.integration.mailboxes import PASSWORD, Account, password, wrong_authority
from tests.integration.proxy import Proxy
from tests.integration.scripted import ScriptedServer

Answer = Callable[[bytes], bytes]
SOURCES = {"imap": ImapSource, "pop3": Pop3Source}
LOGINS = (b"LOGIN", b"AUTHENTICATE", b"USER", b"PASS", b"AUTH ", PASSWORD.encode())


@pytest.fixture
def account(servers: PrivateServers) -> Account:
    return Account(servers, "refused")


def imap(*, offers: bytes = b"STARTTLS", starttls: bytes = b"OK go", after: bytes = b"") -> Answer:
    def answer(line: bytes) -> bytes:
        tag, _, command = line.strip().partition(b" ")
        if command == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 " + offers + b"\r\n" + tag + b" OK done\r\n"
        if command == b"STARTTLS":
            return tag + b" " + starttls + b"\r\n" + after
        return tag + b" OK done\r\n"

    return answer


def pop3(*, offers: bytes = b"STLS", stls: bytes = b"+OK go", after: bytes = b"") -> Answer:
    def answer(line: bytes) -> bytes:
        if line.strip() == b"CAPA":
            return b"+OK\r\n" + offers + b"\r\n.\r\n"
        return stls + b"\r\n" + after if line.strip() == b"STLS" else b"+OK\r\n"

    return answer


@pytest.mark.parametrize(
    ("protocol", "greeting", "answer"),
    [
        ("imap", b"* OK hello\r\n", imap(offers=b"")),
        ("imap", b"* OK hello\r\n", imap(starttls=b"NO not today")),
        ("imap", b"* OK hello\r\n", imap(starttls=b"BAD what")),
        ("imap", b"* OK hello\r\n", imap(after=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")),
        ("imap", b"* PREAUTH hello\r\n", imap()),
        ("pop3", b"+OK hello\r\n", pop3(offers=b"TOP")),
        ("pop3", b"+OK hello\r\n", pop3(stls=b"-ERR not today")),
        ("pop3", b"+OK hello\r\n", pop3(after=b"+OK logged in\r\n")),
    ],
)
def test_starttls_offered_badly_is_refused_before_any_password(
    account: Account, protocol: str, greeting: bytes, answer: Answer
) -> None:
    with ScriptedServer(greeting, answer) as server:
        settings = account.server(protocol, "starttls", port=server.port, timeout_s=2.0)
        with pytest.raises(MailboxError) as caught:
            SOURCES[protocol](account.mailbox(), settings, password).connect()
    assert caught.value.failure_kind == FailureKind.CERTIFICATE
    assert not any(word in line.upper() or word in line for line in server.heard for word in LOGINS)


@pytest.mark.parametrize(
    ("protocol", "greeting", "response"),
    [
        ("imap", b"* OK hello\r\n", b"* 1 FETCH ((((\r\n"),
        ("imap", b"* OK hello\r\n", b"\xff\x00\r\n"),
        ("imap", b"\r\n", b"\r\n"),
        ("imap", b"* BYE go away\r\n", b""),
        ("pop3", b"+OK hello\r\n", b"+\r\n"),
        ("pop3", b"+OK hello\r\n", b"+OK\r\nx\r\n.\r\n"),
        ("pop3", b"-ERR go away\r\n", b""),
        ("pop3", b"nonsense\r\n", b""),
    ],
)
def test_an_invalid_response_is_a_failure_of_its_mailbox_only(
    account: Account, protocol: str, greeting: bytes, response: bytes
) -> None:
    with ScriptedServer(greeting, lambda _line: response) as server:
        source = SOURCES[protocol](
            account.mailbox(),
            account.server(protocol, "none", port=server.port, timeout_s=1),
            password,
        )
        with pytest.raises(MailboxError):
            source.connect()
        source.close()


def test_no_log_in_is_tried_if_the_server_accepts_none(account: Account) -> None:
    with ScriptedServer(b"* OK hello\r\n", imap(offers=b"LOGINDISABLED")) as server:
        settings = account.server("imap", "none", port=server.port)
        source = ImapSource(account.mailbox(), settings, password)
        with pytest.raises(MailboxError, match="LOGINDISABLED"):
            source.connect()
        source.close()
    assert not any(b"LOGIN" in line for line in server.heard)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_wrong_certificate_means_no_log_in_at_the_server(
    account: Account, tmp_path: Path, protocol: str, security: str
) -> None:
    port: Any = getattr(
        account.mail, f"{protocol}s_port" if security == "tls" else f"{protocol}_port"
    )
    log = account.mail.processes[0].log_file
    before = log.stat().st_size
    with Proxy(port) as proxy:
        settings = account.server(
            protocol, security, port=proxy.port, ca_file=wrong_authority(tmp_path)
        )
        with pytest.raises(MailboxError) as caught:
            SOURCES[protocol](account.mailbox(), settings, password).connect()
    assert caught.value.failure_kind == FailureKind.CERTIFICATE
    assert proxy.connections == 1
    assert not any(word in proxy.client_bytes for word in LOGINS)
    with log.open("rb") as file:
        file.seek(before)
        assert account.address.encode() not in file.read()


def test_imap_logs_in_with_a_token(account: Account) -> None:
    tags: list[bytes] = []
    refused: list[bool] = []

    def answer(line: bytes) -> bytes:
        if b"AUTHENTICATE XOAUTH2" in line:
            tags.append(line.split()[0])
            return b"+ \r\n"
        if line.strip() == TOKEN_RESPONSE:
            return b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"  # the reason, as base64 of JSON
        return tags[-1] + b" NO refused\r\n" if line == b"\r\n" else imap()(line)

    with ScriptedServer(b"* OK hello\r\n", answer) as server:
        source = ImapSource(
            account.mailbox(user="a@x.test"),
            account.server("imap", "none", port=server.port),
            _token(refused),
        )
        with pytest.raises(MailboxError) as caught:
            source.connect()
        source.close()
    assert TOKEN_RESPONSE + b"\r\n" in server.heard
    assert caught.value.failure_kind == FailureKind.LOGIN
    assert refused == [True]


def test_pop3_logs_in_with_a_token_in_two_steps(account: Account) -> None:
    def answer(line: bytes) -> bytes:
        if line.strip() == b"AUTH XOAUTH2":
            return b"+ \r\n"
        return b"+OK\r\n.\r\n" if line.strip() in {b"UIDL", b"LIST"} else b"+OK\r\n"

    with ScriptedServer(b"+OK hello\r\n", answer) as server:
        source = Pop3Source(
            account.mailbox(user="a@x.test"),
            account.server("pop3", "none", port=server.port),
            _token([]),
        )
        source.connect()
        assert source.list_new(1) == []
        source.close()
    assert server.heard[:2] == [b"AUTH XOAUTH2\r\n", TOKEN_RESPONSE + b"\r\n"]


def test_a_token_that_pop3_refuses_is_not_used_again(account: Account) -> None:
    def answer(line: bytes) -> bytes:
        if line.strip() == b"AUTH XOAUTH2":
            return b"+ \r\n"
        return b"-ERR refused\r\n" if line == b"\r\n" else b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"

    refused: list[bool] = []
    with ScriptedServer(b"+OK hello\r\n", answer) as server:
        source = Pop3Source(
            account.mailbox(user="a@x.test"),
            account.server("pop3", "none", port=server.port),
            _token(refused),
        )
        with pytest.raises(MailboxError) as caught:
            source.connect()
        source.close()
    assert caught.value.failure_kind == FailureKind.LOGIN
    assert refused == [True]


TOKEN_RESPONSE = base64.b64encode(b"user=a@x.test\1auth=Bearer tok\1\1")


def _token(refused: list[bool]) -> Callable[[], AccessToken]:
    return lambda: AccessToken("tok", lambda: refused.append(True))
