"""The contents of a backup, with checksums. A manifest is validated, not trusted. Pure, except for
reading files.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

import msgspec

from services.runtime.errors import PermanentError

FILE = "manifest.json"
FORMAT = 1
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
_PART = 1024 * 1024


class DumpedCollection(msgspec.Struct, frozen=True, kw_only=True):
    """A collection in `file`, its documents one after the other as BSON, compressed with gzip.

    `sha256` is that of the file, `content_sha256` that of the documents.
    """

    name: str
    file: str
    documents: int
    sha256: str
    content_sha256: str


class DumpedArchive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of the broker in `file`, as archives.py writes it."""

    name: str
    file: str
    messages: int
    sha256: str


class SavedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the settings. `path` is as in the settings: relative to their directory, or
    absolute.
    """

    path: str
    file: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`settings` is the name of the settings file, which is the first of `files`."""

    format: int
    version: str
    created_at: datetime
    database: str
    settings: str
    collections: tuple[DumpedCollection, ...]
    files: tuple[SavedFile, ...]
    archives: tuple[DumpedArchive, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises PermanentError if it is not a backup, or has a later
    format."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        manifest = msgspec.json.decode(data, type=Manifest)
    except FileNotFoundError as error:
        hint = "give a folder that `mailcase backup` wrote, such as backups/mailcase-backup-20261129T120000Z"
        raise PermanentError(f"{folder} is not a backup: it has no {FILE}; {hint}") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise PermanentError(f"{path} cannot be read: {error}; use another backup") from error
    if manifest.format != FORMAT:
        raise PermanentError(
            f"{folder} has the format {manifest.format}: restore it with version {manifest.version}"
        )
    for name in _names(manifest):
        if not is_inside(name):
            raise PermanentError(f"{path} names {name!r}, which is outside the backup")
    if any(_is_hidden_or_odd(dumped.name) for dumped in manifest.collections):
        raise PermanentError(f"{path} names a collection that cannot be restored")
    return manifest


def _names(manifest: Manifest) -> Iterator[str]:
    for dumped in manifest.collections:
        yield dumped.file
    for archive in manifest.archives:
        yield archive.file
    for saved in manifest.files:
        yield saved.file
    yield manifest.settings


def _is_hidden_or_odd(name: str) -> bool:
    return not name or name.startswith("system.") or "$" in name or "\0" in name


def is_inside(name: str) -> bool:
    """Whether a relative path stays in its folder."""
    path = PurePosixPath(name)
    return (
        bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    )


def verify(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its checksum. Raises PermanentError, naming the first that
    differs.
    """
    for name, expected in (
        *((dumped.file, dumped.sha256) for dumped in manifest.collections),
        *((archive.file, archive.sha256) for archive in manifest.archives),
        *((saved.file, saved.sha256) for saved in manifest.files),
    ):
        path = folder / name
        try:
            found = "" if path.is_symlink() else sha256_of(path)
        except OSError as error:
            raise PermanentError(
                f"{path} cannot be read: {error.strerror}; use another backup"
            ) from error
        if found != expected:
            raise PermanentError(f"{path} is damaged: its checksum differs; use another backup")


def sha256_of(path: Path) -> str:
    """The checksum of a file in hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()
