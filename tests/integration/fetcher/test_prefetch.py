"""Small mails that come with their listing, from servers that send them, refuse to, or lie."""

from collections.abc import Callable

import pytest

from services.fetcher.imap.source import ImapSource
from services.fetcher.ports import MailboxError
from tests.integration.fetcher.test_hostile_servers import FETCH_OF_11, MAILS, Imap, Strange
from tests.integration.fetcher.test_lying_imap import source_at


class Counting(Imap):
    """Sends first bytes, and keeps the commands that fetch mails."""

    def __init__(self, strange: Strange, *, sends_first_bytes: bool = True) -> None:
        super().__init__(strange, sends_first_bytes=sends_first_bytes)
        self.fetches: list[bytes] = []

    def __call__(self, line: bytes) -> bytes:
        if b"UID FETCH" in line:
            self.fetches.append(line.partition(b"FETCH ")[2].strip())
        return super().__call__(line)


WITH_FIRST_BYTES = b"11:13 (UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.43690>)"
WITHOUT = b"11:13 (UID RFC822.SIZE INTERNALDATE)"
WHOLE = b"11:13 (UID INTERNALDATE BODY.PEEK[])"


def test_few_small_mails_come_with_their_listing() -> None:
    server = Counting({})
    with source_at(server) as source:
        mails = source.fetch([mail.id for mail in source.list_new(10)])
    assert [mail.raw for mail in mails] == list(MAILS.values())
    assert server.fetches == [WITH_FIRST_BYTES]


def test_a_server_that_sends_no_first_bytes_is_not_asked_again() -> None:
    server = Counting({}, sends_first_bytes=False)
    with source_at(server) as source:
        for _ in range(2):
            mails = source.fetch([mail.id for mail in source.list_new(10)])
            assert [mail.raw for mail in mails] == list(MAILS.values())
            source.connect()
    assert server.fetches == [WITH_FIRST_BYTES, WITHOUT, WHOLE, WITHOUT, WHOLE]


def test_a_mail_of_another_size_than_reported_is_fetched_whole() -> None:
    """A part of a mail must never pass for the mail."""
    first = b"* 1 FETCH (UID 11 RFC822.SIZE 21 BODY[]<0> {9}\r\nSubject: )\r\n"
    server = Counting({b"UID FETCH 11:13 (UID RFC822": first + b"TAG OK done\r\n"})
    with source_at(server) as source:
        [listed] = source.list_new(10)
        [mail] = source.fetch([listed.id])
    assert mail.raw == MAILS[11]
    assert server.fetches[-1] == b"11 (UID INTERNALDATE BODY.PEEK[])"


def test_a_mail_that_breaks_the_listing_is_listed_without_it_by_the_next_session() -> None:
    server = Counting({FETCH_OF_11: b""})
    with source_at(server) as source:
        with pytest.raises(MailboxError):
            source.list_new(10)
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == ["7:11", "7:12", "7:13"]
        assert [mail.raw for mail in source.fetch(["7:12", "7:13"])] == [MAILS[12], MAILS[13]]


def test_mails_are_not_kept_beyond_the_next_fetch() -> None:
    server = Counting({})
    with source_at(server) as source:
        ids = [mail.id for mail in source.list_new(10)]
        source.fetch(ids[:1])
        del server.left[12]
        assert [mail.id for mail in source.fetch(ids[1:])] == ids[2:]


@pytest.mark.parametrize(
    "request_more",
    [
        lambda source, _: source.wait(0.01),
        lambda source, ids: source.refresh(ids),
        lambda source, _: source.remove([]),
    ],
    ids=["wait", "refresh", "remove"],
)
def test_mails_are_fetched_again_after_other_requests(
    request_more: Callable[[ImapSource, list[str]], None],
) -> None:
    """They may be gone by then."""
    server = Counting({})
    with source_at(server) as source:
        ids = [mail.id for mail in source.list_new(10)]
        del server.left[12]
        request_more(source, ids)
        assert [mail.id for mail in source.fetch(ids)] == [ids[0], ids[2]]


def test_no_mail_is_fetched_after_an_abort() -> None:
    with source_at(Counting({})) as source:
        ids = [mail.id for mail in source.list_new(10)]
        source.abort()
        with pytest.raises(MailboxError):
            source.fetch(ids)
