"""An IMAP server that sends mails at one byte per second, and a server that never answers."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.integration.fetcher.test_hostile_servers import GREETINGS, Imap
from tests.integration.scripted import ScriptedServer

MAIL_BYTES = 3 * 1024 * 1024


class TrickleServer(ScriptedServer):
    """Offers three mails of MAIL_BYTES; `begun` is set when a client waits for one of them."""

    def __init__(self) -> None:
        super().__init__(GREETINGS["imap"], Imap({}))
        self.begun = threading.Event()
        self.asked = 0  # times, for a mail
        self._ended = threading.Event()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        super().__exit__(kind, error, trace)

    def _send(self, client: socket.socket, _line: bytes, answer: bytes) -> None:
        if b"BODY.PEEK" not in _line:
            client.sendall(answer.replace(b"RFC822.SIZE 21", b"RFC822.SIZE %d" % MAIL_BYTES))
            return
        client.sendall(b"* 1 FETCH (UID 11 BODY[] {%d}\r\n" % MAIL_BYTES)
        self.asked += 1
        self.begun.set()
        while not self._ended.wait(1.0):
            client.sendall(b"x")


class SilentServer:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        return self  # the kernel accepts the connections

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.close()


def refusing_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
