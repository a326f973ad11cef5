"""Cases are marked as overdue once, by the database's clock, while clocks jump and replicas are
killed.
"""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from deploy.local.services import Services
from services.casework.persistence.repository import CaseRepository
from services.runtime.store.mongo import Store
from tests.faults.support.clocks import MovableClock
from tests.faults.test_casework import assert_histories_are_complete, published, unpublished
from tests.integration.casework.test_casework import open_case
from tests.pipeline import Pipeline
from tests.versions import note_versions

HOUR, DAY = 3600, 86_400
JUMPS = (-2 * DAY, -HOUR, HOUR, 2 * DAY)
DUE_S = [-HOUR] * 400 + [HOUR // 2] * 300 + [DAY] * 300  # of each case, from now
REPLICAS = 3
TWO_SWEEPS_S = 65.0


@pytest.fixture
def database_clock(tmp_path: Path) -> MovableClock:
    if shutil.which("gcc") is None and os.environ.get("CI") != "true":
        pytest.skip("needs gcc, which `make setup` installs")
    return MovableClock(tmp_path, "database")


@pytest.fixture
def shifted(
    server_folder: Path, server_programs: None, database_clock: MovableClock
) -> Iterator[Pipeline]:
    """A pipeline whose database uses `database_clock`."""
    servers = PrivateServers(server_folder, mail=True)
    [process] = servers.store.processes
    plain = process.env
    process.env = lambda: {**plain(), **database_clock.env}
    with servers:
        note_versions(servers)
        address = {"invoices": "invoices@example.test"}
        made = Pipeline(servers, server_folder.parent, address, fresh=True)
        yield made
        made.close()
        servers.kill()


@pytest.mark.slow
def test_overdue_cases_are_marked_once_while_clocks_jump_and_replicas_are_killed(
    shifted: Pipeline, database_clock: MovableClock, chance: random.Random, tmp_path: Path
) -> None:
    asyncio.run(open_cases(shifted))
    clocks = [MovableClock(tmp_path, f"replica-{number}") for number in range(REPLICAS)]
    with ExitStack() as running:
        replicas = [
            running.enter_context(replica(shifted, tmp_path / str(number), clock))
            for number, clock in enumerate(clocks)
        ]
        for ahead_s, due in (
            (0, 400),
            (HOUR, 700),
            (-HOUR, 700),
            (2 * DAY, 1000),
            (-2 * DAY, 1000),
        ):
            database_clock.set_ahead(ahead_s)
            ends_s = time.monotonic() + TWO_SWEEPS_S
            while time.monotonic() < ends_s:
                for clock in clocks:
                    clock.set_ahead(chance.choice(JUMPS))
                [victim] = chance.choice(replicas[:-1]).all  # the last one is never killed
                victim.kill()
                victim.start()
                time.sleep(chance.uniform(5.0, 12.0))  # no event announces the next fault
            shifted.until(partial(is_marked, shifted, due), f"{due} cases are overdue")
            print(f"database {ahead_s:+} s: {due} of {len(DUE_S)} cases are overdue")
        shifted.until(lambda: unpublished(shifted) == 0, "every event is published", 120.0)
        events = asyncio.run(published(shifted))
    entries = Counter(
        document["case"] for document in shifted.database["changes"].find({"what.type": "overdue"})
    )
    assert entries == dict.fromkeys(range(1, len(DUE_S) + 1), 1)
    reported = {event.id for event in events if event.type == "mailcase.case.overdue.v1"}
    assert len(reported) == len(DUE_S)
    assert_histories_are_complete(shifted)


def is_marked(pipeline: Pipeline, due: int) -> bool:
    """Whether exactly `due` cases are marked as overdue."""
    return pipeline.database["cases"].count_documents({"overdue_at": {"$ne": None}}) == due


def replica(pipeline: Pipeline, folder: Path, clock: MovableClock) -> Services:
    """A case writer that uses `clock`."""
    folder.mkdir()
    env = {**pipeline.env, **clock.env}
    return Services(pipeline.config, folder, {"case-writer": 1}, env=env)


async def open_cases(pipeline: Pipeline) -> None:
    """Open a case for each entry of DUE_S, due in that many seconds by the database's clock."""
    async with Store.opened(pipeline.servers.store.url, pipeline.database.name) as store:
        await CaseRepository(store, {}).ensure_indexes()
        now = (await store.now()).replace(microsecond=0)
        for number, due_s in enumerate(DUE_S, start=1):
            await open_case(store, number, due_at=now + timedelta(seconds=due_s))
