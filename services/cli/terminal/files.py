"""Files that commands read and write, with errors that name the file."""

import mimetypes
import sys
from pathlib import Path

from services.runtime.errors import PermanentError


def read_bytes(path: Path) -> bytes:
    """The content of a file; `-` is standard input. Raises PermanentError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise PermanentError(f"{path} cannot be read: {error.strerror}") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file that is not blank; `-` is standard input. Raises PermanentError."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PermanentError(f"{path} is not UTF-8: convert it first") from error
    if not text.strip():
        raise PermanentError(f"{path} is empty: write the text into it")
    return text


def write_new(folder: Path, name: str, content: bytes) -> Path:
    """Write a new file in `folder`; adds a number to a name that exists.

    Never overwrites a file or leaves the folder.

    `name` is one safe file name. Raises PermanentError.
    """
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem:
        stem, dot, ending = name, "", ""
    for number in range(1, 10_000):
        path = folder / (name if number == 1 else f"{stem} ({number}){dot}{ending}")
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            continue
        except OSError as error:
            raise PermanentError(f"{path} cannot be written: {error.strerror}") from error
        return path
    raise PermanentError(f"{folder} has too many files named {name}: empty it first")


def media_type(path: Path) -> str:
    """The media type that the file's name suggests; `application/octet-stream` if it suggests
    none.
    """
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
