"""Faults of three-node clusters while mail flows: no mail is lost or duplicated, and mail keeps
flowing.

Each test prints and records how long no mail of a mailbox was recorded.
"""

from functools import partial

import pytest

from tests.cluster.cluster import STREAMS
from tests.cluster.ledger import TAKE_OVER_S, UNREAD_S, Record, Start, ledger
from tests.cluster.waiting import until
from tests.matrix.unpacked import UNSTABLE

pytestmark = pytest.mark.slow


def test_each_broker_node_is_killed(start: Start, release: str, record_property: Record) -> None:
    with ledger(start, release, record_property, TAKE_OVER_S) as events:
        cluster = events.pipeline.cluster
        for machine in cluster.machines:
            node = cluster.brokers[machine]
            name = f"broker node {machine} killed, away for 15 s"
            events.happen(name, node.kill, 15, partial(cluster.start, machine))


@pytest.mark.parametrize("seconds", [5, 20, 90])
def test_a_machine_is_cut_off(
    start: Start, release: str, record_property: Record, seconds: int
) -> None:
    with ledger(start, release, record_property, UNREAD_S) as events:
        network = events.pipeline.cluster.network
        machine = int(events.pipeline.holders()["m1"][-1])
        name = f"machine of a fetcher's broker node cut off for {seconds} s"
        events.happen(name, partial(network.cut, machine), seconds, partial(network.heal, machine))


def test_the_primary_and_the_leaders_die_together(
    start: Start, release: str, record_property: Record
) -> None:
    with ledger(start, release, record_property, UNREAD_S) as events:
        cluster = events.pipeline.cluster
        machine = cluster.leader("case_writer.commands")
        cluster.move_primary(machine)
        name = "machine of the primary and of a queue's leader killed, away for 30 s"
        events.happen(name, partial(cluster.kill, machine), 30, partial(cluster.start, machine))


def test_links_lose_one_direction_or_get_slow(
    start: Start, release: str, record_property: Record
) -> None:
    with ledger(start, release, record_property, UNREAD_S) as events:
        network = events.pipeline.cluster.network
        heal = partial(network.heal, 1)
        events.happen(
            "what machine 1 sends to the others is lost for 20 s",
            partial(network.lose_sent, 1), 20, heal,
        )  # fmt: skip
        events.happen("machine 1 at 512 kbit/s for 30 s", partial(network.slow, 1, 512), 30, heal)


def test_the_disk_of_a_machine_is_full(start: Start, release: str, record_property: Record) -> None:
    """RabbitMQ 4.0 may be unable to recover its write-ahead log afterwards (docs/kubernetes.md)."""
    with ledger(start, release, record_property, 120) as events:
        cluster = events.pipeline.cluster
        end = cluster.free_disk if release == UNSTABLE else cluster.free_disk_or_replace_node
        events.happen(
            "disk of machine 1 full for 20 s", partial(cluster.fill_disk, 1), 20, partial(end, 1)
        )


def test_a_node_loses_its_volume(start: Start, release: str, record_property: Record) -> None:
    with ledger(start, release, record_property, UNREAD_S) as events:
        cluster = events.pipeline.cluster
        replicas = cluster.replicas(1)
        assert replicas >= STREAMS
        for machine in (2, 1):
            name = f"broker node {machine} lost its volume, replaced after 15 s"
            lose = cluster.brokers[machine].lose_volume
            replace = partial(cluster.replace_node, machine, seeded=release == UNSTABLE)
            events.happen(name, lose, 15, replace)
            assert cluster.replicas(machine) == replicas


def test_a_rolling_restart(start: Start, release: str, record_property: Record) -> None:
    with ledger(start, release, record_property, TAKE_OVER_S) as events:
        cluster = events.pipeline.cluster
        for machine in cluster.machines:
            name = f"machine {machine} restarted"
            stop, again = partial(cluster.stop, machine), partial(cluster.start, machine)
            events.happen(name, stop, 0, again)


@pytest.mark.parametrize("release", [UNSTABLE])
def test_mailboxes_of_a_dead_node_are_read_by_another_ten_times(
    start: Start, release: str, record_property: Record
) -> None:
    with ledger(start, release, record_property, TAKE_OVER_S) as events:
        pipeline = events.pipeline
        for _ in range(10):
            until(lambda: len(pipeline.holders()) == len(pipeline.mailboxes), "all are read", 60)
            reader = pipeline.holders()["m1"]
            machine = int(reader[-1])
            dead = pipeline.cluster.brokers[machine]
            taken_over = events.until_recorded_again
            events.happen(f"broker node of {reader} killed, kept dead", dead.kill, 0, taken_over)
            assert pipeline.holders()["m1"] != reader
            pipeline.cluster.start(machine)
