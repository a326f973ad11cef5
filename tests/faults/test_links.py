"""A network link falls silent while mail flows. Soon after it is restored, mail flows again, and
none is lost or duplicated.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from deploy.local.services import Services
from tests.faults.support.ledger import Ledger
from tests.link import Link
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

REPLICAS = {"fetcher": 1, "router": 1, "case-writer": 2}
WORKS_AGAIN_WITHIN_S = 60.0


class Linked(Pipeline):
    """A pipeline whose services reach each server through a separate link."""

    def __init__(self, servers: PrivateServers, folder: Path, links: dict[str, Link]) -> None:
        self.links = links
        super().__init__(servers, folder, {"invoices": f"invoices.{folder.name}@example.test"})
        text = self.config.read_text()
        self.config.write_text(
            text.replace(f"port = {servers.mail.imaps_port}", f"port = {links['mail'].port}")
        )

    @property
    def env(self) -> dict[str, str]:
        own = self.servers
        broker = f"{own.broker.user}:{own.broker.password}@127.0.0.1:{self.links['broker'].port}/{self.virtual_host}"
        store = f"{own.store.user}:{own.store.password}@127.0.0.1:{self.links['store'].port}/?directConnection=true"
        return {
            "MAILCASE_BROKER_URL": f"amqp://{broker}",
            "MAILCASE_STORE_URL": f"mongodb://{store}",
        }


@pytest.fixture
def linked(doomed: PrivateServers, tmp_path: Path) -> Iterator[Linked]:
    doomed.broker.start()
    doomed.store.start()
    ports = {
        "mail": doomed.mail.imaps_port,
        "broker": doomed.broker.port,
        "store": doomed.store.members[0].port,
    }
    with ExitStack() as opened:
        made = Linked(
            doomed,
            tmp_path,
            {name: opened.enter_context(Link(port)) for name, port in ports.items()},
        )
        yield made
        made.close()


@pytest.mark.parametrize(
    ("mails", "silent_s"), [(120, 3.0), pytest.param(600, 60.0, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("link", ["mail", "broker", "store"])
def test_a_link_that_falls_silent_works_again_soon_after_it_heals(
    linked: Linked, link: str, mails: int, silent_s: float
) -> None:
    ledger, samples = Ledger(linked), new_mails(mails)
    ledger.send(samples[: mails // 2])
    with Services(linked.config, linked.folder, REPLICAS, env=linked.env) as services:
        linked.until_recorded(mails // 10)
        linked.links[link].cut()
        ledger.send(samples[mails // 2 :])
        time.sleep(silent_s)  # the duration of the fault is a parameter of the test
        stuck = linked.recorded()
        linked.links[link].heal()
        healed_s = time.monotonic()
        linked.until(
            lambda: linked.recorded() > stuck or stuck == mails,
            "mail flows again",
            patience_s=WORKS_AGAIN_WITHIN_S,
        )
        print(
            f"{link}: mail flowed {time.monotonic() - healed_s:.1f} s after the link healed, {stuck} were recorded"
        )
        ledger.settle(patience_s=180)
        assert all(process.running for process in services.all)
    ledger.assert_no_faults()
