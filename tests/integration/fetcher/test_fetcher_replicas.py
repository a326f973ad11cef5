"""Several replicas of the fetcher: each mailbox has one reader, whichever replica dies
or freezes.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.services import ServiceProcess, Services
from tests.integration.fetcher.test_fetcher import raw, server
from tests.integration.mailboxes import Account
from tests.integration.recorder import Bench, until

MAILS = 1000  # in each of three mailboxes
WINDOW = 100
TAKE_OVER_S = 30.0
HELD = "mailcase_mailbox_lease_held{"


@pytest.fixture
def bench(servers: PrivateServers, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(servers, tmp_path)
    yield made
    made.close()


@pytest.mark.slow  # four processes against the clock of the broker's heartbeats
async def test_a_killed_and_a_frozen_replica_lose_nothing_and_duplicate_only_mails_in_flight(
    bench: Bench, servers: PrivateServers
) -> None:
    accounts = {name: Account(servers, name) for name in ("a", "b", "c")}
    config = bench.config(
        accounts, server(accounts["a"], "imap", max_in_flight_mails=WINDOW, timeout_s=30)
    )
    clock = asyncio.get_running_loop().time
    async with bench.recorder() as recorder:
        with Services(config, bench.folder, {"fetcher": 4}, env=bench.environ) as stages:
            await until_seen(
                lambda: sorted(_leases(stages.all)) == ["a", "b", "c"],
                lambda: str(_leases(stages.all)),
            )
            await until_seen(
                lambda: max(map(len, map(_held, stages.all))) == 1, lambda: str(_leases(stages.all))
            )
            filling = asyncio.ensure_future(asyncio.to_thread(_fill, accounts.values()))
            await until(
                lambda: len(recorder.mails) > MAILS // 2, lambda: f"{len(recorder.mails)} came"
            )
            killed, frozen, *others = await asyncio.to_thread(
                sorted, stages.all, key=_held, reverse=True
            )
            killed.kill()
            frozen.freeze()
            struck_s = clock()
            await until_seen(
                lambda: sorted(_leases(others)) == ["a", "b", "c"],
                lambda: str(_leases(others)),
                120,
            )
            taken_over_s = clock() - struck_s
            await filling
            await until(
                lambda: len(recorder.mails) == 3 * MAILS, lambda: f"{len(recorder.mails)} came", 120
            )
            frozen.thaw()
            await until_seen(
                lambda: not any(account.left() for account in accounts.values()),
                lambda: "all are empty",
                120,
            )
            emptied_s = clock() - struck_s
            duplicates = recorder.duplicates
            await until_seen(
                lambda: frozen.readiness().get("ok") is True, lambda: str(frozen.readiness())
            )
    print(  # noqa: T201
        f"taken over in {taken_over_s:.1f} s, all empty after {emptied_s:.1f} s, {duplicates} duplicates"
    )
    assert taken_over_s < TAKE_OVER_S
    assert duplicates <= 2 * WINDOW
    assert recorder.duplicates == duplicates  # the thawed one has done no harm
    assert {name: len(set(keys)) for name, keys in recorder.keys_of.items()} == dict.fromkeys(
        "abc", MAILS
    )


def _fill(accounts: Iterable[Account]) -> None:
    for account in accounts:
        for number in range(MAILS):
            account.deliver(raw(number, 200))


async def until_seen(
    condition: Callable[[], bool], what: Callable[[], str], patience_s: float = 60.0
) -> None:
    """Like `until`, for a condition that blocks: the test's own connection to the broker keeps
    running.
    """
    deadline_s = asyncio.get_running_loop().time() + patience_s
    while not await asyncio.to_thread(condition):
        assert asyncio.get_running_loop().time() < deadline_s, (
            f"not within {patience_s:.0f} s: {what()}"
        )
        await asyncio.sleep(0.2)


def _leases(processes: Sequence[ServiceProcess]) -> list[str]:
    return [name for process in processes for name in _held(process)]


def _held(process: ServiceProcess) -> list[str]:
    """The mailboxes whose leases a fetcher has."""
    lines = process.get("/metrics")[1].splitlines()
    return [line.split('"')[1] for line in lines if line.startswith(HELD) and line.endswith(" 1.0")]


async def test_a_fetcher_without_mailboxes_is_ready(bench: Bench) -> None:
    """For an office that only works on cases, or only imports mail."""
    config = bench.config({}, 'protocol = "imap"\nhost = "localhost"')
    with Services(config, bench.folder, {"fetcher": 1}, env=bench.environ) as services:
        await asyncio.to_thread(services.wait_until_ready)
        [process] = services.all
        assert _parts(process.readiness()) == {}


async def test_readyz_names_the_mailbox_that_is_down(bench: Bench, servers: PrivateServers) -> None:
    broken, well = Account(servers, "broken"), Account(servers, "well")
    servers.mail.add_user(broken.address, "another password")
    config = bench.config({"broken": broken, "well": well}, server(well, "imap"))
    async with bench.recorder():
        with Services(config, bench.folder, {"fetcher": 1}, env=bench.environ) as stages:
            (process,) = stages.all
            await until(
                lambda: len(_parts(process.readiness())) == 2, lambda: str(process.readiness())
            )
            report = process.readiness()
    assert report["ok"]
    assert _parts(report)["well"] == "up"
    assert str(_parts(report)["broken"]).startswith("login: ")


def _parts(report: dict[str, object]) -> dict[str, object]:
    for value in [report, *report.values()]:
        if isinstance(value, dict) and isinstance(value.get("mailboxes"), dict):
            found: dict[str, object] = value["mailboxes"]
            return found
    return {}


async def test_a_mailbox_of_25_mib_mails_takes_less_than_300_mb(
    bench: Bench, servers: PrivateServers
) -> None:
    accounts = {name: Account(servers, name) for name in ("a", "b")}
    for account in accounts.values():
        for number in range(4):
            account.deliver(raw(number, 25 * 1024 * 1024))
    config = bench.config(
        accounts, server(accounts["a"], "imap", max_in_flight_bytes=200 * 1024 * 1024, timeout_s=30)
    )
    async with bench.recorder() as recorder:
        with Services(config, bench.folder, {"fetcher": 1}, env=bench.environ) as stages:
            await until(lambda: len(recorder.mails) == 8, lambda: f"{len(recorder.mails)} came", 90)
            peaks = [_peak_bytes(pid) for pid in stages.all[0].pids]
    assert max(peaks) < 300 * 1000 * 1000, peaks


def _peak_bytes(pid: int) -> int:
    """The peak memory of a process (proc(5), VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
