"""Sends requests to an ASGI application in the same process."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Answer:
    """A response. Header names are in lower case; `cookies` are the values of `Set-Cookie`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Sequence[str] = ()

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests to `app`, each with the given header fields."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = dict(headers or {})

    def with_headers(self, **headers: str) -> "Client":
        """A client with more header fields; `_` in a name stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self._app, self._headers | more)

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request. `body` is sent as JSON, `content` unchanged."""
        sent = self._headers | dict(headers or {})
        if body is not None:
            media = "application/merge-patch+json" if method == "PATCH" else "application/json"
            content, sent = json.dumps(body).encode(), {"content-type": media} | sent
        if content:
            sent = {"content-length": str(len(content))} | sent
        path, _, query = target.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode("latin-1", "replace"))
                for name, value in sent.items()
            ],
            "client": ("192.0.2.7", 4711),
            "server": ("127.0.0.1", 80),
        }
        waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]
        answered: list[Message] = []
        left = asyncio.Event()

        async def receive() -> Message:
            if waiting:
                return waiting.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answered.append(message)
            if message.get("body") and _is_stream(answered[0]):
                left.set()  # the beginning of a stream is enough

        await self._app(scope, receive, send)
        head = answered[0]
        return Answer(
            head["status"],
            {name.decode().lower(): value.decode("latin-1") for name, value in head["headers"]},
            b"".join(message.get("body", b"") for message in answered[1:]),
            [value.decode() for name, value in head["headers"] if name.lower() == b"set-cookie"],
        )


def _is_stream(head: Message) -> bool:
    return any(value.startswith(b"text/event-stream") for _, value in head["headers"])
