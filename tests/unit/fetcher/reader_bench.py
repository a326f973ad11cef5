"""A mailbox reader with a mailbox in memory and a scripted server, broker and receipts."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from prometheus_client import REGISTRY

from schemas.codec import decode_raw_mail, encode_json
from schemas.events import MailsRecorded
from schemas.mails import BlobRef
from services.fetcher.in_flight import InFlight
from services.fetcher.leases.lease import Lease
from services.fetcher.ports import FailureKind, FetchedMail, MailboxError
from services.fetcher.service import MailboxReader
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.mail.raw_mail_builder import RawMailBuilder
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from tests.fake_mailbox import FakeMailbox, FakeMailSource

PATIENCE_S = 30.0


class StuckSource(FakeMailSource):
    """Blocks in the method `stuck_in` until `go` is set or the connection is aborted."""

    def __init__(self, mailbox: FakeMailbox, stuck_in: str = "", *, can_flag: bool = True) -> None:
        super().__init__(mailbox, can_flag=can_flag)
        self.stuck = asyncio.Event()
        self.go = threading.Event()
        self._stuck_in = stuck_in
        self._aborted = False
        self._loop = asyncio.get_running_loop()

    def connect(self) -> None:
        self._hang("connect")
        super().connect()

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        fetched = super().fetch(ids)
        self._hang("fetch")
        return fetched

    def abort(self) -> None:
        super().abort()
        if self._stuck_in == "fetch":  # there is no connection to abort yet
            self._aborted = True
            self.go.set()

    def _hang(self, method: str) -> None:
        if self._stuck_in == method:
            self._loop.call_soon_threadsafe(self.stuck.set)
            self.go.wait(30)
            if self._aborted:
                raise MailboxError(
                    "aborted", mailbox="a", failure_kind=FailureKind.CONNECTION, hint="none"
                )


class FakePublisher:
    """Confirms every message, except that each batch raises the next of `failures` while any are
    left.
    """

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.some = asyncio.Event()
        self.failures: list[Exception] = []

    async def publish_all(self, messages: list[Outgoing]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.published += messages
        self.some.set()

    @property
    def keys(self) -> list[str]:
        return [message.message_id for message in self.published]

    @property
    def raws(self) -> list[bytes | None]:
        return [decode_raw_mail(message.body).raw for message in self.published]


class FakeReceipts(Deliveries):
    """Receipts that a test sends."""

    def __init__(self) -> None:
        super().__init__("receipts")
        self._bodies: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, *keys: str) -> None:
        self.send_bytes(encode_json(MailsRecorded(mailbox="a", keys=list(keys))))

    def send_bytes(self, body: bytes) -> None:
        self._bodies.put_nowait(body)

    async def next_batch(self, most: int) -> list[Delivery]:
        body = await self._bodies.get()
        return [
            Delivery(
                body=body,
                message_id="",
                tag="",
                redelivered=False,
                routing_key="",
                exchange="",
                headers={},
            )
        ]


class RecordingHealth(Health):
    """Records why members were down: a reader that recovers overwrites the reason within
    milliseconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def member_down(self, member: str, reason: str) -> None:
        super().member_down(member, reason)
        self.reasons.append(reason)


class ReaderBench:
    """A reader of the mailbox `a`, with everything that it needs. Mails over 100 bytes go to the
    blob store.
    """

    def __init__(
        self,
        source: StuckSource,
        lease: Lease | None = None,
        *,
        window: InFlight | None = None,
        poll_interval_s: float = 60.0,
    ) -> None:
        self.source, self.lease = source, lease
        self.publisher, self.receipts, self.stop = FakePublisher(), FakeReceipts(), Stop()
        self.window = InFlight(10, 10_000) if window is None else window  # an empty one is falsy
        self.health = RecordingHealth()
        self.ping: Callable[[], Awaitable[None]] | None = None
        self.put_failures: list[Exception] = []
        self._poll_interval_s = poll_interval_s

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run the reader during the block; it must stop within PATIENCE_S."""
        reader = MailboxReader(
            "a",
            self.source,
            RawMailBuilder("p", "a", inline_bytes=100, put_blob=self._put, ping_store=self.ping),
            self.publisher,
            self.window,
            max_mail_bytes=10_000,
            poll_interval_s=self._poll_interval_s,
            health=self.health,
            stop=self.stop,
            lease=self.lease,
            backoff=Backoff(0.001, 0.001),
        )
        running = asyncio.create_task(reader.run(self.receipts))
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield running
        finally:
            self.source.go.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _put(self, raw: bytes) -> BlobRef:
        if self.put_failures:
            raise self.put_failures.pop(0)
        return BlobRef(sha256="0" * 64, size=len(raw))


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does. The bench ends a wait that takes too long."""
    while not condition():
        with suppress(TimeoutError):
            await asyncio.sleep(0.002)


def metric(name: str, **labels: str) -> float:
    """A metric of the mailbox `a`, named without its prefix; 0.0 if it has no value yet."""
    return REGISTRY.get_sample_value(f"mailcase_mailbox_{name}", {"mailbox": "a", **labels}) or 0.0
