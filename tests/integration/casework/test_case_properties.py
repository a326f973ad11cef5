"""Whatever people do with cases, every mail is in exactly one case, and every number leads to a
case.
"""

import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.stored import Case, Mail
from services.casework import actions
from services.casework.persistence.repository import CaseRepository
from services.casework.refusals import ActionRefusedError
from services.cli.audit.checks import Auditor
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.builders import appending, opening
from tests.integration.case_writer.test_case_writer import Observed, handle_in_batches
from tests.unit.casework.builders import OPERATOR, PROCESSES

CASES = 4


@pytest.fixture
def database() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def store(servers: PrivateServers, database: str) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, database) as store:
        await Observed(store).ensure_indexes()
        await CaseRepository(store, PROCESSES).ensure_indexes()
        await Blobs(store).ensure_indexes()
        yield store


def wish(chance: random.Random, mails: list[str], highest: int) -> actions.Action:
    links: list[actions.Action] = [
        actions.MergeInto(target=chance.randint(1, highest)),
        actions.Unmerge(),
    ]
    if chance.random() < 0.5:
        return chance.choice(links)
    moves: list[actions.Action] = [
        actions.SplitOff(comments=chance.sample(mails, min(len(mails), 2))),
        actions.Move(process=chance.choice(["help", "invoices"])),
    ]
    return chance.choice(moves)


async def mails_of(store: Store, number: int) -> list[str]:
    found = await store.collection(Mail.COLLECTION).find({"case": number}, ["_id"])
    return [mail["_id"] for mail in found]


async def leads_to(store: Store, number: int) -> int:
    """The case that a number leads to, after all merges."""
    case = await store.collection(Case.COLLECTION).find_one({"_id": number})
    assert case is not None
    return number if case["merged_into"] is None else await leads_to(store, case["merged_into"])


@pytest.mark.parametrize("seed", range(6))
async def test_any_run_of_merges_splits_and_moves_keeps_mails_and_numbers(
    servers: PrivateServers, store: Store, database: str, seed: int
) -> None:
    chance, repository = random.Random(seed), CaseRepository(store, PROCESSES)
    url = servers.store.url
    await handle_in_batches(url, database, [opening(f"open {number}") for number in range(CASES)])
    await handle_in_batches(
        url,
        database,
        [appending(f"reply {index}", index % CASES + 1) for index in range(2 * CASES)],
    )
    accepted = 0
    for step in range(30):
        highest = await store.collection(Case.COLLECTION).count({})
        number = chance.randint(1, highest)
        mails = await mails_of(store, number) or ["none"]
        try:
            await repository.act(number, wish(chance, mails, highest), OPERATOR)
            accepted += 1
        except ActionRefusedError:
            pass
        if step % 5 == 0:
            await handle_in_batches(url, database, [appending(f"mail {step}", number)])
    assert accepted > 3
    for document in await store.collection(Case.COLLECTION).find({}):
        number = document["_id"]
        command = appending(f"last {number}", number)
        await handle_in_batches(url, database, [command])
        mail = await store.collection(Mail.COLLECTION).find_one({"_id": command.mail.key})
        assert mail is not None
        assert (mail["outcome"], mail["case"]) == ("appended", await leads_to(store, number))
    found = [finding async for finding in Auditor(store).findings() if not finding.harmless]
    assert found == []


async def test_a_merge_that_is_undone_leaves_the_control_run_and_the_new_mails(
    servers: PrivateServers,
) -> None:
    """Mail to either number stays with the target if it arrived while the cases were merged."""
    merged = await _run(servers, merge=True)
    control = await _run(servers, merge=False)
    assert merged[1] == control[1]
    assert merged[2] == control[2]


async def _run(servers: PrivateServers, *, merge: bool) -> dict[int, dict[str, Any]]:
    """Two cases after mail to each number, without times and revisions."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    async with Store.opened(servers.store.url, database) as store:
        await Observed(store).ensure_indexes()
        repository = CaseRepository(store, PROCESSES)
        await repository.ensure_indexes()
        await Blobs(store).ensure_indexes()
        url = servers.store.url
        await handle_in_batches(url, database, [opening("one"), opening("two")])
        if merge:
            await repository.act(1, actions.MergeInto(target=2), OPERATOR)
        to_first = 1 if merge else 2
        await handle_in_batches(
            url, database, [appending("to one", to_first), appending("to two", 2)]
        )
        if merge:
            await repository.act(1, actions.Unmerge(), OPERATOR)
        found = {}
        for number in (1, 2):
            case = await store.collection(Case.COLLECTION).find_one({"_id": number})
            assert case is not None
            left_out = ("revision", "updated_at", "stage_since", "opened_at", "closed_at")
            kept = {name: value for name, value in case.items() if name not in left_out}
            found[number] = kept | {"mails": sorted(await mails_of(store, number))}
        return found
