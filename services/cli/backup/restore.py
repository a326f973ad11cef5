"""`mailcase restore`: a backup into an empty folder, on this or another machine; verified twice.

The checksums of all files are compared before anything is written. When all documents are in the
database, they are read back, and their checksums are compared with the backup's.
"""

import asyncio
import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from deploy.local.servers.private import PrivateServers
from services.cli.backup.access import RestoredAccess, revoke_access
from services.cli.backup.archives import restore_archives
from services.cli.backup.dump import batches
from services.cli.backup.manifest import Manifest, read_manifest, verify
from services.cli.backup.settings_files import EXTERNAL, write_private
from services.cli.terminal.lines import print_line, shell_path, wrapped_command
from services.cli.terminal.progress import Count
from services.cli.up.command import local_failures, server_urls
from services.cli.up.running import data_folder
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.settings import Settings, load_settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

Backup = Annotated[Path, Parameter(help="The folder of the backup.")]
To = Annotated[
    Path,
    Parameter(name="--to", help="The folder for the settings; it must not contain settings yet."),
]
Data = Annotated[
    Path | None,
    Parameter(
        name="--data", help="The folder for the data, as for `up`; default: next to the settings."
    ),
]


DatabaseOnly = Annotated[
    bool,
    Parameter(
        name="--database-only",
        negative="",
        help="Restore only the database; keep the settings in --to and the broker's data.",
    ),
]
KeepTokens = Annotated[
    bool,
    Parameter(
        name="--keep-tokens",
        negative="",
        help="Leave the tokens of programs valid; only if none was revoked since the backup.",
    ),
]


def restore(
    backup: Backup,
    /,
    *,
    to: To,
    data: Data = None,
    database_only: DatabaseOnly = False,
    keep_tokens: KeepTokens = False,
) -> None:
    """Restore a backup: its settings into a folder, its database into a new private one.

    Nothing is overwritten. If the settings name a database, it must be empty. Tokens are revoked,
    since the backup does not know which were revoked after it.
    """
    manifest = read_manifest(backup)
    verify(backup, manifest)
    config = to / manifest.settings
    data = data or data_folder(config)
    taken = (
        [(data / "store-0", "--data")] if database_only else [(config, "--to"), (data, "--data")]
    )
    _reject_existing(taken)
    outside = [] if database_only else _restore_files(backup, manifest, to)
    settings = load_settings(config, os.environ)
    archives = () if database_only else manifest.archives
    with ExitStack() as stack:
        servers = _private_servers(settings, data, with_broker=bool(archives))
        settings = stack.enter_context(_running(settings, servers))
        asyncio.run(_restore_documents(backup, manifest, settings))
        access = asyncio.run(revoke_access(settings, keep_tokens=keep_tokens))
        if archives:
            with Count("archive") as progress:
                numbers = itertools.count(1)
                total = sum(archive.messages for archive in archives)
                asyncio.run(
                    restore_archives(
                        settings, backup, archives, lambda: progress.show(next(numbers), total)
                    )
                )
    documents = sum(dumped.documents for dumped in manifest.collections)
    print_line(f"{documents} documents restored and verified")
    for archive in archives:
        print_line(f"{archive.messages} messages restored in {archive.name}")
    _print_access(access, manifest)
    for path, copy in outside:
        print_line(
            f"the settings name {path}; its copy is {copy}: move it there, or change the settings"
        )
    elsewhere = "" if data == data_folder(config) else f" --data {shell_path(data)}"
    print(wrapped_command(f"next: mailcase up --config {shell_path(config)}{elsewhere}"))


def _reject_existing(taken: Sequence[tuple[Path, str]]) -> None:
    for place, option in taken:
        if place.exists() and (place.is_file() or any(place.iterdir())):
            hint = "move it away, or give an empty folder: nothing is overwritten"
            raise SettingsError([Mistake(option, f"{place} exists", hint)])


def _restore_files(backup: Path, manifest: Manifest, to: Path) -> list[tuple[str, Path]]:
    """Write the settings and their files; returns the files that were outside the settings'
    directory.
    """
    outside = []
    try:
        for saved in manifest.files:
            target = to / saved.path
            if saved.file.startswith(f"{EXTERNAL}/") or Path(saved.path).is_absolute():
                target = to / "restored-files" / Path(saved.file).name
                outside.append((saved.path, target))
            if ".." in target.relative_to(to).parts:  # `to` itself may have them
                raise PermanentError(f"the backup names {saved.path!r}, which is outside {to}")
            write_private(target, (backup / saved.file).read_bytes())
    except OSError as error:
        raise PermanentError(f"{error.filename} cannot be written: {error.strerror}") from error
    return outside


def _private_servers(settings: Settings, data: Path, *, with_broker: bool) -> PrivateServers | None:
    """Private servers in place of those that the settings do not name; None if they name all."""
    broker = with_broker and settings.broker.url is None
    store = settings.store.url is None
    return PrivateServers(data, broker=broker, store=store) if broker or store else None


@contextmanager
def _running(settings: Settings, servers: PrivateServers | None) -> Iterator[Settings]:
    """The settings with the URLs of private servers, which run during the block."""
    if servers is None:
        yield settings
        return
    with local_failures(), servers:
        urls = server_urls(servers)
        yield replace(
            settings,
            store=replace(settings.store, url=urls.get("store", settings.store.url)),
            broker=replace(settings.broker, url=urls.get("broker", settings.broker.url)),
        )


def _print_access(access: RestoredAccess, manifest: Manifest) -> None:
    for token in access.revoked:
        print_line(
            f"revoked: token {token.id} ({token.name}); `mailcase token create` makes a new one"
        )
    if access.users:
        names = ", ".join(user.id for user in access.users)
        print_line(
            f"may sign in, as on {manifest.created_at:%Y-%m-%d}: {names}; disable those who have left since: "
            "`mailcase user disable`"
        )


async def _restore_documents(backup: Path, manifest: Manifest, settings: Settings) -> None:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        raw = store.raw()
        known = [name for name in await raw.collection_names() if name != "probes"]
        if known:
            hint = "give --data, or name an empty database in [store]"
            problem = f"the database {settings.store.database} has collections already"
            raise SettingsError([Mistake("store", problem, hint)])
        total = sum(dumped.documents for dumped in manifest.collections)
        done = 0
        with Count("restore") as progress:
            for dumped in manifest.collections:
                for batch in batches(backup / dumped.file):
                    await raw.insert(dumped.name, batch)
                    done += len(batch)
                    progress.show(done, total)
        for dumped in manifest.collections:
            digest = hashlib.sha256()
            async for document in raw.current().documents(dumped.name):
                digest.update(document)
            if digest.hexdigest() != dumped.content_sha256:
                raise PermanentError(
                    f"the collection {dumped.name} differs from the backup: check the disk, and restore again"
                )
