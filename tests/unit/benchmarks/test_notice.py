"""A bare IMAP client notes when it can see mails."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.baseline import notice
from benchmarks.baseline.notice import REMOVED_TOGETHER, Watch, notice_times

MANY = REMOVED_TOGETHER + 1


class FakeClient:
    """A server that announces these counts with its responses, in their order."""

    def __init__(self, *announced: int | None) -> None:
        self._announced = iter(announced)
        self._unread: int | None = None
        self.commands: list[str] = []

    def _respond(self, command: str) -> None:
        self.commands.append(command)
        self._unread = next(self._announced, None)

    def noop(self) -> None:
        self._respond("noop")

    def store(self, which: str, *_: str) -> None:
        self._respond(f"store {which}")

    def expunge(self) -> None:
        self._respond("expunge")

    def response(self, code: str) -> tuple[str, list[bytes | None]]:
        unread, self._unread = self._unread, None
        return code, [None if unread is None else str(unread).encode()]


def watch(client: FakeClient) -> Watch:
    box: Any = SimpleNamespace(client=client)
    return Watch(box)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0))


def test_a_mail_is_seen_when_the_server_announces_it() -> None:
    client = FakeClient(None, 1, None, 3)
    assert list(itertools.islice(watch(client).run(), 2)) == [1, 3]
    assert client.commands == ["noop"] * 4


def test_mails_announced_during_a_removal_are_counted_once() -> None:
    client = FakeClient(MANY, MANY + 2, 3, 4)
    assert list(itertools.islice(watch(client).run(), 3)) == [MANY, MANY + 3, MANY + 4]
    assert client.commands == ["noop", f"store 1:{MANY}", "expunge", "noop"]


def test_each_mail_has_the_time_of_the_first_line_that_counts_it() -> None:
    lines = ["10.5 1\n", "11.0 3\n"]
    assert notice_times(lines, 2) == [10.5, 11.0]
    assert notice_times(lines, 4) == [10.5, 11.0, 11.0]
