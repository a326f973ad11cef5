"""A primary that cannot replicate: one member is down, and another is locked for a backup."""

import asyncio
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from services.case_writer.batch import ReceivedCommand
from services.case_writer.notifier import Notifier
from services.case_writer.originals import Originals
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import ReadAhead
from services.case_writer.recording.document_builder import OpeningRules
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.service import CaseWriter
from services.casework.publisher import ChangePublisher
from services.runtime.errors import TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.builders import STAGES, opening
from tests.fakes import FakeOutlet, InProcessReader
from tests.writers import handle


class Watched(MongoCases):
    """Records when the majority was to be proved and was not there."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.unproven = asyncio.Event()

    async def prove_majority(self) -> None:
        try:
            await super().prove_majority()
        except TransientError:
            self.unproven.set()
            raise


async def test_good_mail_is_neither_parked_nor_refused_while_the_primary_cannot_replicate(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.store.contention.TAKEN_PATIENCE_S", 0.2)
    with PrivateServers(server_folder, broker=False, store_members=3) as servers:
        members = servers.store.members
        primary = servers.store.primary
        dead, locked = (member for member in members if member is not primary)
        async with Store.opened(servers.store.url, "unreplicated") as store:
            cases, outlet = Watched(store), FakeOutlet()
            await cases.ensure_indexes()
            await Blobs(store).ensure_indexes()
            ahead = ReadAhead(MailPreparer(Blobs(store), InProcessReader()))
            publisher = ChangePublisher(store, outlet)
            writer = CaseWriter(
                cases,
                ahead,
                Originals(Blobs(store)),
                Notifier(outlet, publisher),
                OpeningRules(STAGES),
                health=Health("store"),
                stop=Stop(),
            )
            monkeypatch.setattr("services.runtime.store.mongo._WRITE_TIMEOUT_MS", 300)
            dead.stop()
            with locked.client() as client:
                client.admin.command("fsync", lock=True)
                try:
                    command = opening("invoice")
                    handling = asyncio.ensure_future(
                        handle(writer, [ReceivedCommand(command, False)])
                    )
                    waiting = asyncio.ensure_future(cases.unproven.wait())
                    await asyncio.wait(
                        {handling, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED
                    )
                    assert cases.unproven.is_set()
                    assert not handling.done()
                finally:
                    client.admin.command("fsyncUnlock")
            assert await asyncio.wait_for(handling, 60) == []
            recorded = await store.collection("mails").find({})
            assert [(mail["_id"], mail["outcome"]) for mail in recorded] == [
                (command.mail.key, "opened")
            ]
            assert await store.collection("comments").count({}) == 1
            assert await store.collection("cases").count({}) == 1
