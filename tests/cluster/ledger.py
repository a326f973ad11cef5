"""What a test of a cluster must show: every mail has one outcome, and mail keeps flowing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.cluster.cluster import Cluster
from tests.cluster.events import EVERY_S, Events, Outage, Trickle
from tests.cluster.pipeline import ClusterPipeline
from tests.versions import ASKED, note, python_and_store

Start = Callable[[str], ClusterPipeline]
Record = Callable[[str, object], None]

UNREAD_S = 40.0  # for no longer a mailbox may be without a reader
TAKE_OVER_S = 30.0


@contextmanager
def ledger(
    start: Start,
    release: str,
    record: Record,
    worst_s: float,
    *,
    mails: int = 0,
    every_s: float = EVERY_S,
) -> Iterator[Events]:
    """Mail flows during the events, `every_s` a mail into each mailbox, at least `mails`.

    At the end every mail has one outcome, and no event stopped a mailbox longer than `worst_s`. The
    figures and the versions of the servers are recorded.
    """
    pipeline = start(release)
    cluster, events = pipeline.cluster, Events(pipeline)
    before = _version(cluster)
    with Trickle(pipeline, mails, every_s).flowing():
        events.until_recorded_again()
        yield events
    pipeline.settle()
    versions = " to ".join(dict.fromkeys([before, _version(cluster)]))
    with cluster.stores[cluster.primary()].client() as client:
        note({"RabbitMQ": versions, **python_and_store(client)})
    faults, outages = pipeline.faults(), events.outages
    everything = f"all {len(outages)} events"
    together = Outage(everything, [gap_s for outage in outages for gap_s in outage.gaps_s])
    ending = f"{len(pipeline.sent)} mails: {faults or '0 lost, 0 duplicated, 0 incomplete'}"
    for figure in [*map(str, outages), str(together), ending]:
        print(f"{versions}: {figure}")
        record("figure", figure)
    assert faults == {}
    assert together.worst_s < worst_s


def _version(cluster: Cluster) -> str:
    """The version that the nodes report; they must agree."""
    (version,) = {node.ctl("eval", ASKED).removesuffix("ok\n") for node in cluster.brokers.values()}
    return version
