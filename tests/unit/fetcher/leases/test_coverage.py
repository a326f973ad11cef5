"""Whether every mailbox has a reader."""

from collections.abc import Collection

import pytest
from prometheus_client import REGISTRY

from services.fetcher.leases.coverage import UNREAD_S, Coverage
from services.runtime.errors import TransientError
from services.runtime.process.health import Health


class FakeLeases:
    """Other fetchers' leases; none of ours."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.prepared: list[str] = []
        self.away = False

    async def prepare(self, mailboxes: Collection[str]) -> None:
        self.prepared += mailboxes

    async def held(self) -> set[str]:
        if self.away:
            raise TransientError("no primary")
        return self.taken

    async def acquire(self, mailbox: str) -> float | None:
        raise NotImplementedError

    async def renew(self, mailboxes: Collection[str]) -> tuple[set[str], float]:
        raise NotImplementedError

    async def release(self, mailbox: str) -> None:
        raise NotImplementedError


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def unread_s(mailbox: str) -> float | None:
    return REGISTRY.get_sample_value("mailcase_mailbox_unread_seconds", {"mailbox": mailbox})


async def test_a_mailbox_that_nobody_reads_is_a_warning_with_a_hint_once_and_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    leases, clock, health = FakeLeases(), Clock(), Health("store")
    coverage = Coverage(leases, ["read", "unread"], health, clock)
    leases.taken = {"read", "of another installation"}
    for clock.now_s in (1.0, UNREAD_S, UNREAD_S + 1):
        await coverage.refresh()
    [record] = caplog.records
    assert record.msg == "mailbox_unread"
    assert "max_mailboxes" in str(vars(record))
    assert (unread_s("read"), unread_s("unread")) == (0.0, UNREAD_S + 1)
    assert (health.ready, sorted(leases.prepared)) == (True, ["read", "unread"])

    leases.taken = {"read", "unread"}
    await coverage.refresh()
    assert unread_s("unread") == 0.0
    assert caplog.records[-1].msg == "mailbox_read_again"


async def test_without_the_database_no_mailbox_has_a_reader_and_the_service_is_not_ready() -> None:
    leases, clock, health = FakeLeases(), Clock(), Health("store")
    coverage = Coverage(leases, ["a"], health, clock)
    leases.taken = {"a"}
    await coverage.refresh()
    leases.away, clock.now_s = True, 40.0
    await coverage.refresh()
    assert (coverage.unread_s("a"), health.ready) == (40.0, False)
