"""`mailcase ingest`: publishes mails from files as if they had been fetched."""

import asyncio
import mailbox as mailbox_files
import sys
import uuid
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.codec import decode_receipt
from services.cli.mail.files import NoMailError, expanded, mails_of
from services.cli.terminal.output import (
    DEFAULT_CONFIG,
    Config,
    counted,
    loaded,
    printable,
    size_text,
)
from services.cli.terminal.progress import Count
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker, PrivateQueue
from services.runtime.broker.topology import EVENT, private_queue_name, receipt_key
from services.runtime.errors import Mistake, SettingsError, TransientError
from services.runtime.mail.raw_mail_builder import RawMailBuilder
from services.runtime.process.lifecycle import first_of
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.collection import Document
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

IN_FLIGHT = 200
RECEIPT_TIMEOUT_S = 15.0  # without a receipt, before a warning is printed

ProcessName = Annotated[
    str, Parameter(name="--process", help="The process that the mails belong to.")
]
MailboxName = Annotated[
    str | None,
    Parameter(
        name="--mailbox",
        help="The mailbox to record them for; default: the process's only mailbox.",
    ),
]
Wait = Annotated[
    bool, Parameter(name="--wait", help="Wait until every mail's outcome is recorded.")
]
Files = Annotated[
    list[str],
    Parameter(
        help="Mails: .eml files, one mail each; mbox files; folders of *.eml and *.mbox files."
    ),
]


def ingest(
    files: Files,
    /,
    *,
    process: ProcessName,
    mailbox: MailboxName = None,
    config: Config = DEFAULT_CONFIG,
    wait: Wait = True,
) -> int:
    """Import mails from files, byte for byte.

    A mail that was recorded before, from a mailbox or a file, counts as a duplicate and has no
    other effect.
    """
    if not all(files):  # Path("") is the current folder; a script's variable may be unset
        raise SettingsError(
            [Mistake("FILES", "a name is empty", "leave it out, or use . for the current folder")]
        )
    settings = loaded(config)
    return asyncio.run(
        _ingest(settings, [Path(file) for file in files], process, mailbox, wait=wait)
    )


async def _ingest(
    settings: Settings, files: Sequence[Path], process: str, name: str | None, *, wait: bool
) -> int:
    mailbox_name = _mailbox_name(settings, process, name)
    run = _Ingestion(mailbox_name)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("ingest")) as broker,
    ):
        await broker.declare(topology_of(settings))
        lease = await broker.private_queue(
            private_queue_name(f"ingest.{uuid.uuid4().hex}"), EVENT, receipt_key(mailbox_name)
        )
        if lease is None:
            raise TransientError("the broker did not create a queue for receipts; try again")
        inline_bytes = settings.limits.inline_mail_bytes
        builder = RawMailBuilder(
            process,
            mailbox_name,
            inline_bytes=inline_bytes,
            put_blob=kept_blobs(store, settings).put,
        )
        publishing = run.publish_all(
            files, builder, broker, lease, settings.limits.max_mail_bytes, wait=wait
        )
        await run.report_if_stopped(first_of(publishing, broker.broken()))
        if wait:
            await run.report(store)
        else:
            run.count_published()
    return 1 if run.failed else 0


class _Ingestion:
    """One run of the command: what was published, what is recorded, what failed."""

    def __init__(self, mailbox_name: str) -> None:
        self._mailbox = mailbox_name
        self._published: list[tuple[str, str]] = []  # source file, mail key
        self._waiting: set[str] = set()
        self.failed = 0

    async def publish_all(
        self,
        files: Sequence[Path],
        builder: RawMailBuilder,
        broker: Broker,
        lease: PrivateQueue,
        max_bytes: int,
        *,
        wait: bool,
    ) -> None:
        """Publish the mails with a bounded number in flight, so that a large mbox file does not
        fill the memory.
        """
        with Count("mails recorded" if wait else "mails published") as count:
            for source, raw in self._mails(files, max_bytes):
                message = await builder.message(raw, None, origin="ingest")
                await broker.publish(message)
                self._published.append((source, message.message_id))
                self._waiting.add(message.message_id)
                while wait and len(self._waiting) >= IN_FLIGHT:
                    await self._receive(lease)
                count.show(
                    len(self._published) - (len(self._waiting) if wait else 0), len(self._published)
                )
            while wait and self._waiting:
                await self._receive(lease)
                count.show(len(self._published) - len(self._waiting), len(self._published))

    async def report_if_stopped(self, work: Awaitable[None]) -> None:
        """Await `work`. If Ctrl-C cancels it, print the outcomes of the mails so far."""
        try:
            await work
        except asyncio.CancelledError:
            count = counted(len(self._published), "mail is", "mails are")
            print(
                f"mailcase: stopped; {count} published and will be recorded. Run the same command again for the rest",
                file=sys.stderr,
            )
            raise

    async def _receive(self, lease: PrivateQueue) -> None:
        try:
            async with asyncio.timeout(RECEIPT_TIMEOUT_S):
                deliveries = await lease.deliveries.next_batch(1000)
        except TimeoutError:
            print(
                f"mailcase: {len(self._waiting)} mails are in the queues, not recorded yet; check that a router and a "
                "case writer run. Ctrl-C stops waiting",
                file=sys.stderr,
            )
            return
        for delivery in deliveries:
            self._waiting.difference_update(decode_receipt(delivery.body).keys)

    async def report(self, store: Store) -> None:
        """Print the recorded outcome of each mail."""
        for start in range(0, len(self._published), 500):
            chunk = self._published[start : start + 500]
            documents = await store.collection("mails").find(
                {"_id": {"$in": sorted({key for _, key in chunk})}}
            )
            outcomes = {document["_id"]: document for document in documents}
            for source, key in chunk:
                if key not in outcomes:
                    self._fail(f"{source}: recorded, but missing now; was the database restored?")
                    continue
                print(f"{source}: {_describe_outcome(outcomes[key])}")

    def count_published(self) -> None:
        """Print how many mails were published, if the command does not wait for their outcomes."""
        print(f"{counted(len(self._published), 'mail', 'mails')} published")

    def _mails(self, files: Iterable[Path], max_bytes: int) -> Iterator[tuple[str, bytes]]:
        for given in files:
            try:
                for file in expanded(given):
                    yield from self._acceptable(mails_of(file, max_bytes), max_bytes)
            except (OSError, mailbox_files.Error) as error:
                where = getattr(error, "filename", None) or given
                self._fail(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}")
            except NoMailError as error:
                self._fail(f"{given}: {error}")

    def _acceptable(
        self, mails: Iterable[tuple[str, bytes]], max_bytes: int
    ) -> Iterator[tuple[str, bytes]]:
        for source, raw in mails:
            if not raw.strip():
                self._fail(f"{source}: is empty")
            elif len(raw) > max_bytes:
                self._fail(
                    f"{source}: is larger than limits.max_mail_bytes allows, {size_text(max_bytes)}"
                )
            else:
                yield source, raw

    def _fail(self, text: str) -> None:
        self.failed += 1
        print(f"mailcase: {printable(text)}", file=sys.stderr)


def _describe_outcome(recorded: Document) -> str:
    again = f" (delivery {recorded['deliveries']})" if recorded["deliveries"] > 1 else ""
    where = f" case {recorded['case']}" if recorded["case"] else f" ({recorded['reason']})"
    return f"{recorded['outcome']}{where}{again}"


def _mailbox_name(settings: Settings, process: str, name: str | None) -> str:
    if process not in settings.processes:
        known = ", ".join(settings.processes) or "none"
        raise SettingsError(
            [
                Mistake(
                    "--process", f"there is no process {process!r}", f"the settings have: {known}"
                )
            ]
        )
    own = [mailbox.name for mailbox in settings.processes[process].mailboxes]
    if name is None:
        if len(own) > 1:
            raise SettingsError(
                [Mistake("--mailbox", f"{process} has several", f"choose one of {', '.join(own)}")]
            )
        return own[0] if own else process
    if name not in own:
        hint = (
            f"choose one of {', '.join(own)}" if own else "leave it out: the process has no mailbox"
        )
        raise SettingsError([Mistake("--mailbox", f"{process} has no mailbox {name!r}", hint)])
    return name
