"""Reading request bodies: bounded in size and in time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from services.desk.http.problems import ProblemError

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_UPLOAD_BYTES = 25 * 1024 * 1024
_SILENCE_S = 15.0  # how long to wait for a client that sends nothing
# Bytes per second on average; a slower request is an attack or will not succeed.
_LEAST_RATE = 16 * 1024


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, of at most `most` bytes.

    Raises ProblemError: 413 for a larger body, before it is read if the client states its length;
    408 for a body that arrives too slowly.
    """
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    chunks = aiter(request.stream())
    try:
        async with asyncio.timeout(_SILENCE_S + most / _LEAST_RATE):
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return bytes(body)
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
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
