"""Fetchers without the services behind them: the test consumes the mails and sends the receipts."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local import PrivateServers
from schemas.codec import decode_raw_mail, encode_json, tag_of
from schemas.events import MailsRecorded
from schemas.mails import mail_key
from services.fetcher.main import run
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT, ROUTER_MAIL, mailcase_topology, receipt_key
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Archive, Settings, load_settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.integration.mailboxes import PASSWORD, Account
from tests.vhosts import add_virtual_host

_numbers = itertools.count(1)


class Recorder:
    """Consumes `router.mail`: counts how often each mail key arrived, and keeps the bytes.
    `receipts` can be turned off.
    """

    def __init__(self, broker: Broker, store: Store) -> None:
        self.broker = broker
        self.counts: Counter[str] = Counter()
        self.mails: dict[str, bytes] = {}
        self.keys_of: dict[str, list[str]] = {}
        self.heads_of: dict[
            int, bytes
        ] = {}  # by the size of the whole mail, where only a beginning came
        self.receipts = True
        self._blobs = Blobs(store)

    async def take(self) -> None:
        deliveries = await self.broker.consume(ROUTER_MAIL, 500)
        while batch := await deliveries.next_batch(100):
            for delivery in batch:
                mail = decode_raw_mail(delivery.body)
                raw = (
                    mail.raw
                    if mail.raw is not None
                    else await self._blobs.get(mail.blob.sha256 if mail.blob else "")
                )
                assert mail.key == mail_key(mail.mailbox, raw)
                self.counts[mail.key] += 1
                if mail.whole_size is not None:
                    self.heads_of[mail.whole_size] = raw
                self.mails[mail.key] = raw
                self.keys_of.setdefault(mail.mailbox, []).append(mail.key)
                if self.receipts:
                    await self.send_receipts(mail.mailbox, [mail.key])
            await deliveries.acknowledge()

    async def send_receipts(self, mailbox: str, keys: list[str]) -> None:
        receipt = MailsRecorded(mailbox=mailbox, keys=keys)
        message = Outgoing(
            EVENT, receipt_key(mailbox), encode_json(receipt), tag_of(receipt), "", mandatory=False
        )
        await self.broker.publish(message)

    @property
    def duplicates(self) -> int:
        return sum(self.counts.values()) - len(self.counts)


class Bench:
    """Settings, a virtual host and a database for one test."""

    def __init__(self, servers: PrivateServers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.name = f"fetch{next(_numbers)}-{folder.name}"[:60]
        add_virtual_host(servers, self.name)
        (folder / "password").touch(mode=0o600)
        (folder / "password").write_text(PASSWORD)

    @property
    def environ(self) -> dict[str, str]:
        url = f"{self.servers.broker.url.rstrip('/')}/{self.name}"
        return {"MAILCASE_BROKER_URL": url, "MAILCASE_STORE_URL": self.servers.store.url}

    def config(self, accounts: Mapping[str, Account], server: str, more: str = "") -> Path:
        """Write settings. `accounts` maps mailbox names to accounts on `[server.s]`; `server`
        describes that server.
        """
        management = f"http://127.0.0.1:{self.servers.broker.plugin_port('rabbitmq_management')}"
        lines = [
            "[broker]",
            f'management_url = "{management}"',
            "[store]",
            f'database = "{self.name}"',
        ]
        lines += ["[server.s]", server]
        lines += [
            "[process.invoices]",
            "[[process.invoices.stage]]",
            'name = "registration"',
            "initial = true",
        ]
        for name, account in accounts.items():
            lines += ["[[process.invoices.mailbox]]", f'name = "{name}"', 'server = "s"']
            lines += [f'address = "{account.address}"', 'password_file = "password"']
        config = self.folder / "mailcase.toml"
        config.write_text("\n".join([*lines, more]) + "\n")
        return config

    def settings(self, accounts: Mapping[str, Account], server: str, more: str = "") -> Settings:
        return load_settings(self.config(accounts, server, more), self.environ)

    @asynccontextmanager
    async def recorder(self) -> AsyncIterator[Recorder]:
        topology = mailcase_topology(
            archive_max_age_days=Archive().max_age_days, archive_max_bytes=Archive().max_bytes
        )
        url = self.environ["MAILCASE_BROKER_URL"]
        async with (
            Broker.connected(url, "test") as broker,
            Store.opened(self.servers.store.url, self.name) as store,
        ):
            await broker.declare(topology)
            recorder = Recorder(broker, store)
            taking = asyncio.ensure_future(recorder.take())
            try:
                yield recorder
            finally:
                failed = taking.done()
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=not failed)

    def close(self) -> None:
        self.servers.broker.delete_virtual_host(self.name)


@asynccontextmanager
async def fetching(settings: Settings) -> AsyncIterator[None]:
    """Run a fetcher in this process during the block."""
    stop = Stop()
    running = asyncio.ensure_future(run(settings, 0, stop))
    try:
        yield
        assert not running.done(), running
    finally:
        stop.request()
        await asyncio.wait_for(running, 30)


async def until(
    condition: Callable[[], bool], what: Callable[[], str], patience_s: float = 60.0
) -> None:
    """Wait until `condition` holds. AssertionError after the timeout."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, (
            f"not within {patience_s:.0f} s: {what()}"
        )
        await asyncio.sleep(0.02)  # it does not announce changes
