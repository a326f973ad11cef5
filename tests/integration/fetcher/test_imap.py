"""The IMAP adapter against a real server."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local import PrivateServers
from services.fetcher.imap import removal as imap_removal
from services.fetcher.imap import source as imap_source
from services.fetcher.imap import uid_listing
from services.fetcher.imap.refetch import unmark_recorded
from services.fetcher.imap.removal import KEYWORD
from services.fetcher.imap.responses import Item
from services.fetcher.imap.session import Folder
from services.fetcher.imap.source import ImapSource
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import FailureKind, MailboxError
from services.fetcher.sources.credentials import Password
from services.runtime.errors import Mistake, SettingsError
from tests.contract.mail_source_contract import Deliver, MailSourceContract
from tests.integration.mailboxes import Account, in_background, password, wrong_authority

HEAD = b"From: a@x.test\r\nSubject: "
ODD_MAILS = {
    "8-bit": HEAD + b"8-bit\r\n\r\nza\xbf\xf3\xb3\xe6 g\xea\xb6l\xb1 ja\xbc\xf1\r\n",
    "control": HEAD
    + b"controls\r\n\r\n"
    + bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
    + b"\r\n",
    "long line": HEAD + b"long\r\n\r\n" + b"x" * 300_000 + b"\r\n",
    "no final newline": HEAD + b"open end\r\n\r\nthe end",
    "header only": HEAD + b"no blank line",
    "dots": HEAD + b"dots\r\n\r\n.\r\n..\r\n.dot\r\n",
    "literal alike": HEAD + b"{5}\r\n\r\nA1 OK FETCH done\r\n* 1 FETCH (UID 1 BODY[] {3}\r\n",
    "large": HEAD + b"large\r\n\r\n" + b"0123456789abcdef\r\n" * 300_000,
}


@pytest.fixture
def account(servers: PrivateServers) -> Account:
    return Account(servers, "imap")


@pytest.fixture
def made() -> Iterator[list[ImapSource]]:
    """Creates sources that are closed after the test."""
    sources: list[ImapSource] = []
    yield sources
    for source in sources:
        source.close()


def source_of(
    account: Account, made: list[ImapSource], security: str = "tls", **server: Any
) -> ImapSource:
    made.append(ImapSource(account.mailbox(), account.server("imap", security, **server), password))
    return made[-1]


def folder_of(source: ImapSource) -> Folder:
    """The open folder, to change the capabilities that the source assumes."""
    assert source._folder is not None
    return source._folder


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
class TestImapSource(MailSourceContract):
    @pytest.fixture
    def source(self, account: Account, made: list[ImapSource], security: str) -> ImapSource:
        return source_of(account, made, security)

    @pytest.fixture
    def deliver(self, account: Account) -> Deliver:
        return account.deliver


@pytest.mark.parametrize("raw", ODD_MAILS.values(), ids=ODD_MAILS.keys())
def test_any_bytes_come_as_the_server_has_them(
    account: Account, made: list[ImapSource], raw: bytes
) -> None:
    account.deliver(raw)
    source = source_of(account, made)
    source.connect()
    (waiting,) = source.list_new(10)
    (fetched,) = source.fetch([waiting.id])
    assert fetched.raw == raw
    assert waiting.size == len(raw)
    assert fetched.received_at is not None
    assert waiting.received_at == fetched.received_at


def test_an_empty_mail_is_a_mail(account: Account, made: list[ImapSource]) -> None:
    with account.client() as box:
        box.append(b"\r\n")
    source = source_of(account, made)
    source.connect()
    assert [mail.raw for mail in source.fetch([mail.id for mail in source.list_new(1)])] == [
        b"\r\n"
    ]


@pytest.mark.parametrize("security", ["tls", "none"])
def test_idle_ends_at_once_when_a_mail_arrives(
    account: Account, made: list[ImapSource], security: str
) -> None:
    source = source_of(account, made, security)
    source.connect()
    assert source.list_new(10) == []
    started = time.monotonic()
    with in_background(lambda: _wait_for_news(source)) as waiting:
        account.deliver(HEAD + b"new\r\n\r\n\r\n")
        waiting.join(10)
        assert time.monotonic() - started < 5


def _wait_for_news(source: ImapSource) -> None:
    while not source.list_new(10):
        source.wait(60)


def test_a_mail_between_listing_and_idle_is_not_missed(
    account: Account, made: list[ImapSource]
) -> None:
    """The server announces it in the response to another command, and not again when
    IDLE begins.
    """
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    (first,) = source.list_new(10)
    account.deliver(HEAD + b"two\r\n\r\n\r\n")
    assert source.fetch([first.id])
    source.remove([first.id])  # its answer carries the announcement
    started = time.monotonic()
    source.wait(60)
    assert time.monotonic() - started < 5
    assert len(source.list_new(10)) == 1


def test_soon_after_a_mail_the_server_is_polled(
    account: Account, made: list[ImapSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    assert len(source.list_new(10)) == 1
    monkeypatch.setattr(
        "services.fetcher.imap.idle._idle", lambda *_: pytest.fail("the server was waited for")
    )
    account.deliver(HEAD + b"two\r\n\r\n\r\n")
    source.wait(60)
    assert len(source.list_new(10)) == 1


def test_without_idle_the_mailbox_is_polled(account: Account, made: list[ImapSource]) -> None:
    source = source_of(account, made, idle=False)
    source.connect()
    assert source.list_new(10) == []
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source.wait(0.1)
    assert len(source.list_new(10)) == 1


def test_aborting_ends_a_wait_with_an_error(account: Account, made: list[ImapSource]) -> None:
    source = source_of(account, made)
    source.connect()
    assert source.list_new(10) == []
    with pytest.raises(MailboxError), in_background(lambda: _wait_twice(source)):
        source.abort()


def _wait_twice(source: ImapSource) -> None:
    """An abort also wakes the source: it may end the first wait, but not the second."""
    source.wait(60)
    source.wait(60)


@pytest.mark.parametrize("uidplus", [True, False])
def test_deleting_removes_only_our_own_mails(
    account: Account, made: list[ImapSource], uidplus: bool
) -> None:
    for text in (b"theirs", b"ours", b"kept"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    if not uidplus:
        folder_of(source).capabilities -= {"UIDPLUS"}
    _, ours, _ = source.list_new(10)
    with account.client() as box:
        # deleted by someone else, but not expunged yet
        box.client.uid("STORE", box.uids()[0], "+FLAGS", r"(\Deleted)")
    source.remove([ours.id])
    with account.client() as box:
        left = {message.subject: message.flags for message in box.fetch(mark_seen=False)}
    assert set(left) == {"theirs", "kept"}
    assert r"\Deleted" in left["theirs"]
    assert r"\Deleted" not in left["kept"]


@pytest.mark.parametrize("uidplus", [True, False])
def test_the_next_session_finishes_a_removal_interrupted_before_the_expunge(
    account: Account, made: list[ImapSource], monkeypatch: pytest.MonkeyPatch, uidplus: bool
) -> None:
    for text in (b"theirs", b"ours", b"new"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    _, ours, new = source.list_new(10)
    with account.client() as box:
        box.client.uid("STORE", box.uids()[0], "+FLAGS", r"(\Deleted)")
    with monkeypatch.context() as patch:
        patch.setattr(imap_removal, "expunge", lambda _folder, _uids: source.abort())
        source.remove([ours.id])
    source.connect()
    if not uidplus:
        folder_of(source).capabilities -= {"UIDPLUS"}
    assert [mail.id for mail in source.list_new(10)] == [new.id]
    with account.client() as box:
        left = {message.subject: message.flags for message in box.fetch(mark_seen=False)}
    assert set(left) == {"theirs", "new"}
    assert r"\Deleted" in left["theirs"]


def test_the_next_session_restores_the_deleted_marks_of_others_after_an_interruption(
    account: Account, made: list[ImapSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in (b"theirs", b"ours"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    folder_of(source).capabilities -= {"UIDPLUS"}
    _, ours = source.list_new(10)
    with account.client() as box:
        box.client.uid("STORE", box.uids()[0], "+FLAGS", r"(\Deleted)")
    monkeypatch.setattr(folder_of(source).box.client, "expunge", source.abort)
    with pytest.raises(MailboxError):
        source.remove([ours.id])
    with account.client() as box:
        assert not any(
            r"\Deleted" in mail.flags
            for mail in box.fetch(mark_seen=False)
            if mail.subject == "theirs"
        )
    source.connect()
    folder_of(source).capabilities -= {"UIDPLUS"}
    assert source.list_new(10) == []
    with account.client() as box:
        assert [mail.subject for mail in box.fetch(mark_seen=False)] == ["theirs"]
    assert account.system_flags() == [{r"\Deleted"}]


def test_a_kept_mail_is_flagged_and_not_handed_out_again(
    account: Account, made: list[ImapSource]
) -> None:
    for text in (b"one", b"two"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    source = source_of(account, made, delete_after_fetch=False)
    source.connect()
    first, second = source.list_new(10)
    source.remove([first.id])
    source.connect()
    assert [mail.id for mail in source.list_new(10)] == [second.id]
    with account.client() as box:
        flags = [message.flags for message in box.fetch(mark_seen=False)]
    assert [KEYWORD in names for names in flags] == [True, False]
    assert not any(r"\Seen" in names for names in flags)


def test_recorded_mails_that_stayed_are_listed_again_after_a_restore(account: Account) -> None:
    server = account.server(delete_after_fetch=False)
    for subject in (b"one", b"two"):
        account.deliver(HEAD + subject + b"\r\n\r\ntext\r\n")
    box = account.mailbox()
    source = ImapSource(box, server, password)
    source.connect()
    ids = [mail.id for mail in source.list_new(10)]
    list(source.fetch(ids))
    source.remove(ids)
    source.connect()
    assert source.list_new(10) == []
    today = datetime.now(UTC).date()
    assert unmark_recorded(box, server, password, today + timedelta(days=3)) == 0
    assert unmark_recorded(box, server, password, today) == 2
    source.connect()
    assert [mail.id for mail in source.list_new(10)] == ids
    source.close()


def test_without_keywords_a_kept_mail_is_marked_as_seen(
    account: Account, made: list[ImapSource]
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made, delete_after_fetch=False)
    source.connect()
    folder_of(source).permanent_flags = rb"(\Seen \Deleted)"
    (first,) = source.list_new(10)
    source.remove([first.id])
    assert account.system_flags() == [{r"\Seen"}]
    assert source.list_new(10) == []


@pytest.mark.parametrize("move", [True, False])
def test_moving_leaves_the_mail_in_the_other_folder(
    account: Account, made: list[ImapSource], move: bool
) -> None:
    for text in (b"one", b"two"):
        account.deliver(HEAD + text + b"\r\n\r\n\r\n")
    with account.client() as box:
        box.folder.create("Done & więcej")
    source = source_of(account, made, move_to="Done & więcej")
    source.connect()
    if not move:
        folder_of(source).capabilities -= {"MOVE"}
    first, _ = source.list_new(10)
    source.remove([first.id])
    with account.client() as box:
        assert [message.subject for message in box.fetch(mark_seen=False)] == ["two"]
        box.folder.set("Done & więcej")
        assert [message.subject for message in box.fetch(mark_seen=False)] == ["one"]


def test_moving_to_a_folder_that_is_missing_says_so_and_deletes_nothing(
    account: Account, made: list[ImapSource]
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made, move_to="Nowhere")
    source.connect()
    (first,) = source.list_new(10)
    with pytest.raises(MailboxError) as caught:
        source.remove([first.id])
    assert caught.value.failure_kind == FailureKind.FOLDER
    assert "move_to" in caught.value.hint
    assert account.left() == 1


def test_an_oversized_mail_is_flagged_for_people(account: Account, made: list[ImapSource]) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    assert source.flag_oversized([mail.id for mail in source.list_new(10)]) == []
    assert account.system_flags() == [{r"\Flagged"}]


def test_without_flags_an_oversized_mail_gives_its_head_and_stays(
    account: Account, made: list[ImapSource]
) -> None:
    mail = HEAD + b"one\r\n\r\n" + b"x" * 70 + b"\r\n"
    account.deliver(mail)
    source = source_of(account, made)
    source.connect()
    folder_of(source).permanent_flags = rb"\Deleted"
    [waiting] = source.list_new(10)
    assert [(head.id, head.raw) for head in source.flag_oversized([waiting.id])] == [
        (waiting.id, mail)
    ]
    source.remove([waiting.id])
    assert account.left() == 1


def test_a_folder_with_many_mails_is_listed_in_parts(
    account: Account, made: list[ImapSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_source, "WINDOW_MAILS", 10)
    monkeypatch.setattr(uid_listing, "WINDOW_MAILS", 10)
    for number in range(45):
        account.deliver(HEAD + b"%d\r\n\r\n\r\n" % number)
    with account.client() as box:
        box.delete(["2", "21", "22"])
    source = source_of(account, made)
    source.connect()
    searched: list[str] = []
    monkeypatch.setattr(Folder, "command", _noting(searched, Folder.command))
    subjects: list[bytes] = []
    while listed := source.list_new(7):
        assert source.count_unlisted([]) == 42 - len(subjects) - len(listed)
        fetched = source.fetch([mail.id for mail in listed])
        subjects += [mail.raw.split(b"\r\n")[1] for mail in fetched]
        source.remove([mail.id for mail in fetched])
        source.refresh([])
    assert subjects == [
        b"Subject: %d" % number for number in range(45) if number not in {1, 20, 21}
    ]
    assert account.left() == 0
    assert not any("1:*" in command for command in searched)


def _noting(searched: list[str], command: Callable[..., list[Item]]) -> Callable[..., list[Item]]:
    def noting(folder: Folder, name: str, *arguments: str) -> list[Item]:
        searched.append(f"{name} {' '.join(arguments)}")
        return command(folder, name, *arguments)

    return noting


def test_nothing_is_kept_of_removed_mails(account: Account, made: list[ImapSource]) -> None:
    source = source_of(account, made)
    source.connect()
    for number in range(20):
        account.deliver(HEAD + b"%d\r\n\r\n\r\n" % number)
        source.refresh([])
        ids = [mail.id for mail in source.list_new(10)]
        source.fetch(ids)
        source.remove(ids)
    kept = folder_of(source).box.client.untagged_responses
    assert sum(len(responses) for responses in kept.values()) < 15
    assert account.left() == 0


def test_a_recreated_folder_has_new_mails_and_old_ids_name_none(
    account: Account, made: list[ImapSource]
) -> None:
    source = ImapSource(account.mailbox(folder="Work"), account.server(), password)
    made.append(source)
    with account.client() as box:
        box.folder.create("Work")
        box.append(HEAD + b"old\r\n\r\n\r\n", "Work")
    source.connect()
    (old,) = source.list_new(10)
    source.close()
    with account.client() as box:
        box.folder.delete("Work")
        box.folder.create("Work")
        box.append(HEAD + b"new\r\n\r\n\r\n", "Work")
    source.connect()
    (new,) = source.list_new(10)
    assert old.id.partition(":")[2] == new.id.partition(":")[2]
    source.remove([old.id])
    assert source.fetch([old.id]) == []
    assert [mail.raw for mail in source.fetch([new.id])] == [HEAD + b"new\r\n\r\n\r\n"]


ODD_FOLDERS = [
    "Zażółć gęślą",
    "Rechnungen & Ähnliches",
    'say "hello"',
    "back\\slash",
    "a%b*c",
    "日本語",
    "&amp;-",
    "Sub.Folder",
]


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_a_folder_of_any_name_is_read_and_moved_to(
    account: Account, made: list[ImapSource], name: str
) -> None:
    mail = HEAD + b"one\r\n\r\n\r\n"
    with account.client() as box:
        for folder in (name, f"{name} done"):
            box.folder.create(folder)
        box.append(mail, name)
    source = ImapSource(
        account.mailbox(folder=name), account.server(move_to=f"{name} done"), password
    )
    made.append(source)
    source.connect()
    ids = [mail.id for mail in source.list_new(10)]
    assert [mail.raw for mail in source.fetch(ids)] == [mail]
    source.remove(ids)
    with account.client() as box:
        assert [box.folder.status(folder)["MESSAGES"] for folder in (name, f"{name} done")] == [
            0,
            1,
        ]


def test_the_error_for_a_missing_folder_lists_the_existing_ones(
    account: Account, made: list[ImapSource]
) -> None:
    with account.client() as box:
        box.folder.create("Zażółć")
    source = ImapSource(account.mailbox(folder="Work"), account.server(), password)
    made.append(source)
    with pytest.raises(MailboxError) as caught:
        source.connect()
    assert {"INBOX", "Zażółć"} <= set(
        caught.value.hint.partition("existing folders: ")[2].split(", ")
    )


@pytest.mark.parametrize(
    "secret", ['quo"te', "back\\slash", "{5}", "bl ank ", "tęcza", "(", "%u", "*"]
)
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_password_of_any_characters_logs_in(
    servers: PrivateServers, protocol: str, secret: str
) -> None:
    account = Account(servers, "odd")
    account.mail.add_user(account.address, secret)
    source = {"imap": ImapSource, "pop3": Pop3Source}[protocol](
        account.mailbox(), account.server(protocol), lambda: Password(secret)
    )
    source.connect()
    source.close()


def test_the_description_names_the_capabilities_of_the_mailbox(
    account: Account, made: list[ImapSource]
) -> None:
    account.deliver(HEAD + b"one\r\n\r\n\r\n")
    source = source_of(account, made)
    source.connect()
    description = source.describe()
    for word in (
        "Dovecot",
        "TLSv1.",
        "INBOX",
        "1 mails",
        "the oldest of 20",
        "IDLE",
        "UIDPLUS",
        "keywords",
        "delete",
    ):
        assert word in description


class TestFailures:
    @pytest.mark.parametrize("wrong", ["wrong", "żle"])
    def test_a_wrong_password(self, account: Account, wrong: str) -> None:
        source = ImapSource(account.mailbox(), account.server(), lambda: Password(wrong))
        _assert_failure(source, FailureKind.LOGIN, "check user and password")

    def test_a_folder_that_is_missing(self, account: Account) -> None:
        source = ImapSource(account.mailbox(folder="Nowhere"), account.server(), password)
        _assert_failure(source, FailureKind.FOLDER, "create the folder 'Nowhere'")

    def test_nobody_listens(self, account: Account) -> None:
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        source = ImapSource(account.mailbox(), account.server(port=port), password)
        _assert_failure(
            source, FailureKind.CONNECTION, "check that server.s.host and server.s.port"
        )

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_a_certificate_of_an_authority_that_is_not_trusted(
        self, account: Account, tmp_path: Path, security: str
    ) -> None:
        server = account.server("imap", security, ca_file=wrong_authority(tmp_path))
        source = ImapSource(account.mailbox(), server, _no_password_is_asked_for)
        _assert_failure(source, FailureKind.CERTIFICATE, "server.s.ca_file")

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_a_certificate_for_another_host(self, account: Account, security: str) -> None:
        server = account.server("imap", security, host="127.0.0.2")
        source = ImapSource(account.mailbox(), server, _no_password_is_asked_for)
        _assert_failure(
            source,
            FailureKind.CERTIFICATE if _listens(server.port) else FailureKind.CONNECTION,
            "server.s",
        )

    def test_tls_to_a_plain_text_port(self, account: Account) -> None:
        server = account.server(port=account.mail.imap_port)
        _assert_failure(
            ImapSource(account.mailbox(), server, password), FailureKind.CERTIFICATE, "security"
        )

    def test_authorities_that_cannot_be_read(self, account: Account, tmp_path: Path) -> None:
        source = ImapSource(
            account.mailbox(), account.server(ca_file=tmp_path / "none.pem"), password
        )
        _assert_failure(
            source, FailureKind.CERTIFICATE, "read access to the file in server.s.ca_file"
        )
        (tmp_path / "empty.pem").write_text("")
        source = ImapSource(
            account.mailbox(), account.server(ca_file=tmp_path / "empty.pem"), password
        )
        _assert_failure(source, FailureKind.CERTIFICATE, "PEM certificates")

    def test_a_secret_that_cannot_be_read(self, account: Account) -> None:
        def missing() -> Password:
            raise SettingsError([Mistake("mailbox m", "no password", "put it there")], mailbox="m")

        source = ImapSource(account.mailbox(), account.server(), missing)
        _assert_failure(source, FailureKind.PASSWORD, "put it there")
        with pytest.raises(MailboxError, match=r"cannot connect at \S+: no password$"):
            source.connect()
        source.close()


def _assert_failure(source: ImapSource, failure_kind: FailureKind, hint: str) -> None:
    with pytest.raises(MailboxError) as caught:
        source.connect()
    source.close()
    assert caught.value.failure_kind == failure_kind, caught.value
    assert hint in caught.value.hint
    assert "secret" not in str(caught.value)


def _no_password_is_asked_for() -> Password:
    raise AssertionError("the password was read before the server proved who it is")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.2", port), timeout=2).close()
    except OSError:
        return False
    return True


def test_waking_from_another_thread_ends_idle(account: Account, made: list[ImapSource]) -> None:
    source = source_of(account, made)
    source.connect()
    assert source.list_new(1) == []
    started = time.monotonic()
    threading.Timer(0.2, source.wake).start()
    source.wait(30)
    assert time.monotonic() - started < 5
