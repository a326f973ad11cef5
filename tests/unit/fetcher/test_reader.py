"""A mailbox reader with a mailbox in memory: from the listing to the removal, and every failure on
the way.
"""

import time
from collections.abc import Sequence

import pytest

from schemas.codec import decode_raw_mail
from services.fetcher import backlog
from services.fetcher.in_flight import InFlight
from services.fetcher.ports import FailureKind
from services.fetcher.quarantine import LONE_FAILURES
from services.runtime.errors import TransientError
from tests.fake_mailbox import FakeMailbox
from tests.unit.fetcher.reader_bench import ReaderBench, StuckSource, metric, until

ONE, TWO, THREE = (b"Subject: %d\r\n\r\n" % number for number in (1, 2, 3))
TOO_LARGE = b"Subject: large\r\n\r\n" + b"x" * 10_000


@pytest.fixture
def mailbox() -> FakeMailbox:
    made = FakeMailbox()
    for raw in (ONE, TWO, THREE):
        made.deliver(raw)
    return made


async def test_mails_are_published_oldest_first_and_removed_only_after_their_receipts(
    mailbox: FakeMailbox,
) -> None:
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        assert bench.publisher.raws == [ONE, TWO, THREE]
        await until(lambda: metric("mails_in_flight") == 3.0)
        assert mailbox.removed == []
        bench.receipts.send(bench.publisher.keys[1])
        await until(lambda: mailbox.removed == ["2"])
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["2", "1", "3"])
    assert len(bench.publisher.published) == 3
    assert bench.source.fetches == [["1", "2", "3"]]


async def test_a_batch_is_bounded_in_mails_and_in_bytes(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "FETCH_MAILS", 2)
    monkeypatch.setattr(backlog, "FETCH_BYTES", 1000)
    for _ in range(2):
        mailbox.deliver(b"Subject: larger\r\n\r\n" + b"x" * 600)
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 5)
    assert bench.source.fetches == [["1", "2"], ["3", "4"], ["5"]]


async def test_a_mail_gone_between_listing_and_fetching_is_not_waited_for(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = StuckSource(mailbox)
    listed = source.list_new

    def list_then_lose(most: int) -> object:
        waiting = listed(most)
        mailbox.mails.pop("2", None)
        return waiting

    monkeypatch.setattr(source, "list_new", list_then_lose)
    bench = ReaderBench(source)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 2)
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "3"])
        assert (len(bench.window), bench.window.bytes) == (0, 0)


async def test_a_full_window_holds_mails_back_and_counts_new_ones_until_receipts_come(
    mailbox: FakeMailbox,
) -> None:
    bench = ReaderBench(StuckSource(mailbox), window=InFlight(2, 10_000), poll_interval_s=0.01)
    async with bench.reading():
        await until(lambda: metric("paused", by="receipts") == 1.0)
        assert (bench.publisher.raws, metric("mails_left")) == ([ONE, TWO], 1.0)
        mailbox.deliver(b"Subject: 4\r\n\r\n")
        await until(lambda: metric("mails_left") == 2.0)
        assert len(bench.publisher.published) == 2
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: len(bench.publisher.published) == 4)
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "2", "3", "4"])
        await until(lambda: metric("paused", by="receipts") == 0.0)


async def test_equal_mails_share_one_receipt(mailbox: FakeMailbox) -> None:
    mailbox.mails = {"1": ONE, "2": ONE}
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 2)
        bench.receipts.send(bench.publisher.keys[0])
        await until(lambda: mailbox.removed == ["1", "2"])


async def test_an_unreadable_receipt_is_skipped(mailbox: FakeMailbox) -> None:
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        bench.receipts.send_bytes(b"no receipt")
        bench.receipts.send("a key of another mailbox", *bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "2", "3"])


async def test_mails_whose_receipts_are_late_are_published_again_and_removed_once(
    mailbox: FakeMailbox,
) -> None:
    before = metric("mails_republished_total")
    window = InFlight(10, 10_000, patience_s=0.01)
    bench = ReaderBench(StuckSource(mailbox), window=window, poll_interval_s=0.01)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) >= 6)
        assert bench.publisher.raws[3:6] == [ONE, TWO, THREE]
        assert bench.source.fetches[1:4] == [["1"], ["2"], ["3"]]
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: not mailbox.mails)
    assert mailbox.removed == ["1", "2", "3"]
    assert metric("mails_republished_total") >= before + 3


async def test_an_oversized_mail_is_flagged_and_reported_once_and_holds_up_no_other(
    mailbox: FakeMailbox,
) -> None:
    before = metric("mails_too_large_total")
    mailbox.mails = {"large": TOO_LARGE} | mailbox.mails
    bench = ReaderBench(StuckSource(mailbox), poll_interval_s=0.01)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        bench.source.fail_next("wait")
        # the next session lists it again
        await until(lambda: bench.source.flagged == ["large", "large"])
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: list(mailbox.mails) == ["large"])
    assert metric("mails_too_large_total") == before + 1
    assert ["large"] not in bench.source.fetches


async def test_without_flags_an_oversized_mail_is_published_by_its_head_once_and_stays() -> None:
    mailbox = FakeMailbox()
    mailbox.mails = {"large": TOO_LARGE}
    bench = ReaderBench(StuckSource(mailbox, can_flag=False), poll_interval_s=0.01)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 1)
        [mail] = [decode_raw_mail(message.body) for message in bench.publisher.published]
        assert (mail.size, mail.whole_size) == (len(TOO_LARGE), len(TOO_LARGE))
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: len(bench.window) == 0)
        bench.source.fail_next("wait")
        await until(lambda: bench.source.sessions == 2)
        mailbox.deliver(ONE)
        await until(lambda: len(bench.publisher.published) == 2)
    assert list(mailbox.mails) == ["large", "1"]


async def test_when_a_session_breaks_while_fetching_its_mails_are_fetched_again_alone(
    mailbox: FakeMailbox,
) -> None:
    source = StuckSource(mailbox)
    source.fail_next("fetch")
    bench = ReaderBench(source)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
    assert source.sessions == 2
    assert source.fetches == [["1", "2", "3"], ["1"], ["2"], ["3"]]


async def test_a_mail_at_which_sessions_break_is_quarantined_and_the_others_pass(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, source = metric("mails_unreadable_total"), StuckSource(mailbox)
    fetch = source.fetch

    def break_at_two(ids: list[str]) -> object:
        if "2" in ids:
            source.fail_next("fetch")
        return fetch(ids)

    monkeypatch.setattr(source, "fetch", break_at_two)
    bench = ReaderBench(source)
    async with bench.reading():
        await until(lambda: metric("mails_unreadable_total") == before + 1)
        await until(lambda: len(bench.publisher.published) == 2)
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "3"])
        tries = source.fetches.count(["2"])
        mailbox.deliver(b"Subject: 4\r\n\r\n")
        source.wake()
        await until(lambda: len(bench.publisher.published) == 3)
        assert source.fetches.count(["2"]) == tries == LONE_FAILURES


async def test_a_mail_at_which_sessions_break_when_its_receipt_is_late_does_not_hold_up_the_others(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, window = StuckSource(mailbox), InFlight(10, 10_000, patience_s=0.01)
    bench = ReaderBench(source, window=window, poll_interval_s=0.01)
    fetch = source.fetch

    def break_at_one_again(ids: list[str]) -> object:
        if ids == ["1"]:
            source.fail_next("fetch")
        return fetch(ids)

    monkeypatch.setattr(source, "fetch", break_at_one_again)
    async with bench.reading():
        await until(lambda: bench.publisher.raws[:3] == [ONE, TWO, THREE])
        mailbox.deliver(b"Subject: 4\r\n\r\n")
        await until(lambda: len(set(bench.publisher.keys)) == 4)
        assert source.fetches.count(["1"]) == LONE_FAILURES
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: not mailbox.mails)


async def test_mails_that_the_broker_does_not_accept_are_not_in_flight_and_are_published_by_the_next_session(
    mailbox: FakeMailbox,
) -> None:
    before = metric("failures_total", kind="dependency")
    bench = ReaderBench(StuckSource(mailbox))
    bench.publisher.failures = [TransientError("connection lost")]
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        assert (bench.source.sessions, bench.publisher.raws) == (2, [ONE, TWO, THREE])
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "2", "3"])
    assert metric("failures_total", kind="dependency") == before + 1


async def test_when_the_blob_store_fails_a_large_mail_is_published_by_the_next_session() -> None:
    mailbox = FakeMailbox()
    mailbox.deliver(b"Subject: blob\r\n\r\n" + b"x" * 1000)
    bench = ReaderBench(StuckSource(mailbox))
    bench.put_failures = [TransientError("no primary")]
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 1)
        assert (bench.source.sessions, len(bench.window)) == (2, 1)


async def test_when_a_session_breaks_while_removing_the_next_one_removes_and_nothing_is_published_again(
    mailbox: FakeMailbox,
) -> None:
    source = StuckSource(mailbox)
    source.fail_next("remove")
    bench = ReaderBench(source)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        bench.receipts.send(*bench.publisher.keys)
        await until(lambda: mailbox.removed == ["1", "2", "3"])
    assert (source.sessions, len(bench.publisher.published)) == (2, 3)


async def test_a_new_session_does_not_publish_mails_in_flight_again(mailbox: FakeMailbox) -> None:
    bench = ReaderBench(StuckSource(mailbox), poll_interval_s=0.01)
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
        bench.source.fail_next("wait")
        await until(lambda: bench.source.sessions == 2)
        mailbox.deliver(b"Subject: 4\r\n\r\n")
        await until(lambda: len(bench.publisher.published) == 4)
    assert bench.source.fetches == [["1", "2", "3"], ["4"]]


async def test_a_failing_mailbox_is_reported_with_its_kind_until_it_is_read_again(
    mailbox: FakeMailbox,
) -> None:
    before, source = metric("failures_total", kind="login"), StuckSource(mailbox)
    source.fail_next("connect", FailureKind.LOGIN, times=3)
    bench = ReaderBench(source)
    async with bench.reading():
        await until(lambda: metric("up") == 1.0 and source.sessions == 1)
        await until(lambda: bench.health.report() == {"mailboxes": {"a": "up"}})
    assert bench.health.reasons == ["login: injected"] * 3
    assert metric("failures_total", kind="login") == before + 3
    assert bench.health.report() == {}


async def test_a_bug_at_one_mail_is_a_fault_and_the_reader_carries_on(mailbox: FakeMailbox) -> None:
    before = metric("failures_total", kind="fault")
    bench = ReaderBench(StuckSource(mailbox))
    bench.publisher.failures = [ZeroDivisionError()]
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 3)
    assert metric("failures_total", kind="fault") == before + 1


class SlowToRemove(StuckSource):
    """Takes 50 ms to remove any number of mails, as a server does that rewrites a list of all
    mails.
    """

    def __init__(self, mailbox: FakeMailbox) -> None:
        super().__init__(mailbox)
        self.removals: list[int] = []

    def remove(self, ids: Sequence[str]) -> None:
        time.sleep(0.05)
        super().remove(ids)
        self.removals.append(len(ids))


async def test_a_slow_removal_does_not_delay_the_mails_that_wait(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "FETCH_MAILS", 2)
    for number in range(197):
        mailbox.deliver(b"Subject: waiting %d\r\n\r\n" % number)
    source = SlowToRemove(mailbox)
    bench = ReaderBench(source)
    async with bench.reading():
        sent = 0
        while sent < 200:
            await until(lambda: len(bench.publisher.published) > sent)  # noqa: B023 - awaited here
            new = bench.publisher.keys[sent:]
            bench.receipts.send(*new)
            sent += len(new)
        await until(lambda: len(mailbox.removed) == 200)
    assert len(source.removals) <= 12
