"""A scripted mail server that records what clients send."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class ScriptedServer:
    """`answer` maps a client's line to the bytes to send; b"" closes the connection. `heard` are
    all lines of clients.
    """

    def __init__(self, greeting: bytes, answer: Callable[[bytes], bytes]) -> None:
        self._greeting = greeting
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.settimeout(10)
                client.sendall(self._greeting)
                for line in client.makefile("rb"):
                    self.heard.append(line)
                    answer = self._answer(line)
                    if not answer:
                        break
                    self._send(client, line, answer)

    def _send(self, client: socket.socket, _line: bytes, answer: bytes) -> None:
        """Answer a line with `answer`."""
        client.sendall(answer)
