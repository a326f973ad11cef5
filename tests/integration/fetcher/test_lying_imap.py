"""IMAP servers that lose, mix up or refuse mails: no unrecorded mail is removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.fetcher.imap.source import ImapSource
from services.runtime.settings import IncomingServer
from tests.integration.fetcher.test_hostile_servers import GREETINGS, MAILBOX, Imap
from tests.integration.mailboxes import password
from tests.integration.scripted import ScriptedServer

WITH_MOVE = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\nTAG OK done\r\n"}


class Dated(Imap):
    """Reports when each mail arrived."""

    def __init__(self) -> None:
        super().__init__({})
        self.days = dict.fromkeys(self.left, 1)

    def _response(self, command: bytes, uids: list[int]) -> bytes:
        response = super()._response(command, uids)
        for uid in uids:
            date = b'UID %d INTERNALDATE "%02d-Mar-2026 05:06:07 +0000" ' % (uid, self.days[uid])
            response = response.replace(b"(UID %d " % uid, b"(" + date)
        return response


class Losing(Imap):
    """Returns `instead` for mail 11."""

    def __init__(self, instead: bytes) -> None:
        super().__init__({})
        self.instead = instead

    def _response(self, command: bytes, uids: list[int]) -> bytes:
        if b"BODY.PEEK" not in command or 11 not in uids:
            return super()._response(command, uids)
        return self.instead + super()._response(command, [uid for uid in uids if uid != 11])


@contextmanager
def source_at(server: Imap, **more: Any) -> Iterator[ImapSource]:
    with ScriptedServer(GREETINGS["imap"], server) as scripted:
        fields: dict[str, Any] = {
            "protocol": "imap",
            "host": "127.0.0.1",
            "port": scripted.port,
            "security": "none",
        }
        source = ImapSource(
            MAILBOX, IncomingServer(**(fields | {"timeout_s": 5.0, "idle": False} | more)), password
        )
        source.connect()
        try:
            yield source
        finally:
            source.close()


def unreadable() -> float:
    return (
        REGISTRY.get_sample_value("mailcase_mailbox_mails_unreadable_total", {"mailbox": "a"})
        or 0.0
    )


@pytest.mark.parametrize(
    "instead",
    [
        b'* 1 FETCH (UID 11 BODY[] "")\r\n',
        b"* 1 FETCH (UID 11 BODY[] {0}\r\n)\r\n",
        b"* 1 FETCH (UID 11 BODY[] NIL)\r\n",
        b"",
    ],
)
def test_a_mail_that_the_server_returns_empty_is_reported_as_unreadable(instead: bytes) -> None:
    before = unreadable()
    with source_at(Losing(instead)) as source:
        ids = [mail.id for mail in source.list_new(10)]
        assert [mail.id for mail in source.fetch(ids)] == ["7:12", "7:13"]
    assert unreadable() == before + 1


def test_a_missing_mail_is_not_reported() -> None:
    server, before = Imap({}), unreadable()
    with source_at(server) as source:
        ids = [mail.id for mail in source.list_new(10)]
        del server.left[11]
        assert [mail.id for mail in source.fetch(ids)] == ["7:12", "7:13"]
    assert unreadable() == before


def test_a_mail_without_a_size_is_reported() -> None:
    before = unreadable()
    with source_at(
        Imap(
            {b"UID FETCH 11:13 (UID RFC822": b"* 1 FETCH (UID 12 RFC822.SIZE 9)\r\nTAG OK done\r\n"}
        )
    ) as source:
        assert [mail.id for mail in source.list_new(10)] == ["7:12"]
    assert unreadable() == before + 2


def test_a_reused_uid_is_not_removed() -> None:
    """The server was restored from a backup: UIDVALIDITY is unchanged, and a new mail has the UID
    of an earlier one.
    """
    server = Dated()
    with source_at(server) as source:
        ids = [mail.id for mail in source.list_new(10)]
        source.fetch(ids)
        source.close()
        server.left[12], server.days[12] = b"Subject: new\r\n\r\nnever fetched\r\n", 2
        source.connect()
        source.remove(ids)
        assert list(server.left) == [12]
        [there] = source.list_new(10)
        [new] = source.fetch([there.id])
        assert new.raw == server.left[12]
        source.remove([new.id])
    assert server.left == {}


def test_mails_are_deleted_even_if_the_folder_accepts_no_more_keywords() -> None:
    server = Imap({rb"UID STORE 11 +FLAGS.SILENT (\Deleted $": b"TAG NO too many keywords\r\n"})
    with source_at(server) as source:
        source.list_new(10)
        source.remove(["7:11"])
    assert list(server.left) == [12, 13]


@pytest.mark.parametrize("taken", [[11], [11, 12]])
def test_recorded_mails_removed_by_others_do_not_block_the_move(taken: list[int]) -> None:
    server = Imap(WITH_MOVE | {b"UID MOVE 11": b"TAG NO [EXPUNGEISSUED] some are gone\r\n"})
    with source_at(server, move_to="Done") as source:
        ids = [mail.id for mail in source.list_new(10)][:2]
        for uid in taken:
            del server.left[uid]
        source.remove(ids)
        source.remove([])
    assert server.left.keys() == {12, 13} - set(taken)
