"""How a reader finds the end of a stream."""

import asyncio
import uuid

import pytest

from deploy.local import PrivateServers
from services.runtime.broker import streams
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.streams import last_offset
from services.runtime.broker.topology import MAIL, MAIL_ARCHIVE, mailcase_topology
from tests.vhosts import add_virtual_host


async def test_a_stream_that_is_slow_to_deliver_is_not_taken_for_an_empty_one(
    servers: PrivateServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"streams-{uuid.uuid4().hex[:8]}"
    add_virtual_host(servers, host)
    async with Broker.connected(f"{servers.broker.url.rstrip('/')}/{host}", "test") as broker:
        await broker.declare(mailcase_topology(archive_max_age_days=1, archive_max_bytes=10**9))
        assert await last_offset(broker, MAIL_ARCHIVE, quiet_s=0.001) is None
        await broker.publish_all(
            [Outgoing(MAIL, "raw.a.b", b"mail", "Test.v1", str(number)) for number in range(3)]
        )
        async with asyncio.timeout(30):
            while not await broker.length(MAIL_ARCHIVE):  # noqa: ASYNC110 - the broker does not announce new counts
                await asyncio.sleep(0.5)
        real = streams.Stream.put

        async def late(stream: streams.Stream, message: object) -> None:
            await asyncio.sleep(1.0)
            await real(stream, message)  # type: ignore[arg-type] # passed through

        monkeypatch.setattr(streams.Stream, "put", late)
        assert await last_offset(broker, MAIL_ARCHIVE, quiet_s=0.2) == 2
