"""Sends one POST to a checked and pinned address, bounded in time and size, without redirects."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from schemas.reasons import DeliveryProblem
from services.desk.webhooks.targets import Address, Target

TIMEOUT_S = 15.0
MAX_READ_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_EXCERPT_BYTES = 1_000
_READ_BYTES = 8 * 1024


class DeliveryError(Exception):
    """There was no response. The message says why, in one line; `problem` is the same for pages in
    other languages, and `answer` the text of a library in it, empty without one.
    """

    def __init__(self, message: str, problem: DeliveryProblem, answer: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `excerpt` is the beginning of its body; `retry_after_s` is None unless it states
    seconds.
    """

    status: int
    excerpt: str
    retry_after_s: int | None


def tls_context() -> ssl.SSLContext:
    """Verifies certificates against the system's authorities; TLS 1.2 or later."""
    return ssl.create_default_context()


async def post(
    target: Target,
    address: Address,
    headers: Mapping[str, str],
    body: bytes,
    tls: ssl.SSLContext,
) -> Answer:
    """Send a request and read the response. Raises DeliveryError.

    The connection goes to `address`; name and certificate are checked against `target`.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _exchange(target, address, headers, body, tls)
    except TimeoutError as error:
        text = f"no complete response within {TIMEOUT_S:.0f} s"
        raise DeliveryError(text, DeliveryProblem.TIMEOUT) from error
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "the handshake failed"
        raise DeliveryError(f"TLS: {reason}", DeliveryProblem.TLS, reason) from error
    except OSError as error:
        reason = error.strerror or "closed"
        text = f"the connection failed: {reason}"
        raise DeliveryError(text, DeliveryProblem.CONNECTION, reason) from error
    except h11.RemoteProtocolError as error:
        text = f"the response is not HTTP/1.1: {error}"
        raise DeliveryError(text, DeliveryProblem.NO_HTTP, str(error)) from error


async def _exchange(
    target: Target, address: Address, headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext
) -> Answer:
    reader, writer = await asyncio.open_connection(
        str(address),
        target.port,
        ssl=tls if target.is_tls else None,
        server_hostname=target.host if target.is_tls else None,
        limit=_READ_BYTES,
    )
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        writer.write(_request(connection, target, headers, body))
        await writer.drain()
        return await _answer(connection, reader)
    finally:
        writer.transport.abort()


def _request(
    connection: h11.Connection, target: Target, headers: Mapping[str, str], body: bytes
) -> bytes:
    fields = {
        "host": target.authority,
        "user-agent": "Mailcase",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    request = h11.Request(method="POST", target=target.path, headers=list(fields.items()))
    sent = (connection.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage()))
    return b"".join(part for part in sent if part)


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    response: h11.Response | None = None
    excerpt, read = b"", 0
    while read <= MAX_READ_BYTES:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            read += len(data)
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            excerpt = (excerpt + event.data)[:MAX_EXCERPT_BYTES]
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            break
    if response is None:
        text = "the header of the response is incomplete or too large"
        raise DeliveryError(text, DeliveryProblem.NO_HTTP)
    return Answer(response.status_code, _printable(excerpt), _retry_after_s(response))


def _retry_after_s(response: h11.Response) -> int | None:
    for name, value in response.headers:
        if name == b"retry-after" and value.isdigit():
            return int(value[:9])
    return None


def _printable(excerpt: bytes) -> str:
    text = excerpt.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text).strip()
