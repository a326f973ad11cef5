"""A backup is trusted only if its checksums match, and is never restored outside its folder."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import msgspec
import pytest

from services.cli.backup.backup import PREFIX, _too_many
from services.cli.backup.dump import batches, write_collection
from services.cli.backup.manifest import FILE, Manifest, SavedFile, read_manifest, verify
from services.cli.backup.restore import _restore_files, restore
from services.cli.backup.settings_files import named_files, save_files
from services.runtime.errors import PermanentError, SettingsError
from services.runtime.settings import load_settings

SETTINGS = """
[server.corp]
protocol = "imap"
host = "imap.example.com"
ca_file = "{ca_file}"
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_file = "keys/password"
"""
DOCUMENTS = [bson.encode({"_id": number, "text": "ż" * number}) for number in range(500)]


async def documents() -> AsyncIterator[bytes]:
    for document in DOCUMENTS:
        yield document


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "office" / "keys").mkdir(parents=True)
    (tmp_path / "ca.pem").write_text("a certificate")
    (tmp_path / "office" / "keys" / "password").write_text("secret")
    config = tmp_path / "office" / "mailcase.toml"
    config.write_text(SETTINGS.format(ca_file=tmp_path / "ca.pem"))
    return config


@pytest.fixture
def backup(config: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    (folder / "data").mkdir(parents=True)
    files, missing = save_files(config, load_settings(config, {}), folder)
    assert not missing
    dumped = asyncio.run(write_collection(folder / "data", "cases", documents(), lambda: None))
    manifest = Manifest(
        format=1,
        version="1",
        created_at=datetime.now(UTC),
        database="mailcase",
        settings=config.name,
        collections=(dumped,),
        files=tuple(files),
    )
    (folder / FILE).write_bytes(msgspec.json.encode(manifest))
    return folder


def rewrite(backup: Path, **changes: Any) -> None:
    manifest = msgspec.structs.replace(read_manifest(backup), **changes)
    (backup / FILE).write_bytes(msgspec.json.encode(manifest))


def test_documents_come_back_byte_for_byte(backup: Path) -> None:
    manifest = read_manifest(backup)
    verify(backup, manifest)
    found = [
        delivery for batch in batches(backup / manifest.collections[0].file) for delivery in batch
    ]
    assert found == DOCUMENTS
    assert manifest.collections[0].documents == 500


def test_files_of_the_settings_are_kept_with_their_places_and_for_their_owner_only(
    backup: Path, config: Path
) -> None:
    files = {saved.path: backup / saved.file for saved in read_manifest(backup).files}
    assert list(files) == ["mailcase.toml", str(config.parents[1] / "ca.pem"), "keys/password"]
    assert files["keys/password"].read_text() == "secret"
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert len(named_files(load_settings(config, {}))) == 2


@pytest.mark.parametrize("position", [0, 5, -1])
def test_a_changed_byte_anywhere_is_found(backup: Path, position: int) -> None:
    for path in [path for path in backup.rglob("*") if path.is_file() and path.name != FILE]:
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(PermanentError, match="is damaged: its checksum differs"):
            verify(backup, read_manifest(backup))
        path.unlink()
        with pytest.raises(PermanentError, match="cannot be read"):
            verify(backup, read_manifest(backup))
        path.write_bytes(whole)
    verify(backup, read_manifest(backup))


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", ""])
def test_a_manifest_that_leads_outside_is_refused(backup: Path, path: str) -> None:
    saved = SavedFile(path="x", file=path, sha256="")
    rewrite(backup, files=(saved,))
    with pytest.raises(PermanentError, match="outside the backup"):
        read_manifest(backup)


def test_a_saved_file_that_would_be_restored_elsewhere_is_refused(
    backup: Path, tmp_path: Path
) -> None:
    first, *others = read_manifest(backup).files
    odd = msgspec.structs.replace(others[-1], path="../evil")
    rewrite(backup, files=(first, odd))
    with pytest.raises(PermanentError, match="outside"):
        restore(backup, to=tmp_path / "new")
    assert not (tmp_path / "evil").exists()


def test_the_folder_to_restore_into_may_be_named_by_way_of_its_parent(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    manifest = read_manifest(backup)
    outside = _restore_files(backup, manifest, Path("../new"))
    assert (tmp_path / "new" / "mailcase.toml").is_file()
    assert [copy for _, copy in outside] == [Path("../new/restored-files/0-ca.pem")]


def test_nothing_is_restored_over_settings_or_data(
    backup: Path, config: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="nothing is overwritten"):
        restore(backup, to=config.parent)
    data = tmp_path / "data"
    data.mkdir()
    (data / "ports.json").touch()
    with pytest.raises(SettingsError, match="--data"):
        restore(backup, to=tmp_path / "new", data=data)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"format":1}', b"\xff"],
)
def test_a_folder_that_is_not_a_backup_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(PermanentError, match="cannot be read"):
        read_manifest(tmp_path)
    with pytest.raises(PermanentError, match="is not a backup"):
        read_manifest(tmp_path / "missing")


def test_a_backup_of_a_later_format_names_its_version(backup: Path) -> None:
    rewrite(backup, format=2, version="10")
    with pytest.raises(PermanentError, match="restore it with version 10"):
        read_manifest(backup)


@pytest.mark.parametrize("content", [b"\x05", b"\xff\xff\xff\x7f", DOCUMENTS[3][:-1], b"\0\0\0\0"])
def test_a_file_of_documents_that_ends_early_or_is_none_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.bson.gz"
    path.write_bytes(gzip.compress(DOCUMENTS[0] + content))
    with pytest.raises(PermanentError, match="is damaged"):
        list(batches(path))


def test_only_the_oldest_complete_backups_are_deleted(tmp_path: Path) -> None:
    for day in range(1, 6):
        folder = tmp_path / f"{PREFIX}2026110{day}T000000Z"
        folder.mkdir()
        if day != 2:
            (folder / FILE).touch()
    (tmp_path / "mine").mkdir()
    assert [path.name[-16:-8] for path in _too_many(tmp_path, 2)] == ["20261101", "20261103"]
    assert _too_many(tmp_path, 0) == []
