"""A TCP proxy on loopback that can inject a fault into each connection."""

import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

SLOW_BYTES_S = 1024


@dataclass(frozen=True)
class Fault:
    """The fault of a connection; exactly one field is set.

    - `cut_after`: reset after this many bytes from the server, within a mail;
    - `reset_at`: forward this word of the client, then reset instead of answering;
    - `bye_after`: an orderly IMAP BYE after this many bytes;
    - `silent_after`: forward nothing after this many bytes, and keep the connection open;
    - `slow_s`: for this many seconds, forward SLOW_BYTES_S bytes per second.
    """

    cut_after: int = 0
    reset_at: bytes = b""
    bye_after: int = 0
    silent_after: int = 0
    slow_s: float = 0


class Proxy:
    """Connection number n gets `faults[n]`; later connections have no fault."""

    def __init__(self, port: int, faults: Sequence[Fault] = ()) -> None:
        self._target = port
        self._faults = list(faults)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.client_bytes = bytearray()  # sent by all clients
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._open:
            _reset(link)
        for thread in self._threads:
            thread.join(10)

    @property
    def suffered(self) -> int:
        """The number of faults that have started."""
        return min(self.connections, len(self._faults))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            fault = (
                self._faults[self.connections] if self.connections < len(self._faults) else Fault()
            )
            self.connections += 1
            self._open += [client, server]
            for pump in (self._from_client, self._from_server):
                thread = threading.Thread(target=pump, args=(client, server, fault))
                self._threads.append(thread)
                thread.start()

    def _from_client(self, client: socket.socket, server: socket.socket, fault: Fault) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                self.client_bytes += data
                server.sendall(data)
                if fault.reset_at and fault.reset_at in data:
                    self._ended.wait(0.05)  # so that the server executes it first
                    _reset(client)
                    _reset(server)
                    return
        _finish(server)

    def _from_server(self, client: socket.socket, server: socket.socket, fault: Fault) -> None:
        passed = 0
        with suppress(OSError):
            while data := server.recv(1024 if fault.slow_s else 16384):
                passed += len(data)
                if fault.cut_after and passed >= fault.cut_after:
                    client.sendall(data[: len(data) // 2])
                    _reset(client)
                    _reset(server)
                    return
                if fault.bye_after and passed >= fault.bye_after:
                    client.sendall(data + b"* BYE the server goes down\r\n")
                    break
                if fault.silent_after and passed >= fault.silent_after:
                    self._ended.wait()
                    return
                if fault.slow_s and passed < fault.slow_s * SLOW_BYTES_S:
                    self._ended.wait(len(data) / SLOW_BYTES_S)
                client.sendall(data)
        _finish(client)


def _finish(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _reset(link: socket.socket) -> None:
    """Send RST instead of FIN, and wake a reader in another thread."""
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        link.close()
