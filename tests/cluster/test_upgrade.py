"""An upgrade from RabbitMQ 4.0 to 4.3 while mail flows.

4.3 joins no cluster of 4.0 (its release notes name 4.2 as the oldest neighbor), so a rolling
upgrade is refused at the first node. After all nodes were stopped at once, 4.3 upgrades the data of
4.0.
"""

from functools import partial
from pathlib import Path

import pytest

from deploy.local import LocalServerError
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import programs_of
from tests.cluster.test_nodes import Record, Start, ledger

pytestmark = pytest.mark.slow
AWAY_S = 120.0  # all nodes at once


def test_an_upgrade_with_all_nodes_stopped(start: Start, record_property: Record) -> None:
    old, new = programs_of("trixie"), programs_of("unstable")
    with ledger(start, "trixie", record_property, AWAY_S) as events:
        cluster = events.pipeline.cluster
        cluster.ctl("enable_feature_flag", "all")
        cluster.ctl("enable_feature_flag", "--opt-in", "khepri_db")
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
        upgrade = partial(_stop_and_start_with, cluster, new)
        events.happen("all nodes stopped and started with 4.3", upgrade, 0, lambda: None)
        versions = [broker.version() for broker in cluster.brokers.values()]
        assert all(version.startswith("4.3.") for version in versions), versions


def _stop_and_start_with(cluster: Cluster, programs: Path) -> None:
    for broker in cluster.brokers.values():
        broker.stop()
    for broker in cluster.brokers.values():
        broker.programs = programs
        broker.launch()
    for broker in cluster.brokers.values():
        broker.wait()
