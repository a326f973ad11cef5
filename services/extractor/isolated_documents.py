"""Reads an attachment in a child process that can be killed, so that no file exceeds its limits of
time and memory.

The request is a MessagePack header with name and type, followed by the content.
"""

import sys

import msgspec

from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import ReadDocument
from services.runtime.process.isolated import (
    IsolatedChild,
    Question,
    become_isolated,
    in_pieces,
    serve,
)

_LENGTH_BYTES = 4
_decoder = msgspec.msgpack.Decoder(list[ReadDocument])


class IsolatedDocuments:
    """Reads one file at a time, in one child."""

    def __init__(self, *, max_memory_bytes: int) -> None:
        self._child = IsolatedChild(__name__, str(max_memory_bytes))

    async def read(
        self, name: str, content_type: str, data: bytes, *, max_seconds: float
    ) -> list[ReadDocument]:
        """The invoices in a file. Raises TooSlowError, ChildFailedError, and TransientError if the
        machine cannot start another process.
        """
        about = msgspec.msgpack.encode((name, content_type))
        question = in_pieces(len(about).to_bytes(_LENGTH_BYTES, "big") + about, data)
        return await self._child.ask(
            question, lambda body, _contents: _decoder.decode(body), max_seconds=max_seconds
        )

    async def close(self) -> None:
        """Kill the child, if there is one."""
        await self._child.close()


def _answer(question: Question, _contents: int) -> bytes:
    if not question.size:
        return b""
    length = int.from_bytes(question.read(0, _LENGTH_BYTES), "big")
    about = question.read(_LENGTH_BYTES, length)
    name, content_type = msgspec.msgpack.decode(about, type=tuple[str, str])
    data = question.read(_LENGTH_BYTES + length)
    question.empty()
    return msgspec.msgpack.encode(read_documents(name, content_type, data))


if __name__ == "__main__":
    become_isolated(int(sys.argv[1]))
    serve(_answer, sys.argv[2:4])
