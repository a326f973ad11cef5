"""The archives of the broker in a backup: mails and events, one message after the other, compressed
with gzip.

They contain mails that were recorded after the moment of the database's copy; a replay records
these again.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from services.cli.backup.manifest import DumpedArchive, sha256_of
from services.cli.replay.archive_reader import archived
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.streams import last_offset
from services.runtime.broker.topology import EVENT_ARCHIVE, MAIL_ARCHIVE
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.settings import Settings

FOLDER = "archives"
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_CONTENT_TYPES = {MAIL_ARCHIVE: "application/msgpack", EVENT_ARCHIVE: "application/json"}
_SIZE_BYTES = 4
_BATCH = 50
_BATCH_BYTES = 4 * 1024 * 1024


class ArchivedMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message of an archive; `tag` is the AMQP property `type`."""

    message_id: str
    tag: str
    body: bytes


async def save_archives(
    settings: Settings, backup: Path, count: Callable[[], None]
) -> list[DumpedArchive]:
    """Copy both archives up to their present ends. Raises TransientError and OSError."""
    (backup / FOLDER).mkdir(mode=0o700)
    async with Broker.connected(broker_url(settings), connection_name("backup")) as broker:
        await broker.declare(topology_of(settings))
        return [await _save(broker, name, backup, count) for name in _CONTENT_TYPES]


async def _save(
    broker: Broker, name: str, backup: Path, count: Callable[[], None]
) -> DumpedArchive:
    path = backup / FOLDER / f"{name}.gz"
    end, number = await last_offset(broker, name), 0
    with path.open("xb") as file:
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
            async for batch in archived(broker, name, "first", end):
                for message in batch:
                    kept = ArchivedMessage(message.message_id, message.tag, message.body)
                    data = msgspec.msgpack.encode(kept)
                    packed.write(len(data).to_bytes(_SIZE_BYTES, "little") + data)
                    number += 1
                    count()
        file.flush()
        os.fsync(file.fileno())
    return DumpedArchive(
        name=name, file=f"{FOLDER}/{path.name}", messages=number, sha256=sha256_of(path)
    )


async def restore_archives(
    settings: Settings, backup: Path, archives: tuple[DumpedArchive, ...], count: Callable[[], None]
) -> None:
    """Publish the messages to the archives of the broker, which must be empty.

    Raises SettingsError if they are not, PermanentError for a damaged file, and TransientError.
    """
    async with Broker.connected(broker_url(settings), connection_name("restore")) as broker:
        await broker.declare(topology_of(settings))
        for archive in archives:
            if archive.name not in _CONTENT_TYPES:
                raise PermanentError(f"{backup} has an unknown archive {archive.name!r}")
            if await last_offset(broker, archive.name) is not None:
                hint = "give --data, or name a broker without data in [broker]"
                raise SettingsError([Mistake("broker", f"{archive.name} is not empty", hint)])
        for archive in archives:
            for group in _groups(backup / archive.file):
                await broker.publish_all([_outgoing(archive.name, message) for message in group])
                for _ in group:
                    count()


def _outgoing(name: str, message: ArchivedMessage) -> Outgoing:
    content_type = _CONTENT_TYPES[name]
    return Outgoing("", name, message.body, message.tag, message.message_id, content_type)


def _groups(path: Path) -> Iterator[list[ArchivedMessage]]:
    group: list[ArchivedMessage] = []
    size = 0
    for message in _messages(path):
        group.append(message)
        size += len(message.body)
        if len(group) >= _BATCH or size >= _BATCH_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _messages(path: Path) -> Iterator[ArchivedMessage]:
    """The messages of a file, in their order. Raises PermanentError."""
    try:
        with gzip.open(path, "rb") as packed:
            while (message := _next(cast("BinaryIO", packed))) is not None:
                yield message
    except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
        raise PermanentError(f"{path} is damaged: {error}; use another backup") from error


def _next(packed: BinaryIO) -> ArchivedMessage | None:
    """The next message; None at the end. Raises ValueError, EOFError and MsgspecError."""
    head = packed.read(_SIZE_BYTES)
    if not head:
        return None
    size = int.from_bytes(head, "little")
    if len(head) < _SIZE_BYTES or size > MAX_MESSAGE_BYTES:
        raise ValueError("no message begins here")
    body = packed.read(size)
    if len(body) != size:
        raise EOFError("it ends within a message")
    return msgspec.msgpack.decode(body, type=ArchivedMessage)
