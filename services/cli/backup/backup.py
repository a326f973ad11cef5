"""`mailcase backup`: a consistent copy while everything runs.

All collections are read as of one moment. The archives of the broker and the contents of blobs are
read afterwards: contents never change, and nothing removes them within a day. So the blobs of
archived mails that came in the meantime are in the backup, too.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from services.cli.backup.archives import save_archives
from services.cli.backup.dump import write_collection
from services.cli.backup.manifest import (
    FILE,
    FORMAT,
    DumpedArchive,
    DumpedCollection,
    Manifest,
    read_manifest,
    verify,
)
from services.cli.backup.settings_files import save_files, write_private
from services.cli.terminal.lines import print_line
from services.cli.terminal.output import DEFAULT_CONFIG, Config, loaded, size_text
from services.cli.terminal.progress import Count
from services.cli.up.disk import disk_use
from services.runtime.errors import PermanentError, TransientError
from services.runtime.settings import Settings
from services.runtime.store.blobs import CHUNKS, FILES
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

PREFIX = "mailcase-backup-"
DATA = "data"
ATTEMPTS = 3
# Collections that belong to running processes, or that would restore revoked log-ins.
NOT_SAVED = frozenset(
    {
        "leases",
        "mailbox_leases",
        "probes",
        "sessions",
        "links",
        "login_attempts",
        "login_requests",
        "logout_tokens",
    }
)
BLOBS = frozenset({FILES, CHUNKS})

To = Annotated[
    Path, Parameter(name="--to", help="The folder that gets the backup, as a new folder.")
]
Keep = Annotated[
    int,
    Parameter(
        name="--keep",
        help="How many backups to keep there; older ones are deleted. 0 keeps all.",
        validator=Number(gte=0),
    ),
]
WithArchive = Annotated[
    bool,
    Parameter(
        name="--with-archive",
        negative="",
        help="Also copy the broker's archives, from which `replay` restores mails.",
    ),
]


def backup(
    *,
    to: To = Path("backups"),
    keep: Keep = 0,
    with_archive: WithArchive = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Copy the database, the settings and their passwords and keys, while everything runs.

    The copy is consistent: it is the state of one moment. It is verified when it is complete.
    """
    settings = loaded(config)
    name = f"{PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    partial, complete = to / f".{name}.partial", to / name
    try:
        partial.mkdir(mode=0o700, parents=True)
        try:
            missing = asyncio.run(_write(partial, config, settings, with_archive=with_archive))
            verify(partial, read_manifest(partial))
            partial.rename(complete)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise PermanentError(
            f"{error.filename or to} cannot be written: {error.strerror}; free some room or give --to"
        ) from error
    for path in missing:
        print_line(f"not in the backup, because it does not exist: {path}")
    size = size_text(disk_use(complete).total)
    print_line(f"{complete}: {size}, verified; it contains passwords")
    for old in _too_many(to, keep):
        shutil.rmtree(old)
        print_line(f"deleted: {old}")


async def _write(
    folder: Path, config: Path, settings: Settings, *, with_archive: bool = False
) -> list[Path]:
    """Write everything; returns the files of the settings that do not exist."""
    files, missing = save_files(config, settings, folder)
    async with Store.opened(store_url(settings), settings.store.database) as store:
        collections = await _dump_at_once(store, folder / DATA)
        archives = await _archives(settings, folder) if with_archive else []
        collections += await _dump_blobs(store, folder / DATA)
    manifest = Manifest(
        format=FORMAT,
        version=version("mailcase"),
        created_at=datetime.now(UTC),
        database=settings.store.database,
        settings=config.name,
        collections=tuple(collections),
        files=tuple(files),
        archives=tuple(archives),
    )
    write_private(folder / FILE, msgspec.json.format(msgspec.json.encode(manifest)))
    return missing


async def _dump_at_once(store: Store, data: Path) -> list[DumpedCollection]:
    """Retries if a collection is created while it is read, or after an election."""
    for _ in range(ATTEMPTS - 1):
        await asyncio.to_thread(data.mkdir, mode=0o700)
        try:
            return await _dump(store, data)
        except TransientError:
            shutil.rmtree(data)
            await asyncio.sleep(1.0)
    await asyncio.to_thread(data.mkdir, mode=0o700)
    return await _dump(store, data)


async def _dump(store: Store, data: Path) -> list[DumpedCollection]:
    raw = store.raw()
    names = [name for name in await raw.collection_names() if name not in NOT_SAVED | BLOBS]
    with _counting("backup") as count:
        async with raw.snapshot() as snapshot:
            return [
                await write_collection(data, name, snapshot.documents(name), count)
                for name in names
            ]


async def _archives(settings: Settings, folder: Path) -> list[DumpedArchive]:
    with _counting("archive") as count:
        return await save_archives(settings, folder, count)


async def _dump_blobs(store: Store, data: Path) -> list[DumpedCollection]:
    """Dump the documents of files first. They are written last, so that the contents of each exist
    by then.
    """
    raw = store.raw()
    names = await raw.collection_names()
    with _counting("attachments") as count:
        return [
            await write_collection(data, name, raw.current().documents(name), count)
            for name in (FILES, CHUNKS)
            if name in names
        ]


@contextmanager
def _counting(title: str) -> Iterator[Callable[[], None]]:
    """A function to call for each document; it shows the progress."""
    done = 0
    with Count(title) as progress:

        def count() -> None:
            nonlocal done
            done += 1
            if done % 200 == 0:
                progress.show(done, done)

        yield count


def _too_many(folder: Path, keep: int) -> list[Path]:
    """The oldest complete backups beyond `keep`; empty if all are kept."""
    found = sorted(
        entry for entry in folder.glob(f"{PREFIX}*Z") if (entry / FILE).is_file() and entry.is_dir()
    )
    return found[:-keep] if keep else []
