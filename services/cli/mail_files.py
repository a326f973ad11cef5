"""Mails in files: .eml files, mbox files, and folders of both."""

import mailbox as mailbox_files
from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = {".eml", ".mbox"}


class NoMailError(Exception):
    """A file or folder that gives no mail, or not this one; its text says why, without the name."""


def expanded(file: Path) -> list[Path]:
    """The file itself, or the .eml and .mbox files of a folder and of those in it, in order. Raises NoMailError."""
    if not file.is_dir():
        return [file]
    found = sorted(one for one in file.rglob("*") if one.suffix.lower() in _SUFFIXES and one.is_file())
    if not found:
        raise NoMailError("there is no .eml or .mbox file in this folder")
    return found


def mails_of(file: Path, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Names and mails: the file itself, or each mail of an mbox file, which is one that begins with `From ` (RFC 4155).

    No more than one byte above `max_bytes` is read of a file that is one mail, whatever it is. Raises OSError.
    """
    with file.open("rb") as opened:
        start = opened.read(5)
        if start != b"From ":
            yield str(file), start + opened.read(max(0, max_bytes + 1 - len(start)))
            return
    box = mailbox_files.mbox(file, create=False)
    try:
        for number, key in enumerate(box.keys(), 1):
            yield f"{file}:{number}", box.get_bytes(key)
    finally:
        box.close()
