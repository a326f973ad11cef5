"""The POP3 adapter against a real server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import PrivateServers
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import FailureKind, MailboxError
from services.fetcher.sources.credentials import Password
from tests.contract.mail_source_contract import Deliver, MailSourceContract
from tests.fake_mailbox import FakeSeenIds
from tests.integration.fetcher.test_imap import HEAD, ODD_MAILS
from tests.integration.mailboxes import Account, password, wrong_authority


@pytest.fixture
def account(servers: PrivateServers) -> Account:
    return Account(servers, "pop")


@pytest.fixture
def made() -> Iterator[list[Pop3Source]]:
    """Creates sources that are closed after the test."""
    sources: list[Pop3Source] = []
    yield sources
    for source in sources:
        source.close()


def source_of(
    account: Account,
    made: list[Pop3Source],
    security: str = "tls",
    seen_ids: FakeSeenIds | None = None,
    receipts_s: float = 0.1,
    **server: Any,
) -> Pop3Source:
    shape = account.server("pop3", security, **server)
    made.append(Pop3Source(account.mailbox(), shape, password, seen_ids, receipts_s=receipts_s))
    return made[-1]


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
class TestPop3Source(MailSourceContract):
    @pytest.fixture
    def source(self, account: Account, made: list[Pop3Source], security: str) -> Pop3Source:
        return source_of(account, made, security, seen_ids=FakeSeenIds())

    @pytest.fixture
    def deliver(self, account: Account) -> Deliver:
        return account.deliver


@pytest.mark.parametrize("raw", ODD_MAILS.values(), ids=ODD_MAILS.keys())
def test_any_bytes_come_as_the_server_gives_them(
    account: Account, made: list[Pop3Source], raw: bytes
) -> None:
    """In the protocol every mail ends with a line end. A blank line after the header is up to the
    server.
    """
    account.deliver(raw)
    source = source_of(account, made)
    source.connect()
    (fetched,) = source.fetch([mail.id for mail in source.list_new(10)])
    assert fetched.raw.rstrip(b"\r\n") == raw.rstrip(b"\r\n")
    if raw.endswith(b"\r\n"):
        assert fetched.raw == raw
    assert fetched.received_at is None


def test_a_broken_session_deletes_nothing_and_the_next_one_deletes(
    account: Account, made: list[Pop3Source]
) -> None:
    for text in (b"one", b"two"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    first, second = source.fetch([mail.id for mail in source.list_new(10)])
    source.remove([first.id])
    source.abort()
    with pytest.raises(MailboxError):
        source.fetch([second.id])
    source.close()
    assert account.left() == 2
    source.connect()
    assert [mail.id for mail in source.list_new(10)] == [second.id]
    source.close()
    assert account.left() == 1


def test_a_mail_recorded_between_two_sessions_is_deleted_by_the_next(
    account: Account, made: list[Pop3Source]
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    (mail,) = source.fetch([mail.id for mail in source.list_new(10)])
    source.wait(0.05)  # no receipt comes: the session ends
    assert account.left() == 1
    source.remove([mail.id])
    source.close()
    assert account.left() == 0


def test_an_old_uidl_on_a_new_mail_deletes_nothing(
    account: Account, made: list[Pop3Source]
) -> None:
    account.deliver(HEAD + b"old\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    (mail,) = source.fetch([mail.id for mail in source.list_new(10)])
    source.wait(0.05)
    source._hashes[mail.id] = b"of another mail"
    source.remove([mail.id])
    assert [mail.id for mail in source.list_new(10)] == [mail.id]
    source.close()
    assert account.left() == 1


def test_a_mail_that_comes_during_a_session_is_seen_by_the_next(
    account: Account, made: list[Pop3Source]
) -> None:
    source = source_of(account, made)
    source.connect()
    account.deliver(HEAD + b"late\r\n\r\n\r\n")
    assert source.list_new(10) == []
    source.wait(0.05)
    assert len(source.list_new(10)) == 1


def test_mails_that_stay_are_remembered_by_their_uidl(
    account: Account, made: list[Pop3Source]
) -> None:
    seen_ids = FakeSeenIds()
    for text in (b"one", b"two"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made, seen_ids=seen_ids, delete_after_fetch=False)
    source.connect()
    first, second = source.fetch([mail.id for mail in source.list_new(10)])
    source.remove([first.id])
    source.close()
    assert account.left() == 2
    another = source_of(account, made, seen_ids=seen_ids, delete_after_fetch=False)
    another.connect()
    assert [mail.id for mail in another.list_new(10)] == [second.id]
    another.close()
    with account.client() as box:
        box.delete(box.uids())
    another.connect()
    assert seen_ids.ids == set()


def test_one_bad_mail_stops_no_other(
    account: Account, made: list[Pop3Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in (b"one", b"bad", b"two"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    ids = [mail.id for mail in source.list_new(10)]
    source._listed._numbers[1] = 99  # a number that the server refuses
    fetched = source.fetch(ids)
    assert [mail.id for mail in fetched] == [ids[0], ids[2]]
    source.remove([ids[0], ids[2]])
    source.wait(0.05)
    assert account.left() == 1


def test_the_description_names_the_capabilities_of_the_maildrop(
    account: Account, made: list[Pop3Source]
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    for word in ("Dovecot", "TLSv1.", "1 mails", "UIDL", "delete"):
        assert word in source.describe()


class TestFailures:
    def test_a_wrong_password(self, account: Account) -> None:
        source = Pop3Source(account.mailbox(), account.server("pop3"), lambda: Password("wrong"))
        _assert_failure(source, FailureKind.LOGIN, "check user and password")

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_a_certificate_of_an_authority_that_is_not_trusted(
        self, account: Account, tmp_path: Path, security: str
    ) -> None:
        server = account.server("pop3", security, ca_file=wrong_authority(tmp_path))
        source = Pop3Source(account.mailbox(), server, _no_password_is_asked_for)
        _assert_failure(source, FailureKind.CERTIFICATE, "server.s.ca_file")

    def test_tls_to_a_plain_text_port(self, account: Account) -> None:
        server = account.server("pop3", port=account.mail.pop3_port)
        _assert_failure(
            Pop3Source(account.mailbox(), server, password), FailureKind.CERTIFICATE, "security"
        )


def _assert_failure(source: Pop3Source, failure_kind: FailureKind, hint: str) -> None:
    with pytest.raises(MailboxError) as caught:
        source.connect()
    source.close()
    assert caught.value.failure_kind == failure_kind, caught.value
    assert hint in caught.value.hint


def _no_password_is_asked_for() -> Password:
    raise AssertionError("the password was read before the server proved who it is")


def test_a_receipt_ends_the_wait_for_receipts(account: Account, made: list[Pop3Source]) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made, receipts_s=30.0)
    source.connect()
    assert source.fetch([mail.id for mail in source.list_new(10)])
    source.wake()
    started = time.monotonic()
    source.wait(60)
    assert time.monotonic() - started < 5
