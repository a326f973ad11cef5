"""Publishing many messages at once on one channel, and their confirms.

The driver's `basic_publish` needs a task, a time limit and the channel's lock for each message.
Here the lock is taken once for all messages that are written to the socket together. Unconfirmed
messages are registered in the channel as by `basic_publish`, so that confirms, returns and the end
of the channel find them.
"""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress

import aiormq
from aiormq.abc import ChannelFrame

from services.runtime.broker.messages import Outgoing
from services.runtime.broker.publishing.confirms import Confirms
from services.runtime.broker.publishing.frames import message_frames

# As long as the fetcher waits for a receipt. Without this limit, a queue that lost its leader or a
# broker that lost the confirm would block the publisher forever, without an error.
CONFIRM_PATIENCE_S = 300.0
# bytes of bodies that are written to the socket together, so that no batch is copied as a whole
WRITE_BYTES = 256 * 1024

# The wait after a later message of the channel was confirmed. If a link of the cluster lost data of
# one node, the broker may never confirm some messages, although it confirms those that follow.
OVERTAKEN_PATIENCE_S = 30.0
PROBE_KEY = "mailcase.probe"  # of the default exchange; no queue has this name

_LOOKS = 200  # for checking for an alarm during CONFIRM_PATIENCE_S
_Identified = tuple[str, Outgoing]


async def publish(
    channel: aiormq.Channel, messages: Sequence[Outgoing]
) -> list[BaseException | None]:
    """Publish all and wait for all confirms; returns None or the failure of each message.

    A `mandatory` message that reaches no queue is a failure. Raises the driver's errors if the
    channel is closed, and TimeoutError if confirms do not come although the broker has no alarm;
    during an alarm, they are awaited for as long as it lasts. The channel must have confirms
    enabled.
    """
    # returned by its id
    identified = [(message.message_id or uuid.uuid4().hex, message) for message in messages]
    confirms = Confirms(channel, len(messages))
    try:
        for group in _groups(identified):
            await _write(channel, group, confirms)
        await _all_done(channel, confirms)
    finally:
        confirms.abandon()
        for (message_id, _), number in zip(identified, confirms.numbers, strict=False):
            if channel.message_id_delivery_tag.get(message_id) == number:
                del channel.message_id_delivery_tag[message_id]
    return confirms.failures()


async def _all_done(channel: aiormq.Channel, confirms: Confirms) -> None:
    look_s = CONFIRM_PATIENCE_S / _LOOKS
    unblocked_s = overtaken_s = 0.0  # since the last alarm
    while left := confirms.left:
        await confirms.wait(look_s)
        if not confirms.left or await _is_blocked(channel):
            unblocked_s = overtaken_s = 0.0
            continue
        if not unblocked_s:
            await _probe(channel)
        unblocked_s += look_s
        is_overtaken = confirms.left == left and _later_confirmed(channel, confirms.numbers[-1])
        overtaken_s = overtaken_s + look_s if is_overtaken else 0.0
        if unblocked_s > CONFIRM_PATIENCE_S or overtaken_s > OVERTAKEN_PATIENCE_S:
            waited_s = unblocked_s if unblocked_s > CONFIRM_PATIENCE_S else overtaken_s
            raise TimeoutError(f"{confirms.left} confirms did not arrive within {waited_s:.0f} s")


async def _probe(channel: aiormq.Channel) -> None:
    """Publish a message that no queue receives. The broker confirms it at once, which shows that
    the link works.
    """
    probe_id = uuid.uuid4().hex
    message = Outgoing("", PROBE_KEY, b"", "Probe.v1", probe_id, mandatory=False)
    confirms = Confirms(channel, 1)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await _write(channel, [(probe_id, message)], confirms)
        channel.message_id_delivery_tag.pop(probe_id, None)  # it is never returned
    confirms.abandon()


def _later_confirmed(channel: aiormq.Channel, number: int) -> bool:
    """Whether the broker confirmed a later message, which shows that the link also delivered this
    one.
    """
    later = range(number + 1, channel.delivery_tag + 1)
    return any(number not in channel.confirmations for number in later)


async def _is_blocked(channel: aiormq.Channel) -> bool:
    """Whether the broker blocks publishers (rabbitmq.com/docs/connection-blocked)."""
    try:
        async with asyncio.timeout(0.1):
            await channel.connection.ready()
    except TimeoutError:
        return True
    return False


async def _write(channel: aiormq.Channel, group: Sequence[_Identified], confirms: Confirms) -> None:
    """Write a group to the socket, and expect its confirms."""
    async with channel.lock:
        pieces: list[bytes | memoryview] = []
        for message_id, message in group:
            pieces += message_frames(channel.number, channel.max_content_size, message_id, message)
        first = channel.delivery_tag + 1
        for number, (message_id, _) in enumerate(group, first):
            confirms.expect(number)
            channel.message_id_delivery_tag[message_id] = number
        channel.delivery_tag += len(group)
        try:
            payload = b"".join(pieces)
            await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        except (
            BaseException
        ):  # not written, so the broker continues to count from the messages before
            channel.delivery_tag -= len(group)
            for number in range(first, first + len(group)):
                confirms.forget(number)
            raise


def _groups(messages: Sequence[_Identified]) -> Iterator[Sequence[_Identified]]:
    """Groups of up to WRITE_BYTES; a larger message goes alone."""
    group: list[_Identified] = []
    size = 0
    for identified in messages:
        body_size = len(identified[1].body)
        if group and size + body_size > WRITE_BYTES:
            yield group
            group, size = [], 0
        group.append(identified)
        size += body_size
    if group:
        yield group
