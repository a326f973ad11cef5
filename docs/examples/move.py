"""Moves a case to a stage, by the library: python move.py NUMBER STAGE REVISION

Runs where Mailcase is installed, with its settings file in the current directory.
"""

import asyncio
import os
import sys
from pathlib import Path

from schemas.changes import Actor
from services.casework import actions
from services.casework.actors import ActingAs
from services.casework.outgoing import OutgoingMailBuilder
from services.casework.persistence.repository import CaseRepository
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import load_settings
from services.runtime.store.mongo import Store


async def move(number: int, stage: str, revision: int) -> int:
    """Move the case if it is still at `revision`; returns its new revision.

    Raises ActionRefusedError if the rules of the process do not allow it, and StaleRevisionError if
    the case was changed since.
    """
    settings = load_settings(Path("mailcase.toml"), os.environ)
    program = ActingAs(Actor(kind="token", id="example", name="Example program"), everything=True)
    async with Store.opened(settings.store.url or "", settings.store.database) as store:
        notices = OutgoingMailBuilder(
            settings, message_id_signer(settings)
        ).notice  # what on_enter sends
        repository = CaseRepository(store, settings.processes, compose=notices)
        done = await repository.act(number, actions.Move(stage=stage), program, expected=revision)
    return done.case.revision


if __name__ == "__main__":
    print(asyncio.run(move(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
