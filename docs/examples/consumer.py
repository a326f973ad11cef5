"""Prints each new case with its title and attachments: a program that works beside Mailcase.

Needs aio-pika and pymongo. The environment has the URLs of the broker and the database:

    MAILCASE_BROKER_URL=amqp://… MAILCASE_STORE_URL=mongodb://… python consumer.py
"""

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from gridfs import AsyncGridFSBucket
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

EXCHANGE = "mailcase.event"
QUEUE = "example.new-cases"  # of this program alone; all of its replicas share it
ROUTING_KEY = "case.opened.*"

Document = dict[str, Any]


@dataclass(frozen=True)
class NewCases:
    """Handles the events of new cases, each once.

    `cases` is Mailcase's database, which this program only reads. `own` is the program's own
    database.
    """

    cases: AsyncDatabase[Document]
    own: AsyncDatabase[Document]

    async def handle(self, message: AbstractIncomingMessage) -> None:
        """Handle an event, remember its id, then acknowledge it. An exception returns it to the
        queue.
        """
        async with message.process(requeue=True):
            event = json.loads(message.body)
            key = {"_id": f"{event['source']} {event['id']}"}
            if await self.own["handled"].find_one(key) is None:
                await self._case_opened(event["data"])
                await self.own["handled"].replace_one(key, key, upsert=True)

    async def _case_opened(self, data: Document) -> None:
        case = await self.cases["cases"].find_one({"_id": data["case"]})
        comment = await self.cases["comments"].find_one({"_id": data["details"]["comment"]})
        if case is None or comment is None:
            return  # it was removed or restored since
        print(f"case {case['_id']} of {case['process']}: {case['title']}", flush=True)
        for attachment in comment["attachments"]:
            content = await self._read(attachment["blob"])
            print(
                f"  {attachment['name']}: {len(content)} bytes of {attachment['content_type']}",
                flush=True,
            )

    async def _read(self, blob: str) -> bytes:
        stream = await AsyncGridFSBucket(self.cases, "blobs").open_download_stream(blob)
        return await stream.read()


async def declared_queue(broker: aio_pika.abc.AbstractConnection) -> AbstractQueue:
    """The queue of this program, bound to the events that it wants."""
    channel = await broker.channel()
    await channel.set_qos(prefetch_count=10)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    await queue.bind(EXCHANGE, ROUTING_KEY)
    return queue


async def main() -> None:
    """Run until Ctrl-C. A lost connection is restored."""
    store: AsyncMongoClient[Document] = AsyncMongoClient(
        os.environ["MAILCASE_STORE_URL"], tz_aware=True
    )
    broker = await aio_pika.connect_robust(os.environ["MAILCASE_BROKER_URL"])
    async with store, broker:
        database = os.environ.get("MAILCASE_DATABASE", "mailcase")
        new_cases = NewCases(store[database], store[f"{database}_example"])
        queue = await declared_queue(broker)
        print("ready", flush=True)
        async with queue.iterator() as messages:
            async for message in messages:
                await new_cases.handle(message)


if __name__ == "__main__":
    asyncio.run(main())
