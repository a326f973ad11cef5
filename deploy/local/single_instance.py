"""Allows one launcher at a time for a settings file, whatever its data folder; others can find it.

The lock is a socket with an abstract name (unix(7)), which disappears with its process. A lock on
the file itself would be lost when an editor replaces the file, and a lock file next to it may not
be writable. The launcher sends the path of its data folder, which is not secret, to every client.
"""

import contextlib
import hashlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import SettingsInUseError

_TIMEOUT_S = 2.0
_MAX_PATH_BYTES = 4096  # limits.h, PATH_MAX


@dataclass(frozen=True)
class Launcher:
    """A running launcher: its process, its user, and its data folder (None if it does not send
    one).
    """

    pid: int
    uid: int
    data: Path | None


@contextmanager
def only_launcher_of(settings: Path, data: Path | None = None) -> Iterator[None]:
    """Hold the lock of a settings file; during the block, `launcher_of` finds `data`.

    Raises SettingsInUseError, which names the process, if another one holds it.
    """
    address = _address(settings)
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(address)
        except OSError as error:
            holder = launcher_of(settings)
            process = holder.pid if holder is not None else "?"
            raise SettingsInUseError(
                f"`mailcase up` runs for {settings} already, as process {process}: stop that one first"
            ) from error
        lock.listen()
        text = b"" if data is None else os.fsencode(data.absolute())
        thread = threading.Thread(target=_serve, args=(lock, text), name="launcher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            lock.shutdown(socket.SHUT_RDWR)  # ends the accept of the thread
            thread.join(_TIMEOUT_S)


def launcher_of(settings: Path) -> Launcher | None:
    """The running launcher of a settings file; None if there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_TIMEOUT_S)
            link.connect(_address(settings))
            size = struct.calcsize("3i")
            pid, uid, _ = struct.unpack(
                "3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            )
            text = b""
            while len(text) <= _MAX_PATH_BYTES and (part := link.recv(_MAX_PATH_BYTES)):
                text += part
    except OSError:
        return None
    return Launcher(pid, uid, Path(os.fsdecode(text)) if text else None)


def _serve(lock: socket.socket, text: bytes) -> None:
    while True:
        try:
            link, _ = lock.accept()
        except OSError:  # the lock is released
            return
        with link, contextlib.suppress(OSError):
            link.settimeout(_TIMEOUT_S)
            link.sendall(text)


def _address(settings: Path) -> str:
    folder = settings.absolute().parent.stat()
    name = f"{folder.st_dev}:{folder.st_ino}:{settings.name}"
    return "\0mailcase-up-" + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
