"""Reading request bodies: bounded in size and in time."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Mapping

from starlette.requests import ClientDisconnect, Request

from services.desk.http.problems import ProblemError

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_UPLOAD_BYTES = 25 * 1024 * 1024
_SILENCE_S = 15.0  # how long to wait for a client that sends nothing
# Bytes per second on average; a slower request is an attack or will not succeed.
_LEAST_RATE = 16 * 1024


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, of at most `most` bytes. Raises as `bounded_chunks`."""
    body = bytearray()
    async for chunk in bounded_chunks(request.headers, request.stream(), most):
        body += chunk
    return bytes(body)


class BoundedRequest(Request):
    """A request whose body and form are read as by `bounded_chunks`."""

    def __init__(self, request: Request, most: int) -> None:
        super().__init__(request.scope, request.receive)
        self._most = most

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks. Raises as `bounded_chunks`."""
        async for chunk in bounded_chunks(self.headers, super().stream(), self._most):
            yield chunk


async def bounded_chunks(
    headers: Mapping[str, str], stream: AsyncIterable[bytes], most: int
) -> AsyncGenerator[bytes, None]:
    """The chunks of a body of at most `most` bytes.

    Raises ProblemError: 413 for a larger body, before it is read if the client states its length;
    408 for a body that arrives too slowly.
    """
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared[:20]) > most:
        raise _too_large(most)
    chunks, size = aiter(stream), 0
    ends_at_s = time.monotonic() + _SILENCE_S + most / _LEAST_RATE
    try:
        while True:
            left_s = ends_at_s - time.monotonic()
            async with asyncio.timeout(max(0, min(_SILENCE_S, left_s))):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            yield chunk
    except TimeoutError as error:
        raise ProblemError(
            408,
            "too-slow",
            "the body arrived too slowly; send it again",
            headers={"Connection": "close"},
        ) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "incomplete", "the body ended early; send it again") from error


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        413,
        "too-large",
        f"the body has more than {most} bytes; send less, or in several requests",
        headers={"Connection": "close"},
    )
