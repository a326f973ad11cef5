"""People work on cases while mail arrives and services are killed: no update is lost, and every
history is complete.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from schemas.changes import Change
from schemas.cloud_events import CloudEvent
from schemas.stored import Case, from_document
from services.casework.history import differences, fold
from services.cli.replay.archive_reader import archived, begin_at
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import last_offset
from services.runtime.broker.topology import EVENT_ARCHIVE
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails, replies

REPLICAS = {"fetcher": 1, "router": 2, "case_writer": 2}


@pytest.mark.parametrize(
    ("cases", "actions", "mails", "kills"),
    [(8, 120, 60, 2), pytest.param(50, 5000, 2000, 20, marks=pytest.mark.slow)],
)
def test_actions_mail_and_kills_leave_every_history_complete(
    pipeline: Pipeline,
    ledger: Ledger,
    chance: random.Random,
    cases: int,
    actions: int,
    mails: int,
    kills: int,
) -> None:
    opening, share = new_mails(cases + mails // 2), mails // 2 // kills
    numbers = list(range(1, cases + 1))
    with pipeline.services(**REPLICAS) as services:
        ledger.send(opening[:cases])
        pipeline.until_recorded(cases)
        workers = start_workers(pipeline, 8, actions, chance.randrange(10**6), cases)
        for number in range(kills):
            first = cases + number * share
            ledger.send(opening[first : first + share])
            ledger.send(replies(numbers, share, seed=2000 + number), numbers)
            _pause(chance.uniform(0.5, 2.0))
            victim = chance.choice(services.all)
            victim.kill()
            victim.start()
        accepted = accepted_actions(workers)
        ledger.settle(patience_s=max(180.0, mails / 5))
        pipeline.until(lambda: unpublished(pipeline) == 0, "every event is published")
        audited = audit(pipeline)
        events = asyncio.run(published(pipeline))
    assert_no_mail_is_lost(ledger)
    assert_histories_are_complete(pipeline)
    assert_each_action_once(pipeline, accepted)
    assert_events_in_order(pipeline, events)
    assert audited.returncode == 0, audited.stdout.decode()[-3000:]
    print(
        f"{len(accepted)} of {actions} actions accepted, {len(ledger)} mails, {len(events)} events"
    )
    assert len(accepted) > actions / 10


def start_workers(
    pipeline: Pipeline, workers: int, actions: int, seed: int, cases: int
) -> subprocess.Popen[bytes]:
    name = pipeline.database.name
    numbers = [str(number) for number in (workers, actions, seed, cases)]
    command = [
        sys.executable,
        "-m",
        "tests.faults.support.case_workers",
        pipeline.servers.store.url,
        name,
        *numbers,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **pipeline.env})


def accepted_actions(workers: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    printed, _ = workers.communicate(timeout=1800)
    assert workers.returncode == 0
    return [json.loads(line) for line in printed.splitlines()]


def unpublished(pipeline: Pipeline) -> int:
    return pipeline.database["publications"].count_documents({})


def audit(pipeline: Pipeline) -> subprocess.CompletedProcess[bytes]:
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "audit",
        "--deep",
        "--config",
        str(pipeline.config),
    ]
    return subprocess.run(
        command, env={**os.environ, **pipeline.env}, capture_output=True, timeout=300, check=False
    )


async def published(pipeline: Pipeline) -> list[CloudEvent]:
    """The archived events of cases, in the order of the archive."""
    found: list[CloudEvent] = []
    async with Broker.connected(pipeline.env["MAILCASE_BROKER_URL"], "events") as broker:
        end = await last_offset(broker, EVENT_ARCHIVE)
        async for batch in archived(broker, EVENT_ARCHIVE, begin_at(None), end):
            found += [msgspec.json.decode(delivery.body, type=CloudEvent) for delivery in batch]
    return [event for event in found if event.type.startswith("mailcase.case.")]


def histories(pipeline: Pipeline) -> dict[int, list[Change]]:
    by_case: dict[int, list[Change]] = defaultdict(list)
    for document in pipeline.database["changes"].find().sort("revision"):
        change = from_document(document, Change)
        by_case[change.case].append(change)
    return by_case


def assert_no_mail_is_lost(ledger: Ledger) -> None:
    """Like `assert_no_faults`, but notes are comments too, and a merge moves replies to another
    case.
    """
    faults = ledger.faults() | {"wrong case": []}
    faults["duplicated"] = [name for name in faults["duplicated"] if not name.startswith("note-")]
    assert {kind: wrong for kind, wrong in faults.items() if wrong} == {}


def assert_histories_are_complete(pipeline: Pipeline) -> None:
    changes = histories(pipeline)
    for document in pipeline.database["cases"].find():
        case = from_document(document, Case)
        history = changes[case.number]
        assert [change.revision for change in history] == list(range(1, case.revision + 1)), (
            case.number
        )
        assert differences(case, fold(history)) == [], case.number


def assert_each_action_once(pipeline: Pipeline, accepted: Sequence[dict[str, Any]]) -> None:
    """Each accepted action is in the history of its case once, at the revision that the command
    returned.
    """
    by_actor = {
        (change.actor.id, change.case): change
        for history in histories(pipeline).values()
        for change in history
        if change.actor.kind == "person"
    }
    counted = Counter(
        (change.actor.id, change.case)
        for history in histories(pipeline).values()
        for change in history
        if change.actor.kind == "person"
    )
    assert [key for key, count in counted.items() if count > 1] == []
    for action in accepted:
        change = by_actor[action["actor"], action["case"]]
        assert change.revision == action["revision"]


def assert_events_in_order(pipeline: Pipeline, events: Iterable[CloudEvent]) -> None:
    """Every change is published at least once, and the first copies are in the order of the
    revisions.
    """
    first: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if event.id not in first[event.subject]:
            first[event.subject].append(event.id)
    for document in pipeline.database["cases"].find({}, ["revision"]):
        number = document["_id"]
        expected = [f"{number}.{revision}" for revision in range(1, document["revision"] + 1)]
        assert first[str(number)] == expected, number


def _pause(seconds: float) -> None:
    """No event announces the moment of the fault."""
    time.sleep(seconds)
