"""When a key that stays taken is a contradiction in the database, and when it is an outage."""

import asyncio

import pytest

from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.store import contention
from services.runtime.store.configured import keep_pinging
from services.runtime.store.contention import ContentionWatch, retry_conflicts, until_written
from services.runtime.store.errors import ConflictError, TakenError, UnclearCommitError

TAKEN = TakenError("duplicate key")


class Majority:
    def __init__(self) -> None:
        self.there = True
        self.asked = 0

    async def prove(self) -> None:
        self.asked += 1
        if not self.there:
            raise TransientError("no majority")


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.store.contention.TAKEN_PATIENCE_S", -1.0)


@pytest.mark.usefixtures("no_patience")
async def test_a_key_that_stays_taken_after_a_majority_took_a_write_is_a_contradiction() -> None:
    taken = ContentionWatch(Majority().prove)
    await taken.met(TAKEN)
    await taken.met(TAKEN)  # proves, and looks once more
    with pytest.raises(PermanentError, match="contradicts itself"):
        await taken.met(TAKEN)


@pytest.mark.usefixtures("no_patience")
async def test_without_a_majority_no_taken_key_is_judged_however_long_it_lasts() -> None:
    majority = Majority()
    majority.there = False
    taken = ContentionWatch(majority.prove)
    for _ in range(20):
        await taken.met(TAKEN)
    assert majority.asked == 10


@pytest.mark.usefixtures("no_patience")
async def test_after_an_unclear_commit_the_majority_is_proved_again() -> None:
    majority = Majority()
    taken = ContentionWatch(majority.prove)
    for _ in range(5):
        await taken.met(TAKEN)
        await taken.met(TAKEN)
        await taken.met(UnclearCommitError("no answer"))
    assert majority.asked == 5


async def test_an_idle_service_reports_a_database_that_died_and_recovered() -> None:
    health, stop, majority = Health("store"), Stop(), Majority()
    health.up("store")
    reports: asyncio.Queue[bool] = asyncio.Queue()

    async def ping() -> None:
        reports.put_nowait(health.ready)
        await majority.prove()

    majority.there = False
    pinging = asyncio.ensure_future(keep_pinging(ping, health, stop, every_s=0.001))
    assert await reports.get()
    assert not await reports.get()
    majority.there = True
    while not await asyncio.wait_for(reports.get(), 10):
        pass
    stop.request()
    await pinging


class Scripted:
    """Raises its errors one after another, then returns "written"."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "written"


class TestUntilWritten:
    async def test_conflicts_and_outages_are_repeated_and_reported(self) -> None:
        conflicts: list[int] = []
        outages: list[tuple[str, float]] = []
        write = Scripted(
            ConflictError("one"),
            TransientError("gone"),
            UnclearCommitError("lost"),
            ConflictError("two"),
        )
        written = await until_written(
            write,
            Stop(),
            Backoff(0.001, 0.001),
            on_conflict=lambda count, _error: conflicts.append(count),
            on_outage=lambda error, pause_s: outages.append((str(error), pause_s)),
        )
        assert (written, write.calls, conflicts) == ("written", 5, [1, 2])
        assert [text for text, _ in outages] == ["gone", "lost"]
        assert outages[0][1] > 0
        assert outages[1][1] == 0.0  # reading shows what became of an unclear commit

    async def test_a_stop_ends_the_wait_in_an_outage(self) -> None:
        stop = Stop()
        stop.request()
        with pytest.raises(TransientError, match="gone"):
            await until_written(Scripted(TransientError("gone")), stop, Backoff(60.0, 60.0))

    async def test_a_stop_lets_a_short_conflict_pass_and_ends_a_long_one(self) -> None:
        stop = Stop()
        stop.request()
        short = Scripted(*[ConflictError("taken")] * 2)
        assert (
            await until_written(short, stop, Backoff(0.0, 0.0), conflicts_after_stop=3) == "written"
        )
        long = Scripted(*[ConflictError("taken")] * 4)
        with pytest.raises(ConflictError):
            await until_written(long, stop, Backoff(0.0, 0.0), conflicts_after_stop=3)

    async def test_other_errors_are_not_repeated(self) -> None:
        write = Scripted(PermanentError("too large"))
        with pytest.raises(PermanentError):
            await until_written(write, Stop(), Backoff(0.0, 0.0))
        assert write.calls == 1


class TestRetryConflicts:
    async def test_conflicts_are_repeated(self) -> None:
        write = Scripted(*[ConflictError("taken")] * 2)
        assert (await retry_conflicts(write), write.calls) == ("written", 3)

    async def test_the_last_conflict_is_raised(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contention, "MAX_CONFLICTS", 3)
        write = Scripted(*[ConflictError("taken")] * 4)
        with pytest.raises(ConflictError, match="taken"):
            await retry_conflicts(write)
        assert write.calls == 3

    async def test_an_outage_is_not_waited_out(self) -> None:
        write = Scripted(TransientError("gone"))
        with pytest.raises(TransientError, match="gone"):
            await retry_conflicts(write)
        assert write.calls == 1
