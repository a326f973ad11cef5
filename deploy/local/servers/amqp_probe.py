"""A minimal AMQP 0-9-1 client: opens a virtual host and disconnects. Proves that the broker serves.

Frames and methods: AMQP 0-9-1 specification, sections 2.3.5 (frames), 1.1 and 1.4 of the reference
(connection class).
"""

import socket
import struct

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_END = b"\xce"
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE, CLOSE_OK = 10, 11, 30, 31, 40, 41, 50, 51


def probe(port: int, user: str, password: str, timeout_s: float = 5.0) -> None:
    """Log in to `/` on 127.0.0.1.

    Raises OSError; a ConnectionError means that the broker refused.
    """
    plain = f"\0{user}\0{password}".encode()  # SASL PLAIN, RFC 4616
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as link:
        link.sendall(PROTOCOL_HEADER)
        _expect(link, START)
        _send(
            link,
            START_OK,
            _table() + _short("PLAIN") + struct.pack(">I", len(plain)) + plain + _short("en_US"),
        )
        limits = _expect(link, TUNE)
        _send(link, TUNE_OK, limits[:8])  # channel-max, frame-max and heartbeat as offered
        _send(link, OPEN, _short("/") + _short("") + b"\0")
        _expect(link, OPEN_OK)
        _send(link, CLOSE, struct.pack(">H", 200) + _short("probe done") + struct.pack(">HH", 0, 0))
        _expect(link, CLOSE_OK)


def _send(link: socket.socket, method: int, arguments: bytes) -> None:
    payload = struct.pack(">HH", 10, method) + arguments
    link.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + FRAME_END)


def _expect(link: socket.socket, method: int) -> bytes:
    """The arguments of the next frame.

    Raises ConnectionError unless it is this method of the connection class.
    """
    _, _, size = struct.unpack(">BHI", _read(link, 7))
    payload = _read(link, size + 1)[:-1]
    if payload[:4] != struct.pack(">HH", 10, method):
        raise ConnectionError(
            f"the broker answered {payload[:80]!r}, not connection method {method}"
        )
    return payload[4:]


def _read(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := link.recv(size - len(data))):
            raise ConnectionError("the broker closed the connection")
        data += part
    return data


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _table() -> bytes:
    return struct.pack(">I", 0)
