"""An upgrade from RabbitMQ 4.0 to 4.3 while mail flows.

4.3 joins no cluster of 4.0 (its release notes name 4.2 as the oldest neighbor), so a rolling
upgrade is refused at the first node. After all nodes were stopped at once, 4.3 upgrades the data of
4.0.
"""

from functools import partial

import pytest

from deploy.local import LocalServerError
from tests.cluster.conftest import programs_of
from tests.cluster.ledger import Record, Start, ledger

pytestmark = pytest.mark.slow
AWAY_S = 120.0  # all nodes at once


@pytest.mark.parametrize("release", ["trixie"])
def test_an_upgrade_with_all_nodes_stopped(
    start: Start, release: str, record_property: Record
) -> None:
    old, new = programs_of(release), programs_of("unstable")
    with ledger(start, release, record_property, AWAY_S) as events:
        cluster = events.pipeline.cluster
        cluster.enable_features()
        node = cluster.brokers[3]

        def refuse() -> None:
            node.stop()
            node.programs = new
            node.launch()
            with pytest.raises(LocalServerError):
                node.wait(60)

        def roll_back() -> None:
            node.programs = old
            cluster.start(3)

        events.happen("rolling upgrade 4.0 to 4.3, refused and rolled back", refuse, 0, roll_back)
        upgrade = partial(cluster.upgrade_brokers, new)
        events.happen("all nodes stopped and started with 4.3", upgrade, 0, lambda: None)
        versions = [broker.version() for broker in cluster.brokers.values()]
        assert all(version.startswith("4.3.") for version in versions), versions
