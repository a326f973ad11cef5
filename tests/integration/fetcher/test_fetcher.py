"""The whole fetcher on real servers; the test acts as the services after it."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from deploy.local import PrivateServers
from schemas.mails import mail_key
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT
from services.runtime.errors import TransientError
from services.runtime.mail.raw_mail_builder import HEAD_BYTES, RawMailBuilder
from tests.integration.mailboxes import Account
from tests.integration.proxy import SLOW_BYTES_S, Fault, Proxy
from tests.integration.recorder import Bench, fetching, until

MAILS = 1000
CHANNEL_CLOSED = re.compile(r"operation basic\.publish caused a channel exception")


@pytest.fixture
def bench(servers: PrivateServers, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(servers, tmp_path)
    yield made
    made.close()


@pytest.fixture
def account(servers: PrivateServers) -> Account:
    return Account(servers, "whole")


def raw(number: int, size: int = 2000) -> bytes:
    return (
        b"Subject: %d\r\n\r\n" % number
        + b"0123456789abcdef\r\n" * (size // 18)
        + b"\xb3\xf3\xbf\r\n"
    )


def server(account: Account, protocol: str, **more: object) -> str:
    port = getattr(account.mail, f"{protocol}_port")
    fields = {"protocol": protocol, "host": "localhost", "port": port, "security": "none"}
    fields |= {"timeout_s": 2.0, "poll_interval_s": 0.3} | more
    return "\n".join(f"{key} = {_toml(value)}" for key, value in fields.items())


def _toml(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_a_mail_leaves_its_mailbox_only_after_its_receipt(
    bench: Bench, account: Account, protocol: str
) -> None:
    mails = [raw(number) for number in range(3)]
    for mail in mails:
        account.deliver(mail)
    async with (
        bench.recorder() as recorder,
        fetching(bench.settings({"a": account}, server(account, protocol))),
    ):
        recorder.receipts = False
        await until(lambda: len(recorder.mails) == 3, lambda: f"{len(recorder.mails)} came")
        await asyncio.sleep(0.5)  # time enough to delete too early
        assert account.left() == 3
        await recorder.send_receipts("a", [mail_key("a", mails[1])])
        await until(lambda: account.left() == 2, lambda: "the recorded one is gone")
        await recorder.send_receipts("a", [mail_key("a", mail) for mail in mails])
        await until(lambda: account.left() == 0, lambda: "all are gone")
    assert sorted(recorder.mails.values()) == sorted(mails)
    assert recorder.duplicates == 0


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_mails_that_stay_are_published_once(
    bench: Bench, account: Account, protocol: str
) -> None:
    settings = bench.settings({"a": account}, server(account, protocol, delete_after_fetch=False))
    account.deliver(raw(1))
    async with bench.recorder() as recorder:
        async with fetching(settings):
            await until(lambda: len(recorder.mails) == 1, lambda: "it came")
            await asyncio.sleep(1)  # several polls
        account.deliver(raw(2))
        async with fetching(settings):
            await until(lambda: len(recorder.mails) == 2, lambda: "the second came")
    assert recorder.duplicates == 0
    assert account.left() == 2


async def test_a_broken_mailbox_stops_no_other_and_is_named(
    bench: Bench, servers: PrivateServers, account: Account
) -> None:
    broken = Account(servers, "broken")
    servers.mail.add_user(broken.address, "another password")
    account.deliver(raw(1))
    failures = sample("mailcase_mailbox_failures_total", mailbox="broken", kind="login")
    settings = bench.settings({"broken": broken, "well": account}, server(account, "imap"))
    async with bench.recorder() as recorder, fetching(settings):
        await until(lambda: len(recorder.mails) == 1, lambda: "the mail of the other")
        await until(
            lambda: (
                sample("mailcase_mailbox_failures_total", mailbox="broken", kind="login") > failures
            ),
            lambda: "the failure is counted",
        )


async def test_a_bug_triggered_by_one_mailbox_stops_no_other(
    bench: Bench, servers: PrivateServers, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, odd = RawMailBuilder.message, Account(servers, "odd")

    async def failing(
        message_builder: RawMailBuilder, mail: bytes, *arguments: Any, **more: Any
    ) -> Outgoing:
        if mail == raw(2):
            raise ZeroDivisionError
        return await real(message_builder, mail, *arguments, **more)

    monkeypatch.setattr(RawMailBuilder, "message", failing)
    odd.deliver(raw(2))
    failures = sample("mailcase_mailbox_failures_total", mailbox="odd", kind="fault")
    settings = bench.settings({"odd": odd, "well": account}, server(account, "imap"))
    async with bench.recorder() as recorder, fetching(settings):
        await until(
            lambda: (
                sample("mailcase_mailbox_failures_total", mailbox="odd", kind="fault") > failures
            ),
            lambda: "the failure is counted",
        )
        account.deliver(raw(1))
        await until(lambda: len(recorder.mails) == 1, lambda: "the mail of the other")
    assert odd.left() == 1


CUTS = [Fault(cut_after=size) for size in (20_000, 60_000, 150_000)]


# Each ends its connection, so that the next one's turn comes.
def faults(protocol: str, slow_s: float) -> list[Fault]:
    slow = Fault(slow_s=slow_s, cut_after=int(slow_s) * SLOW_BYTES_S + 40_000)
    return [slow if fault.slow_s else fault for fault in FAULTS[protocol]]


FAULTS = {
    "imap": [
        *CUTS,
        *(Fault(reset_at=word) for word in (b"STORE", b"EXPUNGE", b"FETCH", b"SEARCH")),
        Fault(bye_after=30_000),
        Fault(silent_after=30_000),
        Fault(slow_s=2, cut_after=40_000),
        Fault(reset_at=b"EXPUNGE"),
    ],
    "pop3": [
        *CUTS,
        *(Fault(reset_at=word) for word in (b"DELE", b"RETR", b"UIDL", b"PASS")),
        Fault(silent_after=30_000),
        Fault(slow_s=2, cut_after=40_000),
        Fault(reset_at=b"QUIT"),
    ],
}


@pytest.mark.parametrize("patience_s", [2.0, pytest.param(60.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_each_mail_arrives_byte_for_byte_through_every_network_fault(
    bench: Bench,
    account: Account,
    protocol: str,
    patience_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`patience_s` is how long the network is slow, and the timeout of the fetcher."""
    monkeypatch.setattr("services.fetcher.service.MAX_PAUSE_S", 0.2)
    mails = [raw(number) for number in range(MAILS)]
    for mail in mails:
        account.deliver(mail)
    with Proxy(getattr(account.mail, f"{protocol}_port"), faults(protocol, patience_s)) as proxy:
        limits = server(
            account, protocol, port=proxy.port, max_in_flight_mails=100, timeout_s=patience_s
        )
        async with bench.recorder() as recorder, fetching(bench.settings({"a": account}, limits)):
            await until(
                lambda: len(recorder.mails) == MAILS,
                lambda: f"{len(recorder.mails)} came",
                180 + 6 * patience_s,
            )
            await until(lambda: account.left() == 0, lambda: f"{account.left()} are left", 60)
        assert proxy.suffered == len(FAULTS[protocol])
    assert sorted(recorder.mails.values()) == sorted(mails)


async def test_a_mail_of_25_mib_passes_a_broker_that_accepts_16(
    bench: Bench, account: Account
) -> None:
    """No channel is closed, which the broker would log."""
    closed_before = CHANNEL_CLOSED.findall(_broker_log(bench))
    large = raw(1, 25 * 1024 * 1024)
    account.deliver(large)
    account.deliver(raw(2))
    failures = sample("mailcase_mailbox_failures_total", mailbox="a", kind="dependency")
    async with (
        bench.recorder() as recorder,
        fetching(bench.settings({"a": account}, server(account, "imap"))),
    ):
        await until(lambda: len(recorder.mails) == 2, lambda: "both came")
        await until(lambda: account.left() == 0, lambda: "both are gone")
    assert recorder.mails[mail_key("a", large)] == large
    assert sample("mailcase_mailbox_failures_total", mailbox="a", kind="dependency") == failures
    assert CHANNEL_CLOSED.findall(_broker_log(bench)) == closed_before


async def test_the_broker_accepts_no_message_over_16_mib(bench: Bench) -> None:
    """Without this, the test before it proves nothing."""
    async with bench.recorder() as recorder:
        with pytest.raises(TransientError):
            await recorder.broker.publish(
                Outgoing(EVENT, "x", bytes(17 * 1024 * 1024), "T.v1", "", mandatory=False)
            )
    assert CHANNEL_CLOSED.search(_broker_log(bench))


def _broker_log(bench: Bench) -> str:
    return (bench.servers.data_dir / "logs" / "broker.log").read_text(errors="replace")


async def test_a_mail_over_the_limit_stays_flagged_and_stops_no_other(
    bench: Bench, account: Account
) -> None:
    account.deliver(raw(1, 20_000))
    account.deliver(raw(2))
    before = sample("mailcase_mailbox_mails_too_large_total", mailbox="a")
    more = "[limits]\nmax_mail_bytes = 10_000\ninline_mail_bytes = 1000"
    async with (
        bench.recorder() as recorder,
        fetching(bench.settings({"a": account}, server(account, "imap"), more)),
    ):
        await until(lambda: len(recorder.mails) == 1, lambda: "the small one came")
        await until(lambda: account.left() == 1, lambda: "the small one is gone")
        await until(lambda: account.system_flags() == [{r"\Flagged"}], lambda: "flagged")
    assert sample("mailcase_mailbox_mails_too_large_total", mailbox="a") == before + 1


async def test_without_flags_an_oversized_mail_is_recorded_once_by_its_head(
    bench: Bench, account: Account
) -> None:
    """With POP3. Once the limit is raised, the mail is fetched whole."""
    large = raw(1, 600_000)
    account.deliver(large)
    account.deliver(raw(2))
    small = "[limits]\nmax_mail_bytes = 100_000\ninline_mail_bytes = 1000"
    raised = "[limits]\nmax_mail_bytes = 1_000_000\ninline_mail_bytes = 1000"
    async with bench.recorder() as recorder:
        for number in (11, 12):  # the second fetcher finds it recorded
            async with fetching(bench.settings({"a": account}, server(account, "pop3"), small)):
                await until(lambda: len(recorder.mails) >= 2, lambda: f"{len(recorder.mails)} came")
                await until(lambda: account.left() == 1, lambda: "the small one is gone")
                account.deliver(raw(number))
                await until(lambda: account.left() == 1, lambda: "a later one as well")
        assert recorder.heads_of == {len(large): large[:HEAD_BYTES]}
        assert recorder.duplicates == 0
        async with fetching(bench.settings({"a": account}, server(account, "pop3"), raised)):
            await until(lambda: account.left() == 0, lambda: "it is gone")
    assert recorder.mails[mail_key("a", large)] == large
    assert recorder.duplicates == 0


async def test_no_more_mails_are_in_flight_than_the_window_allows(
    bench: Bench, account: Account
) -> None:
    for number in range(30):
        account.deliver(raw(number))
    settings = bench.settings({"a": account}, server(account, "imap", max_in_flight_mails=7))
    async with bench.recorder() as recorder, fetching(settings):
        recorder.receipts = False
        await until(lambda: len(recorder.mails) == 7, lambda: f"{len(recorder.mails)} came")
        await until(
            lambda: sample("mailcase_mailbox_paused", mailbox="a", by="receipts") == 1,
            lambda: "it says so",
        )
        assert sample("mailcase_mailbox_mails_in_flight", mailbox="a") == 7
        assert sample("mailcase_mailbox_oldest_unfetched_age_seconds", mailbox="a") > 0
        assert len(recorder.mails) == 7
        recorder.receipts = True
        await recorder.send_receipts("a", list(recorder.mails))
        await until(lambda: account.left() == 0, lambda: "all are gone")
    assert recorder.duplicates == 0


ALARMS = {
    "memory": ("set_vm_memory_high_watermark", "0.00001", "0.4"),
    "disk": ("set_disk_free_limit", "9999GB", "50MB"),
}


@contextmanager
def alarm_of(bench: Bench, kind: str) -> Iterator[None]:
    """Block publishers during the block, as an alarm of the broker does."""
    limit, alarming, usual = ALARMS[kind]
    bench.servers.broker.ctl(limit, alarming)
    try:
        yield
    finally:
        bench.servers.broker.ctl(limit, usual)


def paused_by_broker() -> bool:
    return sample("mailcase_mailbox_paused", mailbox="a", by="broker") == 1


@pytest.mark.parametrize("kind", ALARMS)
async def test_while_the_broker_blocks_publishers_mail_waits_and_is_published_afterwards(
    bench: Bench, account: Account, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("services.fetcher.backpressure.PATIENCE_S", 0.2)
    async with (
        bench.recorder() as recorder,
        fetching(bench.settings({"a": account}, server(account, "imap"))),
    ):
        await until(lambda: sample("mailcase_mailbox_up", mailbox="a") == 1, lambda: "it reads")
        with alarm_of(bench, kind):
            for number in range(5):
                account.deliver(raw(number))
            await until(paused_by_broker, lambda: "the mailbox is paused")
            assert account.left() == 5
        await until(lambda: account.left() == 0, lambda: "all are gone")
    assert len(recorder.mails) == 5


async def test_a_mailbox_leased_during_an_alarm_is_reported_as_paused_and_read_afterwards(
    bench: Bench, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The announcement of the replica blocks its connection before the mailbox has a queue."""
    monkeypatch.setattr("services.fetcher.backpressure.PATIENCE_S", 0.2)
    account.deliver(raw(1))
    async with bench.recorder() as recorder:
        with alarm_of(bench, "disk"):
            async with fetching(bench.settings({"a": account}, server(account, "imap"))):
                await until(paused_by_broker, lambda: "the mailbox is paused")
                bench.servers.broker.ctl(ALARMS["disk"][0], ALARMS["disk"][2])
                await until(lambda: account.left() == 0, lambda: "it is gone")
        assert len(recorder.mails) == 1


async def test_after_a_folder_is_recreated_its_new_mails_come(
    bench: Bench, account: Account
) -> None:
    """UIDVALIDITY changes and UIDs start again while 500 old mails are in flight."""
    count = 500
    with account.client() as box:
        box.folder.create("Work")
    _fill(account, "Work", range(count))
    limits = server(account, "imap", max_in_flight_mails=count, timeout_s=30)
    settings = bench.settings({"a": account}, limits, 'folder = "Work"')
    async with bench.recorder() as recorder:
        recorder.receipts = False
        async with fetching(settings):
            await until(lambda: len(recorder.mails) == count, lambda: f"{len(recorder.mails)} came")
            with account.client() as box:
                box.folder.delete("Work")
                box.folder.create("Work")
            _fill(account, "Work", range(count, 2 * count))
            await recorder.send_receipts("a", list(recorder.mails))
            recorder.receipts = True
            await until(
                lambda: len(recorder.mails) == 2 * count, lambda: f"{len(recorder.mails)} came", 90
            )
            await until(lambda: _left(account, "Work") == 0, lambda: "all are gone")
    assert recorder.duplicates == 0


def _fill(account: Account, folder: str, numbers: Iterable[int]) -> None:
    """Deliver through the inbox, which is faster than appending one mail at a time."""
    for number in numbers:
        account.deliver(raw(number, 200))
    with account.client() as box:
        box.folder.set("INBOX")
        status, _ = box.client.uid("MOVE", "1:*", folder)
        assert status == "OK"


def _left(account: Account, folder: str) -> int:
    with account.client() as box:
        return int(box.folder.status(folder, ["MESSAGES"])["MESSAGES"])
