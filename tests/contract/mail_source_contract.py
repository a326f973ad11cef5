"""The contract of the port `MailSource` for one mailbox, for every protocol and the fake.

A subclass provides the fixtures `source`, which is not connected yet, and `deliver`, which adds a
raw mail to its mailbox.
"""

import threading
from collections.abc import Callable

import pytest

from services.fetcher.ports import MailboxError, MailSource
from services.runtime.mail.raw_mail_builder import HEAD_BYTES
from tests.builders import raw_bytes

Deliver = Callable[[bytes], object]


class MailSourceContract:
    def test_mails_come_byte_for_byte_oldest_first(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        mails = [raw_bytes("one"), raw_bytes("Zażółć"), b"no header at all\r\n"]
        for raw in mails:
            deliver(raw)
        source.connect()
        listed = source.list_new(10)
        fetched = source.fetch([mail.id for mail in listed])
        assert [mail.size for mail in listed] == [len(raw) for raw in mails]
        assert [mail.raw for mail in fetched] == mails
        assert [mail.received_at for mail in fetched] == [mail.received_at for mail in listed]

    def test_a_session_hands_out_each_mail_once_and_the_next_session_again(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        for number in range(3):
            deliver(raw_bytes(str(number)))
        source.connect()
        first, rest, none = source.list_new(2), source.list_new(2), source.list_new(2)
        assert (len(first), len(rest), none) == (2, 1, [])
        source.close()
        source.connect()
        assert source.list_new(10) == [*first, *rest]

    def test_mails_found_and_not_handed_out_are_counted_without_the_known_ones(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        assert source.count_unlisted([]) == 0
        for number in range(5):
            deliver(raw_bytes(str(number)))
        source.connect()
        first = [mail.id for mail in source.list_new(2)]
        assert source.count_unlisted(first) == 3
        source.close()
        source.connect()
        again = [mail.id for mail in source.list_new(1)]
        assert again == first[:1]
        assert (source.count_unlisted(first), source.count_unlisted([])) == (3, 4)
        source.list_new(10)
        assert source.count_unlisted([]) == 0

    def test_a_refresh_finds_new_mails_and_does_not_hand_out_known_ones_again(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("first"))
        source.connect()
        (known,) = [mail.id for mail in source.list_new(10)]
        source.wait(0.0)  # this may end a session
        for number in range(3):
            deliver(raw_bytes(str(number)))
        source.refresh([known])
        assert source.count_unlisted([known]) == 3
        found = [mail.id for mail in source.list_new(10)]
        assert len(found) == 3
        assert known not in found
        assert source.count_unlisted([known, *found]) == 0

    def test_fetching_leaves_the_mail_in_place_and_works_twice(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("one"))
        source.connect()
        ids = [mail.id for mail in source.list_new(10)]
        assert source.fetch(ids) == source.fetch(ids)
        source.close()
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == ids

    def test_an_id_that_names_no_mail_is_left_out(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("one"))
        source.connect()
        (mail_id,) = [mail.id for mail in source.list_new(10)]
        assert [mail.id for mail in source.fetch(["no-such-mail", mail_id])] == [mail_id]
        assert source.fetch([]) == []

    def test_only_the_given_mails_are_removed_and_missing_ones_are_no_error(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        for number in range(3):
            deliver(raw_bytes(str(number)))
        source.connect()
        ids = [mail.id for mail in source.list_new(10)]
        source.remove([ids[1]])
        source.remove([ids[1]])
        source.remove([])
        assert [mail.id for mail in source.fetch(ids)] == [ids[0], ids[2]]
        source.close()
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == [ids[0], ids[2]]

    def test_a_mail_fetched_in_one_session_can_be_removed_in_the_next(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("one"))
        deliver(raw_bytes("two"))
        source.connect()
        first, second = [mail.id for mail in source.list_new(10)]
        assert len(source.fetch([first, second])) == 2
        source.close()
        source.connect()
        source.remove([first])
        source.close()
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == [second]

    def test_an_oversized_mail_is_flagged_or_gives_its_head_once_and_stays(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        raw = raw_bytes("large") + b"0123456789abcdef\r\n" * (HEAD_BYTES // 18 + 100)
        deliver(raw)
        source.connect()
        ids = [mail.id for mail in source.list_new(10)]
        heads = source.flag_oversized(ids)
        if heads:  # the server has no flags
            assert [(head.id, head.raw) for head in heads] == [(ids[0], raw[:HEAD_BYTES])]
            source.remove(ids)
        source.close()
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == ids
        assert source.flag_oversized(ids) == []

    def test_waking_before_or_during_a_wait_ends_it(self, source: MailSource) -> None:
        source.connect()
        source.wake()
        source.wait(60.0)
        waiting = threading.Thread(target=source.wait, args=(60.0,))
        waiting.start()
        source.wake()
        waiting.join(timeout=10.0)
        assert not waiting.is_alive()

    def test_without_a_session_every_request_is_an_error_with_a_hint(
        self, source: MailSource
    ) -> None:
        for request in (lambda: source.list_new(1), lambda: source.refresh([]), source.describe):
            with pytest.raises(MailboxError) as caught:
                request()
            assert caught.value.hint

    def test_an_aborted_session_fails_and_a_new_one_reads_on(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("one"))
        source.connect()
        ids = [mail.id for mail in source.list_new(10)]
        source.abort()
        with pytest.raises(MailboxError):
            source.fetch(ids)
        source.connect()
        assert [mail.id for mail in source.list_new(10)] == ids

    def test_close_is_idempotent_before_and_after_connect(self, source: MailSource) -> None:
        source.close()
        source.connect()
        source.close()
        source.close()
        source.abort()
