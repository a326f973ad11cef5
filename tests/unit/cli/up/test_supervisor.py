"""Processes that end are reported and restarted with growing pauses; a full stop waits
for nothing.
"""

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.local.processes import GuardedProcess
from services.cli.up.supervisor import LONGEST_PAUSE_S, STABLE_AFTER_S, Supervisor

PATIENCE_S = 10.0


class FakeChild:
    """Runs until `crash`; `start` runs `starting`, if there is one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = True
        self.starts = 0
        self.started = threading.Event()
        self.killed = threading.Event()
        self.starting: Callable[[], None] | None = None

    def start(self) -> None:
        self.starts += 1
        self.started.set()
        if self.starting is not None:
            self.starting()
        self.running = True

    def kill(self) -> None:
        self.killed.set()

    def ending(self) -> str:
        return " (status 3)"

    @property
    def log_file(self) -> Path:
        return Path(f"{self.name}.log")


class Scene:
    """A supervisor with a test clock, and what it reported."""

    def __init__(self, *children: FakeChild) -> None:
        self.now_s = 0.0
        self.reports: list[str] = []
        self.reported = threading.Event()
        self.supervisor = Supervisor(
            children, lambda text, _: self.reports.append(text), clock=lambda: self.now_s
        )

    def after(self, seconds: float) -> None:
        self.now_s += seconds
        self.supervisor.poll()

    def settle(self) -> None:
        """Wait until every pending restart has been reported."""
        for watch in self.supervisor._watched:
            if watch.start is not None:
                watch.start.exception(PATIENCE_S)
        self.supervisor.poll()


def test_what_ends_is_named_with_its_log_and_restarted_after_a_pause() -> None:
    child, other = FakeChild("store"), FakeChild("router")
    scene = Scene(child, other)
    child.running = False
    scene.supervisor.poll()
    assert child.starts == 0
    scene.after(1.0)
    scene.settle()
    assert [line.partition("; restarting")[0] for line in scene.reports] == [
        "store ended by itself (status 3)",
        "store runs again",
    ]
    assert scene.reports[0].endswith("; see store.log")
    assert (child.starts, other.starts) == (1, 0)
    scene.supervisor.close()


def test_what_ends_again_and_again_is_never_restarted_in_a_hot_loop() -> None:
    child = FakeChild("broker")
    scene = Scene(child)
    ended_s: list[float] = []
    while len(ended_s) < 12:
        child.running = False
        ended_s.append(scene.now_s)
        before = child.starts
        while child.starts == before:
            scene.after(0.1)
            scene.settle()
    pauses = [later - earlier for earlier, later in pairwise(ended_s)]
    assert min(pauses) >= 0.5
    assert min(pauses[-3:]) >= LONGEST_PAUSE_S / 2
    scene.after(STABLE_AFTER_S + 1)
    child.running = False
    scene.supervisor.poll()
    scene.after(1.1)
    scene.settle()
    assert child.running  # it was stable for long, so it is restarted soon again
    scene.supervisor.close()


def test_a_restart_that_fails_is_named_and_tried_again() -> None:
    child = FakeChild("store")
    scene = Scene(child)

    def fail() -> None:
        raise OSError("no space left on device")

    child.starting, child.running = fail, False
    scene.supervisor.poll()
    scene.after(1.0)
    scene.settle()
    assert scene.reports[-1].startswith(
        "store cannot be restarted: no space left on device; restarting it in "
    )
    child.starting = None
    scene.after(LONGEST_PAUSE_S)
    scene.settle()
    assert scene.reports[-1] == "store runs again"
    scene.supervisor.close()


def test_a_restart_that_takes_long_holds_up_neither_the_others_nor_a_full_stop() -> None:
    slow, quick = FakeChild("broker"), FakeChild("router")

    def until_killed() -> None:
        assert slow.killed.wait(PATIENCE_S)
        raise OSError("killed while starting")

    scene = Scene(slow, quick)
    slow.starting = until_killed
    slow.running = quick.running = False
    scene.supervisor.poll()
    scene.after(1.0)
    assert slow.started.wait(PATIENCE_S)
    assert quick.started.wait(PATIENCE_S)
    scene.supervisor.close()
    assert slow.killed.is_set()


@pytest.mark.parametrize(
    ("script", "expected"), [("exit 3", " (status 3)"), ("kill -9 $$", " (killed; if nobody")]
)
def test_how_a_process_ended_is_reported_with_a_hint(
    tmp_path: Path, script: str, expected: str
) -> None:
    process = GuardedProcess(
        "shell", lambda: ["/bin/sh", "-c", script], tmp_path / "log", tmp_path / "pid"
    )
    assert process.ending() == ""
    process.start()
    assert process._guardian is not None
    process._guardian.wait(PATIENCE_S)
    assert process.ending().startswith(expected)
    process.stop()
