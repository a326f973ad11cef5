"""Services are killed at random, or stopped, while mail flows: no mail is lost or duplicated."""

import random
import time
from itertools import cycle, islice

import pytest

from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails, replies

REPLICAS = {"fetcher": 2, "router": 2, "case_writer": 2}
TERM_WITHIN_S = 30.0


@pytest.mark.parametrize(
    ("mails", "kills", "pause_s"),
    [
        (240, 5, (0.5, 1.5)),
        pytest.param(5000, 30, (2, 5), marks=pytest.mark.slow),
        pytest.param(5000, 100, (2, 5), marks=pytest.mark.slow),
    ],
)
def test_random_kills_lose_and_duplicate_nothing(
    pipeline: Pipeline,
    ledger: Ledger,
    chance: random.Random,
    mails: int,
    kills: int,
    pause_s: tuple[float, float],
) -> None:
    opening, share = new_mails(mails // 2), mails // 2 // kills
    with pipeline.services(**REPLICAS) as services:
        for number in range(kills):
            ledger.send(opening[number * share : (number + 1) * share])
            pipeline.until(
                lambda: pipeline.database["cases"].count_documents({}) > 0, "a case to answer to"
            )
            known = [case["_id"] for case in pipeline.database["cases"].find({}, ["_id"])]
            ledger.send(replies(known, share, seed=1000 + number), known)
            _pause(chance.uniform(*pause_s))
            victim = chance.choice(services.all)
            victim.kill()
            victim.start()
        ledger.settle(patience_s=max(180.0, mails / 10))
    ledger.assert_no_faults()


@pytest.mark.parametrize(
    ("mails", "rounds"), [(150, 1), pytest.param(2000, 20, marks=pytest.mark.slow)]
)
def test_stopped_services_end_in_time_and_leave_nothing_undone(
    pipeline: Pipeline, ledger: Ledger, mails: int, rounds: int
) -> None:
    took_s: list[float] = []
    opening, turns = new_mails(mails), rounds * len(REPLICAS)
    share = mails // turns
    with pipeline.services(**REPLICAS) as services:
        services.wait_until_ready()
        for number, process in enumerate(islice(cycle(services.all[::2]), turns)):
            ledger.send(opening[number * share : (number + 1) * share])
            pipeline.until_recorded(number * share // 2)
            started_s = time.monotonic()
            assert process.stop() == 0, process.epilogue()
            took_s.append(time.monotonic() - started_s)
            process.start()
        ledger.settle(patience_s=180)
    print(f"longest of {len(took_s)} drains: {max(took_s):.1f} s")
    assert max(took_s) < TERM_WITHIN_S
    ledger.assert_no_faults()


def _pause(seconds: float) -> None:
    """No event announces the moment of the fault."""
    time.sleep(seconds)
