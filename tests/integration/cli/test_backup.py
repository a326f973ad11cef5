"""A backup made under load is the state of one moment, and is restored byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.local import PrivateServers
from services.cli.backup.access import revoke_access
from services.cli.backup.archives import restore_archives
from services.cli.backup.backup import _write
from services.cli.backup.manifest import read_manifest, verify
from services.cli.backup.restore import _restore_documents
from services.cli.replay.archive_reader import archived
from services.desk.accounts.accounts import Accounts
from services.runtime.broker.configured import topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT_ARCHIVE, MAIL_ARCHIVE
from services.runtime.errors import PermanentError, SettingsError
from services.runtime.settings import Settings, load_settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store
from tests.vhosts import add_virtual_host

SETTINGS = """
[store]
database = "{name}"
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
"""


def office(servers: PrivateServers, folder: Path, name: str) -> tuple[Path, Settings]:
    config = folder / f"{name}.toml"
    config.write_text(SETTINGS.format(name=name))
    return config, load_settings(config, {"MAILCASE_STORE_URL": servers.store.url})


@pytest.fixture
async def store(servers: PrivateServers, name: str) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, name) as one:
        await one.collection("cases").insert([{"_id": number} for number in range(10_000)])
        await one.collection("changes").insert([{"_id": number} for number in range(10_000)])
        yield one


async def keep_writing(store: Store, stop: asyncio.Event) -> int:
    """Write cases and their changes, one transaction each, until `stop`; returns how many."""
    number = 10_000
    while not stop.is_set():

        async def write(session: Session, number: int = number) -> None:
            await store.collection("cases").insert([{"_id": number}], session)
            await store.collection("changes").insert([{"_id": number}], session)

        await store.transaction(write)
        number += 1
    return number - 10_000


def virtual_host(servers: PrivateServers, name: str) -> str:
    """A new virtual host; returns its URL."""
    add_virtual_host(servers, name)
    return f"{servers.broker.url.rpartition('/')[0]}/{name}"


def counts(folder: Path) -> dict[str, int]:
    return {dumped.name: dumped.documents for dumped in read_manifest(folder).collections}


async def test_a_backup_under_load_has_every_case_with_its_change_and_restores_equal(
    servers: PrivateServers, store: Store, name: str, tmp_path: Path
) -> None:
    content = b"attachment" * 100_000
    blob = await Blobs(store).put(content)
    await store.collection("sessions").insert([{"_id": "a log-in"}])
    config, settings = office(servers, tmp_path, name)
    stop = asyncio.Event()
    writing = asyncio.create_task(keep_writing(store, stop))
    folder = tmp_path / "backup"
    folder.mkdir()
    await _write(folder, config, settings)
    stop.set()
    written = await writing
    verify(folder, read_manifest(folder))
    found = counts(folder)
    assert written > 0
    assert found["cases"] == found["changes"] >= 10_000
    assert "sessions" not in found

    _, other = office(servers, tmp_path, f"{name}-restored")
    await _restore_documents(folder, read_manifest(folder), other)
    async with Store.opened(servers.store.url, f"{name}-restored") as restored:
        assert await restored.collection("cases").count({}) == found["cases"]
        assert await Blobs(restored).get(blob.sha256) == content
    with pytest.raises(SettingsError, match="has collections already"):
        await _restore_documents(folder, read_manifest(folder), other)


async def test_a_restored_collection_that_differs_is_reported(
    servers: PrivateServers,
    store: Store,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, settings = office(servers, tmp_path, name)
    folder = tmp_path / "backup"
    folder.mkdir()
    await _write(folder, config, settings)
    _, other = office(servers, tmp_path, f"{name}-restored")
    from services.runtime.store.raw import RawDatabase  # noqa: PLC0415 - the class that is patched

    whole = RawDatabase.insert

    async def lose_one(self: RawDatabase, name: str, documents: Any) -> None:
        await whole(self, name, documents[1:])

    monkeypatch.setattr(RawDatabase, "insert", lose_one)
    with pytest.raises(PermanentError, match="differs from the backup"):
        await _restore_documents(folder, read_manifest(folder), other)


async def test_archives_come_back_and_only_into_empty_ones(
    servers: PrivateServers, store: Store, name: str, tmp_path: Path
) -> None:
    config, settings = office(servers, tmp_path, name)
    first, second = (virtual_host(servers, f"{name}-{half}") for half in ("old", "new"))
    old, new = (
        replace(settings, broker=replace(settings.broker, url=url)) for url in (first, second)
    )
    async with Broker.connected(first, "test") as broker:
        await broker.declare(topology_of(old))
        bodies = [bytes([number % 256]) * (1 + number) for number in range(300)]
        await broker.publish_all(
            [Outgoing("", MAIL_ARCHIVE, body, "RawMail.v1", f"{len(body)}") for body in bodies]
        )
    folder = tmp_path / "backup"
    folder.mkdir()
    await _write(folder, config, old, with_archive=True)
    manifest = read_manifest(folder)
    assert {archive.name: archive.messages for archive in manifest.archives} == {
        MAIL_ARCHIVE: 300,
        EVENT_ARCHIVE: 0,
    }
    verify(folder, manifest)
    await restore_archives(new, folder, manifest.archives, lambda: None)
    async with Broker.connected(second, "test") as broker:
        read = [
            message
            async for batch in archived(broker, MAIL_ARCHIVE, "first", 299)
            for message in batch
        ]
    assert [message.body for message in read] == bodies
    assert [message.message_id for message in read] == [f"{len(body)}" for body in bodies]
    with pytest.raises(SettingsError, match="is not empty"):
        await restore_archives(new, folder, manifest.archives, lambda: None)
    file = folder / manifest.archives[0].file
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(PermanentError, match="is damaged: its checksum differs"):
        verify(folder, manifest)


async def test_a_token_that_was_revoked_after_the_backup_does_not_hold_again(
    servers: PrivateServers, store: Store, name: str, tmp_path: Path
) -> None:
    config, settings = office(servers, tmp_path, name)
    accounts = Accounts(store, settings.desk)
    text, token = await accounts.make_token(
        "reports", ["cases:read"], owner=None, processes=None, roles=None, lifetime=None, by="test"
    )
    await accounts.add_user("anna@example.test", "Anna", [], admin=True, by="test")
    folder = tmp_path / "backup"
    folder.mkdir()
    await _write(folder, config, settings)
    await accounts.revoke_token(token.id, by="test")
    for keep in (False, True):
        _, other = office(servers, tmp_path, f"{name}-{keep}")
        await _restore_documents(folder, read_manifest(folder), other)
        access = await revoke_access(other, keep_tokens=keep)
        assert [revoked.id for revoked in access.revoked] == ([] if keep else [token.id])
        assert [user.id for user in access.users] == ["anna@example.test"]
        async with Store.opened(servers.store.url, f"{name}-{keep}") as restored:
            found = await Accounts(restored, other.desk).tokens.find(text)
            assert (found is not None) is keep
            names = await restored.raw().collection_names()
            assert not {"sessions", "links"} & set(names)
