"""Reading a stream of the broker in order, from a time or an offset.

Reading ends when the connection breaks. The reader then resumes after the last offset that it
processed; the driver's own recovery would restart at the first offset.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.runtime.broker.connection import Broker
from services.runtime.broker.driver_errors import translate_driver_errors
from services.runtime.errors import TransientError

SILENCE_S = 30.0  # how long to wait for a stream that has messages but delivers none
_PREFETCH = 200  # a stream requires a prefetch; mails have at most a MiB, so memory is bounded

Start = int | datetime | Literal["first", "last"]


@dataclass(frozen=True)
class Archived:
    """A message of a stream; offsets grow, with gaps. `tag` is the AMQP property `type`."""

    offset: int
    body: bytes
    message_id: str
    tag: str


class Stream:
    """The messages of a stream from `start` on."""

    def __init__(self, name: str, channel: AbstractChannel) -> None:
        self.name = name
        self._channel = channel
        self._waiting: list[AbstractIncomingMessage] = []
        self._arrived = asyncio.Event()
        self._last: AbstractIncomingMessage | None = None

    async def next_batch(self, patience_s: float) -> list[Archived]:
        """The messages received since; empty if none comes within `patience_s` seconds.

        Raises TransientError.
        """
        if self._last is not None:
            last, self._last = self._last, None
            with translate_driver_errors(f"read {self.name}"):
                # Releases only the credit for more messages; a stream keeps them.
                await last.ack(multiple=True)
        try:
            async with asyncio.timeout(patience_s):
                await self._arrived.wait()
        except TimeoutError:
            return []
        messages, self._waiting = self._waiting, []
        self._arrived.clear()
        self._last = messages[-1]
        return [_archived(message) for message in messages]

    async def close(self) -> None:
        """Stop reading; the stream keeps its messages."""
        self._channel.close_callbacks.clear()
        with translate_driver_errors(f"stop reading {self.name}"):
            await self._channel.close()

    async def put(self, message: AbstractIncomingMessage) -> None:
        self._waiting.append(message)
        self._arrived.set()


async def read_stream(broker: Broker, name: str, start: Start) -> Stream:
    """Start reading. Raises TransientError.

    Reading from a time starts at the chunk that contains it, so older messages are delivered, too
    (rabbitmq.com/docs/streams, consuming).
    """
    with translate_driver_errors(f"read {name}"):
        channel = await broker.open_channel(_PREFETCH)
        queue = await channel.declare_queue(name, passive=True)
        stream = Stream(name, channel)
        await queue.consume(stream.put, arguments={"x-stream-offset": start})
    return stream


async def last_offset(broker: Broker, name: str, quiet_s: float = 1.0) -> int | None:
    """The offset of the last message of the stream, None if it is empty. Raises TransientError.

    AMQP does not report the offset, but the last chunk of messages can be read. The chunk ends when
    no message arrives for `quiet_s` seconds; later messages were published after this call. If the
    broker counts messages in the stream but delivers none, that is an error, not an empty stream: a
    replay would otherwise end without having done anything.
    """
    stream = await read_stream(broker, name, "last")
    last = None
    for _ in range(100):
        batch = await stream.next_batch(quiet_s if last is not None else 2 * quiet_s)
        if not batch and last is None and await broker.length(name):
            batch = await stream.next_batch(SILENCE_S)
            if not batch:
                raise TransientError(f"{name} has messages but delivers none")
        if not batch:
            break
        last = batch[-1].offset
    await stream.close()
    return last


def _archived(message: AbstractIncomingMessage) -> Archived:
    offset = message.headers.get("x-stream-offset")
    return Archived(int(str(offset)), message.body, message.message_id or "", message.type or "")
