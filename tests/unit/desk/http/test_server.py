"""Closing connections of clients that read nothing."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from services.desk.http import server


class _Transport(asyncio.Transport):
    """A connection with `unsent` bytes, which its client does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        self.is_closed = False
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.aborted.set()


async def test_a_client_that_leaves_the_end_of_a_last_response_unread_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "UNREAD_FOR_S", 0.01)
    app: Any = PlainTextResponse("")
    config = uvicorn.Config(app, log_config=None, ws="none")
    protocol, transport = server.GuardedProtocol(config, ServerState(), {}), _Transport()
    protocol.connection_made(transport)
    transport.unsent = 100_000
    protocol.pause_writing()
    transport.close()
    transport.unsent = 10_000
    protocol.resume_writing()
    async with asyncio.timeout(5):
        await transport.aborted.wait()
    protocol.connection_lost(None)
