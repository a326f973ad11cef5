"""Trials of a service alone, or of the whole path. Each trial fills its source, starts the clock,
and waits for the end.

While the source is filled, the side's processes are stopped (SIGSTOP), so that the clock starts
when all mails are waiting.
"""

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from benchmarks.baseline.broker import Inbox, Link
from benchmarks.baseline.mails import (
    BENCH,
    ENVELOPE,
    HEAD_BYTES,
    INLINE_BYTES,
    blob_documents,
    mark_of,
)
from benchmarks.contenders import Side
from benchmarks.meter import cpu_s, forget_peak, peak_rss_mb
from schemas.cases import AppendToCase, Command, Decision, OpenCase
from schemas.codec import decode_receipt, encode, encode_json
from schemas.events import MailsRecorded
from schemas.mails import BlobRef, RawMail, mail_key
from services.runtime.broker.topology import CASE_WRITER_COMMANDS, EVENT, ROUTER_MAIL, receipt_key
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

PATIENCE_S = 120.0
_LOOK_S = 0.005


@dataclass(frozen=True)
class Round:
    """One measurement: `cpu_ms` per mail and `peak_mb` by process."""

    mails: int
    seconds: float
    cpu_ms: dict[str, float]
    peak_mb: dict[str, float]

    @property
    def rate(self) -> float:
        return self.mails / self.seconds

    @property
    def busy_cores(self) -> float:
        """The processor time of all services and servers, divided by the time."""
        return sum(self.cpu_ms.values()) / 1000 * self.rate


class Trial(ABC):
    """One side with its processes running. `run` may be called repeatedly."""

    services: Sequence[str]

    def __init__(self, side: Side, link: Link) -> None:
        self.side = side
        self.link = link

    @classmethod
    @asynccontextmanager
    async def on(cls, side: Side) -> AsyncIterator[Self]:
        """The trial with its processes. The side is removed after the block."""
        try:
            await side.declare()
            async with side.link() as link, side.running(cls.services):
                trial = cls(side, link)
                background = await trial.prepare()
                yield trial
                if background is not None:
                    background.cancel()
        finally:
            side.pipeline.close()

    async def prepare(self) -> "asyncio.Task[None] | None":
        """Prepare once, before the first round; returns tasks that run during the rounds."""
        return None

    @abstractmethod
    async def fill(self, mails: Sequence[bytes]) -> None:
        """Put the mails into the service's source."""

    @abstractmethod
    async def ended(self, count: int) -> bool:
        """Whether all mails have come out."""

    async def clear(self) -> None:
        """Remove everything that a round left."""
        return

    async def run(self, mails: Sequence[bytes]) -> Round:
        groups = self.side.groups()
        self.side.freeze()
        try:
            await self.fill(mails)
            for pids in groups.values():
                forget_peak(pids())
            before = {name: cpu_s(pids()) for name, pids in groups.items()}
            started = time.monotonic()
        finally:
            self.side.thaw()
        while not await self.ended(len(mails)):
            if time.monotonic() > started + PATIENCE_S:
                raise TimeoutError(
                    f"{type(self).__name__} of {self.side.name} with {len(mails)} mails does not end"
                )
            await asyncio.sleep(_LOOK_S)
        seconds = time.monotonic() - started
        cpu = {
            name: (cpu_s(pids()) - before[name]) * 1000 / len(mails)
            for name, pids in groups.items()
        }
        peak = {name: peak_rss_mb(pids()) for name, pids in groups.items()}
        await self.clear()
        return Round(len(mails), seconds, cpu, peak)


class Fetching(Trial):
    """Mailbox to `router.mail` and the archive, until the mailbox is empty; what comes is receipted
    here.
    """

    services: Sequence[str] = ("fetcher",)

    def __init__(self, side: Side, link: Link) -> None:
        super().__init__(side, link)
        self.seen: list[float] = []  # when each mail came, in seconds

    async def prepare(self) -> "asyncio.Task[None]":
        return asyncio.create_task(
            self._receipt(await self.link.consume(ROUTER_MAIL, prefetch=0, no_ack=True))
        )

    async def _receipt(self, arrived: Inbox) -> None:
        async for messages in arrived.messages(50):
            self.seen += [time.monotonic()] * len(messages)
            keys = [message.header.properties.message_id or "" for message in messages]
            receipt = encode_json(MailsRecorded(mailbox=BENCH, keys=keys))
            await self.link.publish(EVENT, receipt_key(BENCH), [receipt], mandatory=False)

    async def fill(self, mails: Sequence[bytes]) -> None:
        for mail in mails:
            self.side.deliver(mail)

    async def ended(self, count: int) -> bool:  # noqa: ARG002 - the port's signature
        return self.side.left() == 0


class Emptying(Fetching):
    """The same for a fetcher that starts when the mailbox is full; `rate` may be called once."""

    services = ()

    async def rate(self, mails: Sequence[bytes], *, measured: int) -> float:
        """As `_rate_from_full`."""
        await self.fill(mails)
        return await _rate_from_full(self.side, Fetching.services, lambda: self.seen, measured)


class Routing(Trial):
    """`router.mail` to `case_writer.commands`."""

    services = ("router",)

    async def fill(self, mails: Sequence[bytes]) -> None:
        await self.link.publish("", ROUTER_MAIL, [self._body(raw) for raw in mails])

    async def ended(self, count: int) -> bool:
        return await self.link.depth(CASE_WRITER_COMMANDS) >= count

    async def clear(self) -> None:
        await self.link.purge(CASE_WRITER_COMMANDS)

    def _body(self, raw: bytes) -> bytes:
        large = len(raw) > INLINE_BYTES
        if self.side.name != "mailcase":
            return ENVELOPE + (raw[:HEAD_BYTES] if large else raw)
        return encode(raw_mail(raw))


class _Receipted(Trial):
    """A trial that ends with the receipts."""

    def __init__(self, side: Side, link: Link) -> None:
        super().__init__(side, link)
        self._receipts = 0
        self._at_start = 0
        self.seen: dict[
            str, float
        ] = {}  # when the receipt of each mail key came, in seconds since 1970

    async def prepare(self) -> "asyncio.Task[None]":
        return asyncio.create_task(
            self._count(await self.link.consume_own("bench.receipts", EVENT, receipt_key(BENCH)))
        )

    async def _count(self, inbox: Inbox) -> None:
        async for bodies in inbox.batches(1000):
            now = time.time()
            for body in bodies:
                keys = decode_receipt(body).keys
                self._receipts += len(keys)
                self.seen.update((key, now) for key in keys)

    async def ended(self, count: int) -> bool:
        return self._receipts - self._at_start >= count

    async def clear(self) -> None:
        self._at_start = self._receipts
        self.seen.clear()


class Writing(_Receipted):
    """`case_writer.commands` to the database, until the receipts are out."""

    services: Sequence[str] = ("case-writer",)

    async def fill(self, mails: Sequence[bytes]) -> None:
        async with Store.opened(
            self.side.servers.store.url, self.side.pipeline.database_name
        ) as store:
            bodies = [await self._body(raw, store) for raw in mails]
        await self.link.publish("", CASE_WRITER_COMMANDS, bodies)

    async def _body(self, raw: bytes, store: Store) -> bytes:
        if self.side.name != "mailcase":
            return self._bare_body(raw)
        if len(raw) > INLINE_BYTES:
            await Blobs(store).put(raw)
        return encode(self._command(raw))

    def _command(self, raw: bytes) -> Command:
        return OpenCase(mail=raw_mail(raw), decision=Decision(rule="new-case"))

    def _bare_body(self, raw: bytes) -> bytes:
        if len(raw) <= INLINE_BYTES:
            return ENVELOPE + raw
        files, chunks = blob_documents([(mark_of(raw)[1].decode(), raw)])
        self.side.pipeline.database["blobs.chunks"].insert_many(chunks)
        self.side.pipeline.database["blobs.files"].insert_many(files)
        return ENVELOPE + raw[:HEAD_BYTES]


class Appending(Writing):
    """The same, every mail an answer to case 1."""

    def _command(self, raw: bytes) -> Command:
        return AppendToCase(mail=raw_mail(raw), decision=Decision(rule="case-reference", cases=[1]))


class Waiting(Writing):
    """The same for a case writer that starts when the queue is full; `rate` may be called once."""

    services = ()

    async def rate(self, mails: Sequence[bytes], *, measured: int) -> float:
        """As `_rate_from_full`."""
        await self.fill(mails)
        return await _rate_from_full(self.side, Writing.services, self.seen.values, measured)


async def _rate_from_full(
    side: Side, services: Sequence[str], seen: Callable[[], Collection[float]], measured: int
) -> float:
    """Start services whose source is full: mails a second between the first batches and mail number
    `measured`, by the times at which mails were `seen`.
    """
    async with side.running(services):
        deadline = time.monotonic() + PATIENCE_S
        while len(seen()) < measured:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{measured} mails have not passed {', '.join(services)}")
            await asyncio.sleep(_LOOK_S)
    moments = sorted(seen())[:measured]
    skipped = measured // 5  # while the service warms up
    return (measured - skipped) / (moments[-1] - moments[skipped - 1])


class Everything(_Receipted):
    """Mailbox to the database, until the receipts are out; the round is cleared when the mailbox is
    empty.
    """

    services = ("fetcher", "router", "case-writer")

    async def fill(self, mails: Sequence[bytes]) -> None:
        for mail in mails:
            self.side.deliver(mail)

    async def clear(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.side.left():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{self.side.left()} mails stay in the mailbox of {self.side.name}"
                )
            await asyncio.sleep(0.02)
        await super().clear()


def raw_mail(raw: bytes) -> RawMail:
    """What the fetcher makes of a mail; a large one's blob is up to the caller."""
    now = datetime.now(UTC)
    large = len(raw) > INLINE_BYTES
    return RawMail(
        key=mail_key(BENCH, raw),
        process=BENCH,
        mailbox=BENCH,
        size=len(raw),
        fetched_at=now,
        received_at=now,
        raw=None if large else raw,
        blob=BlobRef(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw)) if large else None,
        head=raw[:HEAD_BYTES] if large else None,
    )
