"""Answers a case by a message: python answer.py PROCESS NUMBER TEXT

Needs aio-pika and msgspec. A case writer puts the answer into the outbox, a sender mails it.
"""

import asyncio
import os
import sys
import uuid
from datetime import UTC, datetime

import aio_pika
import msgspec


async def answer(process: str, case: int, text: str) -> str:
    """Publish an answer; returns its id. The same id again has no further effect."""
    answer_id = str(uuid.uuid4())
    message = {
        "type": "AnswerCase.v1",
        "id": answer_id,
        "case": case,
        "text": text,
        "at": datetime.now(UTC),
        "automatic": True,
    }
    body = msgspec.msgpack.encode(message)
    async with await aio_pika.connect(os.environ["MAILCASE_BROKER_URL"]) as broker:
        channel = await broker.channel(publisher_confirms=True)
        exchange = await channel.get_exchange("mailcase.case")
        await exchange.publish(
            aio_pika.Message(
                body,
                type="AnswerCase.v1",
                message_id=answer_id,
                content_type="application/msgpack",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=f"answer.{process}",
            mandatory=True,
        )
    return answer_id


if __name__ == "__main__":
    print(asyncio.run(answer(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
