"""One launcher at a time for a settings file, whatever its data folder."""

import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import SettingsInUseError


@contextmanager
def only_launcher_of(settings: Path) -> Iterator[None]:
    """Raises SettingsInUseError, which names the process, if another one is within such a block for the same file.

    The lock is a socket with an abstract name (unix(7)), which ends with its process. It is not a lock on the file,
    which an editor replaces by another one, nor a file beside it, for which there may be no right.
    """
    folder = settings.absolute().parent.stat()
    name = f"{folder.st_dev}:{folder.st_ino}:{settings.name}"
    address = "\0mailcase-up-" + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(address)
        except OSError as error:
            raise SettingsInUseError(
                f"`mailcase up` runs for {settings} already, as process {_holder(address)}: end that one first"
            ) from error
        lock.listen()  # so that whoever comes next can ask who we are
        yield


def _holder(address: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(address)
            credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return "?"
    return str(struct.unpack("3i", credentials)[0])
