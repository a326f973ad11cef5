"""Slow, large and malformed requests are refused, and the desk answers the next client."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from starlette.responses import PlainTextResponse

from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http import bodies, server
from services.desk.pages.routes import page_routes
from services.runtime.process.lifecycle import Stop
from tests.integration.desk.conftest import KnownPeople

PATIENCE_S = 20.0
PEOPLE = "x-test-user: anna\r\nsec-fetch-site: same-origin\r\n"


@pytest.fixture
async def port(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a desk that waits only a second for a request's head; at the end it must still
    answer.
    """
    monkeypatch.setattr(server, "HEAD_WITHIN_S", 1.0)
    monkeypatch.setattr(server, "UNREAD_FOR_S", 1.0)
    people, stop = KnownPeople(), Stop()
    app = build_app(desk, people, page_routes(desk, people))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(server.serve(app, listener, stop))
        try:
            yield port
            answer = await ask(port, f"GET /api/v1/me HTTP/1.1\r\nHost: d\r\n{PEOPLE}\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        finally:
            stop.request()
            await serving


async def ask(port: int, sent: bytes) -> bytes:
    """The response, until its head is complete or the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            answer = b""
            while b"\r\n\r\n" not in answer and (chunk := await reader.read(65_536)):
                answer += chunk
            return answer
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_heads_that_never_end_are_given_up(port: int) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
    for _, writer in slow:
        writer.write(b"GET / HTTP/1.1\r\nHost: d\r\n")
    for reader, writer in slow:
        async with asyncio.timeout(PATIENCE_S):
            assert b"HTTP/1.1 2" not in await reader.read()  # returns when the desk hangs up
        writer.close()


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: d\r\n"])
async def test_later_heads_on_a_connection_that_never_end_are_given_up(
    port: int, begun: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/v1/me HTTP/1.1\r\nHost: d\r\n{PEOPLE}\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.write(begun)
        await reader.read()  # returns when the desk hangs up
    writer.close()


async def test_a_body_that_trickles_after_its_response_is_given_up(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /api/v1/me HTTP/1.1\r\nHost: d\r\n{PEOPLE}content-length: 1000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        with suppress(ConnectionError):
            await reader.read()
    writer.close()


async def test_a_client_that_reads_no_response_is_cut_off(port: int) -> None:
    request = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: d\r\n{PEOPLE}\r\n".encode()
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, request * 100)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(ConnectionError):
                await send_until_cut_off(client)


async def send_until_cut_off(client: socket.socket) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(client, b"x")
        await asyncio.sleep(0.05)


async def test_a_slow_client_gets_the_whole_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if what the kernel could hold for it takes longer to read than the limit."""
    monkeypatch.setattr(server, "UNREAD_FOR_S", 2.0)
    app, stop, loop = PlainTextResponse(b"x" * 16_000_000), Stop(), asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        serving = asyncio.ensure_future(server.serve(app, listener, stop))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        client.setblocking(False)
        received = 0
        try:
            await loop.sock_connect(client, listener.getsockname())
            await loop.sock_sendall(
                client, b"GET / HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n"
            )
            async with asyncio.timeout(PATIENCE_S):
                while chunk := await loop.sock_recv(client, 20_000):
                    received += len(chunk)
                    if received < 800_000:
                        await asyncio.sleep(0.1)
        finally:
            stop.request()
            await serving
    assert received > 16_000_000


async def test_thousands_of_header_fields_are_refused(port: int) -> None:
    fields = "".join(f"x-{number}: 1\r\n" for number in range(10_000))
    answer = await ask(port, f"GET /api/v1/cases HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode())
    assert answer[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 431"}


async def test_some_hundred_header_fields_are_refused(port: int) -> None:
    fields = "".join(f"x-{number}: 1\r\n" for number in range(200))
    answer = await ask(port, f"GET /api/v1/cases HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "path", ["/api/v1/cases/1/moves", "/api/v1/cases/1/uploads?name=a", "/cases/1/notes"]
)
async def test_a_body_of_100_mb_is_not_read(port: int, path: str) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: d\r\n{PEOPLE}content-type: application/json\r\n"
        'if-match: "r1"\r\ncontent-length: 100000000\r\n\r\n'
    )
    answer = await ask(port, head.encode())
    # A case that is not there is said first; the body is read by neither.
    assert answer[:12] in {b"HTTP/1.1 413", b"HTTP/1.1 404", b"HTTP/1.1 400"}, answer[:300]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/api/v1/cases/1/attachments/..%2f..%2fetc%2fpasswd",
    ],
)
async def test_no_path_leads_to_a_file_of_the_machine(port: int, path: str) -> None:
    answer = await ask(port, f"GET {path} HTTP/1.1\r\nHost: d\r\n{PEOPLE}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost d\r\n\r\n"]
)
async def test_a_request_that_is_not_http_gets_400_or_is_closed(port: int, sent: bytes) -> None:
    assert (await ask(port, sent))[:12] in {b"", b"HTTP/1.1 400"}


FORM_TYPES = ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("media", FORM_TYPES)
@pytest.mark.parametrize(
    ("who", "path"), [("", "/preferences"), ("anna", "/views"), ("anna", "/cases/1/notes")]
)
async def test_a_large_form_is_not_read(port: int, who: str, path: str, media: str) -> None:
    """Nor is one that a visitor without an account sends in pieces, without its length."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: d\r\nsec-fetch-site: same-origin\r\n"
        f"x-test-user: {who}\r\ncontent-type: {media}\r\n"
    ).encode()
    answer = await ask(port, head + b"content-length: 200000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413"), answer[:300]
    assert b"connection: close" in answer.lower()
    if not who:
        piece = b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000)
        answer = await ask(port, head + b"transfer-encoding: chunked\r\n\r\n" + piece)
        assert answer.startswith(b"HTTP/1.1 413"), answer[:300]


@pytest.mark.parametrize("media", FORM_TYPES)
async def test_a_form_that_trickles_is_given_up(
    port: int, media: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_SILENCE_S", 0.2)
    head = (
        "POST /preferences HTTP/1.1\r\nHost: d\r\nsec-fetch-site: same-origin\r\n"
        f"content-type: {media}\r\ncontent-length: 1000\r\n\r\n"
    )
    answer = await ask(port, f"{head}--x".encode())
    assert answer.startswith(b"HTTP/1.1 408"), answer[:300]


async def test_of_one_user_one_large_form_is_received_at_a_time(
    port: int, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_SILENCE_S", 0.5)
    head = (
        f"POST /cases/1/notes HTTP/1.1\r\nHost: d\r\n{PEOPLE}content-length: 40000000\r\n"
        f"content-type: {FORM_TYPES[0]}\r\n\r\n--x"
    ).encode()
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(ask(port, head) for _ in range(3)))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 408"] * 3
    assert asyncio.get_running_loop().time() - started > 1.4  # the others waited for their turn


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", '"UTF-7"', " unicode_escape", "x; charset=x"]
)
async def test_a_form_in_another_encoding_is_not_decoded(port: int, charset: str) -> None:
    """Python takes five seconds for 120 kB of Punycode, and the desk answers nobody meanwhile."""
    body = b'--x\r\nContent-Disposition: form-data; name="theme"\r\n\r\n' + b"-" + b"b" * 60_000
    body += b"\r\n--x--\r\n"
    head = (
        "POST /preferences HTTP/1.1\r\nHost: d\r\nsec-fetch-site: same-origin\r\n"
        f"content-type: {FORM_TYPES[0]}; CharSet={charset}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    answer = await ask(port, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 400"), answer[:300]
