"""Writes collections to files and reads them back: BSON documents one after the other, compressed
with gzip."""

import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from services.cli.backup.manifest import DumpedCollection, sha256_of
from services.runtime.errors import PermanentError

BATCH_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES = 17 * 1024 * 1024  # MongoDB's limit, and room for its own overhead
_SIZE_BYTES = 4  # a BSON document begins with its size (bsonspec.org)


async def write_collection(
    folder: Path, name: str, documents: AsyncIterator[bytes], count: Callable[[], None]
) -> DumpedCollection:
    """Write one file; `count` is called for each document. Raises OSError."""
    path = folder / f"{name}.bson.gz"
    digest, number = hashlib.sha256(), 0
    with path.open("xb") as file:
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
            async for document in documents:
                packed.write(document)
                digest.update(document)
                number += 1
                count()
        file.flush()
        os.fsync(file.fileno())
    return DumpedCollection(
        name=name,
        file=f"{folder.name}/{path.name}",
        documents=number,
        sha256=sha256_of(path),
        content_sha256=digest.hexdigest(),
    )


def batches(path: Path) -> Iterator[list[bytes]]:
    """The documents of a file in batches of about 4 MiB. Raises PermanentError."""
    batch: list[bytes] = []
    size = 0
    try:
        with gzip.open(path, "rb") as packed:
            while (document := _next(cast("BinaryIO", packed))) is not None:
                batch.append(document)
                size += len(document)
                if size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
    except (OSError, EOFError, ValueError) as error:
        raise PermanentError(f"{path} is damaged: {error}; use another backup") from error
    if batch:
        yield batch


def _next(packed: BinaryIO) -> bytes | None:
    """The next document; None at the end. Raises ValueError and EOFError."""
    head = packed.read(_SIZE_BYTES)
    if not head:
        return None
    size = int.from_bytes(head, "little")
    if len(head) < _SIZE_BYTES or not _SIZE_BYTES < size <= MAX_DOCUMENT_BYTES:
        raise ValueError("no document begins here")
    body = packed.read(size - _SIZE_BYTES)
    if len(body) != size - _SIZE_BYTES:
        raise EOFError("it ends within a document")
    return head + body
