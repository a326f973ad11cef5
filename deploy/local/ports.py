"""Free loopback ports, chosen once and stored in the data folder, so that clients find a restarted
server.
"""

import json
import secrets
import socket
import threading
from pathlib import Path

from deploy.local.errors import LocalServerError

# Below the kernel's range of ephemeral ports (from 32768 by default, ip(7)), so that no client
# takes a port while its server is down.
LOWEST_PORT = 15_000
HIGHEST_PORT = 32_000

_given_out: set[int] = set()
_lock = threading.Lock()


class Ports:
    """The ports of one data folder, by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._given: dict[str, int] = {}

    def get(self, name: str) -> int:
        """The port with this name: the stored one if it is free, or else a new one, which is then
        stored.

        Later calls return the same port, since clients know it. Raises LocalServerError if another
        program uses it.
        """
        with _lock:
            if (given := self._given.get(name)) is not None:
                if not is_free(given):
                    raise LocalServerError(
                        f"another program uses port {given} of {name}: stop that program"
                    )
                return given
            kept = self._read()
            port = kept.get(name)
            if port is None or not is_free(port):
                port = _free_port()
                self._write({**kept, name: port})
            _given_out.add(port)
            self._given[name] = port
            return port

    def _read(self) -> dict[str, int]:
        try:
            return {
                str(name): int(port) for name, port in json.loads(self._file.read_bytes()).items()
            }
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _write(self, ports: dict[str, int]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(ports, indent=1))
        new.replace(self._file)


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # ignores connections in TIME_WAIT
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    """A random free port: launchers in other processes choose at the same time."""
    while True:
        port = secrets.choice(range(LOWEST_PORT, HIGHEST_PORT))
        if port not in _given_out and is_free(port):
            return port
