"""A program: workers that perform random actions on cases, each action under its own actor.

Arguments: the URL and name of the database, the number of workers, the total number of actions, a
seed, and the highest case number. It prints one JSON line for each accepted action, with the
actor's id, the case and its new revision.
"""

import asyncio
import json
import random
import sys

from schemas.changes import Actor
from services.casework import actions
from services.casework.actors import ActingAs
from services.casework.persistence.repository import CaseRepository
from services.casework.refusals import ActionRefusedError
from services.runtime.errors import TransientError
from services.runtime.settings import Field, Process, Stage
from services.runtime.store.mongo import Store

INVOICES = Process(
    name="invoices",
    title="Invoices",
    stages=(
        Stage(name="registration", initial=True, next=("approval",), due_after="2d"),
        Stage(name="approval", next=("paid", "registration")),
        Stage(name="paid", final=True, next=("registration",)),
    ),
    fields=(Field(name="invoice_number"), Field(name="gross", type="money")),
)


def random_action(chance: random.Random, highest: int) -> actions.Action:
    """Any action. Merges are rare, so that enough cases remain to work on."""
    chosen: list[actions.Action] = [
        actions.Move(stage=chance.choice(["registration", "approval", "paid"])),
        actions.Assign(to=chance.choice([None, "anna@office.example", "group:accounting"])),
        actions.SetTitle(title=f"Title {chance.random()}"),
        actions.SetFields(fields={"gross": f"{chance.randint(1, 999)},00 zł"}),
        actions.AddNote(text=f"note {chance.random()}"),
        actions.Close(),
        actions.Reopen(),
        actions.Unmerge(),
    ]
    if chance.random() < 0.03:
        return actions.MergeInto(target=chance.randint(1, highest))
    return chance.choice(chosen)


async def work(
    repository: CaseRepository, worker: int, count: int, seed: int, highest: int
) -> None:
    """Perform `count` actions. An action that fails because of an outage is not reported as
    accepted: nobody knows whether it was written.
    """
    chance = random.Random(f"{seed}.{worker}")
    for number in range(count):
        actor = Actor(kind="person", id=f"worker-{worker}-{number}")
        case, action = chance.randint(1, highest), random_action(chance, highest)
        try:
            done = await repository.act(case, action, ActingAs(actor, everything=True))
        except (ActionRefusedError, TransientError):
            continue
        print(
            json.dumps(
                {"actor": actor.id, "revision": done.case.revision, "case": done.case.number}
            ),
            flush=True,
        )


async def main() -> None:
    url, name, workers, count, seed, highest = sys.argv[1:]
    async with Store.opened(url, name) as store:
        repository = CaseRepository(store, {"invoices": INVOICES})
        share = int(count) // int(workers)
        await asyncio.gather(
            *(
                work(repository, worker, share, int(seed), int(highest))
                for worker in range(int(workers))
            )
        )


if __name__ == "__main__":
    asyncio.run(main())
