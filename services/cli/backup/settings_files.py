"""The settings file, and every file that it names: passwords, keys, certificates."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.cli.backup.manifest import SavedFile, is_inside, sha256_of
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings

FOLDER = "settings"
EXTERNAL = "external"  # files that the settings name outside their own folder


def named_files(settings: Settings) -> list[Path]:
    """Every path in the settings, once, in their order."""
    return list(dict.fromkeys(_paths(settings)))


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _paths(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


def save_files(
    config: Path, settings: Settings, backup: Path
) -> tuple[list[SavedFile], list[Path]]:
    """Copy the files into the backup; returns them, and those that do not exist.

    Raises PermanentError if one cannot be read, and OSError if the copy cannot be written.
    """
    base = config.absolute().parent
    saved, missing = [_save(config, config.name, f"{FOLDER}/{config.name}", backup)], []
    for number, path in enumerate(named_files(settings)):
        if not path.is_file():
            missing.append(path)
            continue
        try:
            relative = path.absolute().relative_to(base).as_posix()
        except ValueError:
            relative = ""
        if relative and is_inside(relative):
            saved.append(_save(path, relative, f"{FOLDER}/{relative}", backup))
        else:
            file = f"{EXTERNAL}/{number}-{path.name}"
            saved.append(_save(path, str(path.absolute()), file, backup))
    return saved, missing


def _save(source: Path, path: str, file: str, backup: Path) -> SavedFile:
    target = backup / file
    try:
        content = source.read_bytes()
    except OSError as error:
        raise PermanentError(
            f"{source} cannot be read: {error.strerror}; run this as the user of `mailcase up`"
        ) from error
    write_private(target, content)
    return SavedFile(path=path, file=file, sha256=sha256_of(target))


def write_private(path: Path, content: bytes) -> None:
    """Create a file, and its folders, that only its owner can read. Raises OSError if it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
