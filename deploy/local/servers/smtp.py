"""An SMTP server on loopback that keeps every mail, for the demo and the tests: aiosmtpd in a
thread.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class TakenMail:
    """A mail with its envelope, as received."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class SmtpSink:
    """Accepts every mail, keeps it in `mails`, and calls `deliver` for each recipient.

        with SmtpSink(deliver=servers.mail.deliver) as sink:
            print(sink.port)

    Subclasses may override `take` to answer differently.
    """

    def __init__(
        self,
        deliver: Callable[[str, bytes], None] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        """`tls` enables implicit TLS; `options` are passed to aiosmtpd's SMTP."""
        self.mails: list[TakenMail] = []
        self.port = 0
        self._deliver = deliver
        self._tls = tls
        self._options: dict[str, Any] = {
            "hostname": "localhost",
            "data_size_limit": MAX_BYTES,
            "enable_SMTPUTF8": False,
        } | options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="smtp-sink", daemon=True
        )
        self._server: asyncio.Server | None = None
        self._sessions: set[SMTP] = set()

    async def take(self, server: SMTP, mail: TakenMail) -> str:  # noqa: ARG002 - for subclasses
        """Keep a mail; returns the reply to the client. Runs in the thread of the sink."""
        self.mails.append(mail)
        if self._deliver is not None:
            for recipient in mail.recipients:
                await asyncio.to_thread(self._deliver, recipient, mail.raw)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name is aiosmtpd's
        content = envelope.original_content or b""
        return await self.take(
            server, TakenMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await self._loop.create_server(self._session, HOST, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def _session(self) -> SMTP:
        session = SMTP(self, loop=self._loop, **self._options)
        self._sessions.add(session)
        return session

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
