"""Tokens from an endpoint that a real mail server uses to verify them."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.tokens import TokenEndpoint
from services.fetcher.imap.source import ImapSource
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import FailureKind, MailboxError, MailSource
from services.fetcher.sources.credentials import Credential
from services.runtime.oauth2.tokens import TokenSource
from services.runtime.settings import OAuth2
from tests.integration.mailboxes import Account

PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])
SOURCES: dict[str, Callable[..., MailSource]] = {"imap": ImapSource, "pop3": Pop3Source}


@pytest.fixture
def account(servers: PrivateServers) -> Account:
    return Account(servers, "token")


@pytest.fixture
def endpoint(account: Account) -> Iterator[TokenEndpoint]:
    clients = {"app": ("hush", account.address), "other": ("hush", "somebody.else@example.test")}
    with TokenEndpoint(account.mail.token_port, clients) as made:
        yield made


def tokens(endpoint: TokenEndpoint, client: str = "app") -> TokenSource:
    oauth2 = OAuth2(
        provider="microsoft", client_id=client, secret_env="SECRET", token_url=endpoint.url
    )
    return TokenSource("cloud", oauth2, {"SECRET": "hush"})


Make = Callable[[str, TokenSource], MailSource]


@pytest.fixture
def source(account: Account) -> Iterator[Make]:
    made: list[MailSource] = []

    def make(protocol: str, tokens: TokenSource) -> MailSource:
        credential: Callable[[], Credential] = partial(tokens.token, account.address)
        made.append(SOURCES[protocol](account.mailbox(), account.server(protocol), credential))
        return made[-1]

    yield make
    for item in made:
        item.close()


@PROTOCOLS
def test_a_mail_is_taken_with_a_token(
    account: Account, endpoint: TokenEndpoint, source: Make, protocol: str
) -> None:
    account.deliver(b"Subject: one\r\n\r\ntext\r\n")
    opened = source(protocol, tokens(endpoint))
    opened.connect()
    ids = [item.id for item in opened.list_new(10)]
    assert [mail.raw for mail in opened.fetch(ids)] == [b"Subject: one\r\n\r\ntext\r\n"]
    opened.remove(ids)
    opened.close()
    assert account.left() == 0
    assert endpoint.introspected


@PROTOCOLS
def test_a_revoked_token_is_rejected_once_and_then_a_new_one_is_requested(
    endpoint: TokenEndpoint, source: Make, protocol: str
) -> None:
    opened = source(protocol, tokens(endpoint))
    opened.connect()
    endpoint.revoke()
    with pytest.raises(MailboxError) as caught:
        opened.connect()
    assert caught.value.failure_kind == FailureKind.LOGIN
    assert endpoint.issued[0] not in str(caught.value)
    opened.connect()
    assert len(endpoint.issued) == 2


@PROTOCOLS
def test_a_token_for_another_account_opens_nothing(
    endpoint: TokenEndpoint, source: Make, protocol: str
) -> None:
    with pytest.raises(MailboxError) as caught:
        source(protocol, tokens(endpoint, "other")).connect()
    assert caught.value.failure_kind == FailureKind.LOGIN


@PROTOCOLS
def test_a_refresh_token_of_googles_kind_logs_in(
    endpoint: TokenEndpoint, source: Make, protocol: str, tmp_path: Path
) -> None:
    key = {
        "type": "authorized_user",
        "client_id": "app",
        "client_secret": "hush",
        "refresh_token": "again",
    }
    (tmp_path / "key.json").write_text(json.dumps(key))
    oauth2 = OAuth2(provider="google", secret_file=tmp_path / "key.json", token_url=endpoint.url)
    opened = source(protocol, TokenSource("cloud", oauth2, {}))
    opened.connect()
    assert opened.list_new(10) == []


@PROTOCOLS
def test_a_wrong_secret_reaches_no_mail_server(
    endpoint: TokenEndpoint, source: Make, protocol: str
) -> None:
    oauth2 = OAuth2(
        provider="microsoft", client_id="app", secret_env="SECRET", token_url=endpoint.url
    )
    with pytest.raises(MailboxError, match="invalid_client") as caught:
        source(protocol, TokenSource("cloud", oauth2, {"SECRET": "wrong"})).connect()
    assert caught.value.failure_kind == FailureKind.PASSWORD
    assert not endpoint.introspected
