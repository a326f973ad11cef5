"""Writes the results of `init`: secrets first, then the settings. Never overwrites a file."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from services.cli.init.draft import ADDED, HEADER, Draft
from services.cli.init.existing import Existing
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings, load_settings


def whole_text(draft: Draft, existing: Existing) -> str:
    """The settings with the draft: the existing text, unchanged, and then the new sections."""
    if existing.text is None:
        return HEADER + draft.text()
    before = existing.text if existing.text.endswith("\n") else f"{existing.text}\n"
    return before + ADDED + draft.text().lstrip("\n")


@contextmanager
def tried(draft: Draft, existing: Existing, secrets: Mapping[str, str]) -> Iterator[Settings]:
    """The settings that would be written, loaded from a private folder that lasts for the block.

    Raises SettingsError.
    """
    folder = Path(tempfile.mkdtemp(prefix="mailcase-init-"))  # readable by its owner only
    try:
        for name, secret in secrets.items():
            _create(folder / name, secret, 0o600)
        config = folder / "mailcase.toml"
        config.write_text(whole_text(draft, existing), encoding="utf-8")
        yield load_settings(config, os.environ)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(config: Path, draft: Draft, existing: Existing, secrets: Mapping[str, str]) -> list[Path]:
    """Write all files; returns them, named from the current folder as `config` is. If one fails,
    those that were created are removed again.

    Raises PermanentError.
    """
    folder = config.parent
    written: list[Path] = []
    try:
        for name, secret in secrets.items():
            _create(folder / name, secret, 0o600)
            written.append(folder / name)
        if existing.text is None:
            _create(config, whole_text(draft, existing), 0o644)
        else:
            _extend(config.resolve(), existing.text, whole_text(draft, existing))
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        reason = "it exists already" if isinstance(error, FileExistsError) else error.strerror
        raise PermanentError(
            f"{error.filename or config} cannot be written: {reason}; nothing was changed"
        ) from error
    return [*written, config]


def free_file(folder: Path, name: str) -> str:
    """A file name in the folder that is not taken: `name`, or with a number before its ending."""
    stem, _, ending = name.rpartition(".")
    number = 2
    while (folder / name).exists() or (folder / name).is_symlink():
        name = f"{stem}-{number}.{ending}"
        number += 1
    return name


def _create(path: Path, text: str, mode: int) -> None:
    """Create a file; fails if there is one, or a link. Nobody can read it before its mode is
    set.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _extend(config: Path, before: str, text: str) -> None:
    """Replace the file in one step, with its mode and owner, unless it has changed since."""
    if config.read_text(encoding="utf-8-sig") != before:
        raise PermanentError(f"{config} was changed in the meantime: run `mailcase init` again")
    status = config.stat()
    new = config.with_name(f".{config.name}.new")
    new.unlink(missing_ok=True)
    _create(new, text, status.st_mode & 0o777)
    if (new.stat().st_uid, new.stat().st_gid) != (status.st_uid, status.st_gid):
        os.chown(new, status.st_uid, status.st_gid)
    new.replace(config)
