"""Thousands of mails, while each machine of the cluster in turn is killed, cut off and upgraded."""

from functools import partial

import pytest

from tests.cluster.conftest import programs_of
from tests.cluster.events import Events
from tests.cluster.ledger import UNREAD_S, Record, Start, ledger
from tests.matrix.unpacked import UNSTABLE

pytestmark = pytest.mark.slow

MAILS = 5000
EVERY_S = 0.15  # a mail into each of three mailboxes: 20 mails/s
CUTS_S = (5, 20)
UPGRADE_S = 120.0  # all nodes at once


def test_thousands_of_mails_while_every_machine_fails(
    start: Start, release: str, record_property: Record
) -> None:
    flow = ledger(start, release, record_property, UPGRADE_S, mails=MAILS, every_s=EVERY_S)
    with flow as events:
        _kill_and_cut_each_machine(events)
        faults = len(events.outages)
        if release != UNSTABLE:
            _upgrade(events)
    assert max(outage.worst_s for outage in events.outages[:faults]) < UNREAD_S


def _kill_and_cut_each_machine(events: Events) -> None:
    cluster, network = events.pipeline.cluster, events.pipeline.cluster.network
    for machine in cluster.machines:
        kill, start = partial(cluster.kill, machine), partial(cluster.start, machine)
        events.happen(f"machine {machine} killed, away for 15 s", kill, 15, start)
    for seconds in CUTS_S:
        for machine in cluster.machines:
            cut, heal = partial(network.cut, machine), partial(network.heal, machine)
            events.happen(f"machine {machine} cut off for {seconds} s", cut, seconds, heal)


def _upgrade(events: Events) -> None:
    """All nodes at once: 4.3 joins no cluster of 4.0, see test_upgrade.

    A cut about as long as net_ticktime leaves Mnesia partitioned without a pause of any node; mail
    flows, but 4.0 does not enable khepri_db, which 4.3 requires.
    """
    cluster = events.pipeline.cluster
    print(f"partitions before the restart: {cluster.partitions() or 'none'}")
    restart = cluster.restart_brokers
    events.happen("each broker node restarted in turn", restart, 0, lambda: None)
    assert cluster.partitions() == {}
    cluster.enable_features()
    upgrade = partial(cluster.upgrade_brokers, programs_of(UNSTABLE))
    events.happen("every broker node stopped and upgraded", upgrade, 0, lambda: None)
    versions = [broker.version() for broker in cluster.brokers.values()]
    assert all(version.startswith("4.3.") for version in versions), versions
