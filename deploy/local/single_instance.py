"""Allows one launcher at a time for a settings file, whatever its data folder."""

import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import SettingsInUseError


@contextmanager
def only_launcher_of(settings: Path) -> Iterator[None]:
    """Hold the lock of a settings file.

    Raises SettingsInUseError, which names the process, if another one holds it.

    The lock is a socket with an abstract name (unix(7)), which disappears with its process. A lock
    on the file itself would be lost when an editor replaces the file, and a lock file next to it
    may not be writable.
    """
    folder = settings.absolute().parent.stat()
    name = f"{folder.st_dev}:{folder.st_ino}:{settings.name}"
    address = (
        "\0mailcase-up-" + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
    )
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(address)
        except OSError as error:
            raise SettingsInUseError(
                f"`mailcase up` runs for {settings} already, as process {_holder(address)}: stop that one first"
            ) from error
        lock.listen()  # so that the next launcher can ask for our pid
        yield


def _holder(address: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(address)
            credentials = link.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
    except OSError:
        return "?"
    return str(struct.unpack("3i", credentials)[0])
