"""What the port `MailSource` promises of one mailbox, whatever the protocol.

A subclass gives the fixtures `source`, not connected yet, and `deliver`, which puts a raw mail in its mailbox.
"""

import threading
from collections.abc import Callable

import pytest

from services.fetcher.ports import MailboxError, MailSource
from tests.builders import raw_bytes

Deliver = Callable[[bytes], object]


class MailSourceContract:
    def test_mails_come_byte_for_byte_oldest_first(self, source: MailSource, deliver: Deliver) -> None:
        mails = [raw_bytes("one"), raw_bytes("Zażółć"), b"no header at all\r\n"]
        for raw in mails:
            deliver(raw)
        source.connect()
        news = source.list_new(10)
        assert [one.size for one in news] == [len(raw) for raw in mails]
        assert [one.raw for one in source.fetch([one.id for one in news])] == mails

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

    def test_what_is_found_and_not_handed_out_is_counted_without_what_is_known(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        assert source.count_unlisted([]) == 0
        for number in range(5):
            deliver(raw_bytes(str(number)))
        source.connect()
        first = [one.id for one in source.list_new(2)]
        assert source.count_unlisted(first) == 3
        source.close()
        source.connect()
        again = [one.id for one in source.list_new(1)]
        assert again == first[:1]
        assert (source.count_unlisted(first), source.count_unlisted([])) == (3, 4)
        source.list_new(10)
        assert source.count_unlisted([]) == 0

    def test_a_look_finds_what_has_come_and_what_is_known_is_not_handed_out_again(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        deliver(raw_bytes("first"))
        source.connect()
        (known,) = [one.id for one in source.list_new(10)]
        source.wait(0.0)  # by which a session may end
        for number in range(3):
            deliver(raw_bytes(str(number)))
        source.refresh([known])
        assert source.count_unlisted([known]) == 3
        found = [one.id for one in source.list_new(10)]
        assert len(found) == 3
        assert known not in found
        assert source.count_unlisted([known, *found]) == 0

    def test_only_the_asked_mails_are_removed_and_gone_ones_are_no_error(
        self, source: MailSource, deliver: Deliver
    ) -> None:
        for number in range(3):
            deliver(raw_bytes(str(number)))
        source.connect()
        ids = [one.id for one in source.list_new(10)]
        source.remove([ids[1]])
        source.remove([ids[1]])
        assert [one.id for one in source.fetch(ids)] == [ids[0], ids[2]]

    def test_waking_before_or_during_a_wait_ends_it(self, source: MailSource) -> None:
        source.connect()
        source.wake()
        source.wait(60.0)
        waiting = threading.Thread(target=source.wait, args=(60.0,))
        waiting.start()
        source.wake()
        waiting.join(timeout=10.0)
        assert not waiting.is_alive()

    def test_without_a_session_there_is_no_mail(self, source: MailSource) -> None:
        with pytest.raises(MailboxError):
            source.list_new(1)

    def test_taking_leave_twice_or_never_having_come_is_no_error(self, source: MailSource) -> None:
        source.close()
        source.connect()
        source.close()
        source.close()
        source.abort()
