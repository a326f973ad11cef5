"""Three machines, each with a RabbitMQ node and a MongoDB member; see `network`."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pymongo.errors import PyMongoError

from deploy.local.errors import LocalServerError
from tests.cluster.broker_node import BrokerNode
from tests.cluster.network import Network
from tests.cluster.store_member import PORT, REPLICA_SET, StoreMember
from tests.cluster.waiting import until

DISK_MB = 1200  # of each machine, in memory
STREAMS = {"mail.archive", "event.archive"}


class Cluster:
    """`machines` are numbered from 1; `brokers[n]` and `stores[n]` run on machine n."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.network = Network(3)
        self.machines = self.network.machines
        addresses = [self.network.address(machine) for machine in self.machines]
        self.brokers = {
            machine: BrokerNode(
                self.disk(machine), addresses, machine - 1, self.network.prefix(machine), programs
            )
            for machine in self.machines
        }
        self.stores = {
            machine: StoreMember(
                self.disk(machine), addresses[machine - 1], self.network.prefix(machine)
            )
            for machine in self.machines
        }
        self._opened = ExitStack()

    def disk(self, machine: int) -> Path:
        """A separate file system for a machine."""
        return self.folder / f"machine-{machine}"

    @property
    def store_url(self) -> str:
        hosts = ",".join(f"{member.address}:{PORT}" for member in self.stores.values())
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl on the first running node."""
        node = next(node for node in self.brokers.values() if node.running)
        return node.ctl(*arguments)

    def kill(self, machine: int) -> None:
        """Kill everything on the machine at once."""
        self.brokers[machine].kill()
        self.stores[machine].kill()

    def stop(self, machine: int) -> None:
        """Stop everything on the machine gracefully."""
        self.brokers[machine].stop()
        self.stores[machine].stop()

    def start(self, machine: int) -> None:
        """Start whatever is not running on the machine."""
        self.stores[machine].start()
        self.brokers[machine].launch()
        self.brokers[machine].wait()

    def fill_disk(self, machine: int) -> None:
        """Fill the machine's disk to the last byte."""
        with (self.disk(machine) / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(b"\1" * 1_000_000)

    def free_disk(self, machine: int) -> None:
        """Free the machine's disk, and start whatever died of the full disk."""
        (self.disk(machine) / "filler").unlink()
        self.start(machine)

    def free_disk_or_replace_node(self, machine: int) -> None:
        """The same, and replace a RabbitMQ node that no longer starts."""
        try:
            self.free_disk(machine)
        except LocalServerError:
            print(f"the RabbitMQ node of machine {machine} did not start, and is replaced")
            self.brokers[machine].lose_volume()
            self.replace_node(machine)

    def replace_node(self, machine: int, *, seeded: bool = False) -> None:
        """Let a RabbitMQ node that lost its volume join again, as docs/howto-recover.md says.

        `seeded`: it finds the others as a node on Kubernetes does, since RabbitMQ 4.1.
        """
        node, other = self.brokers[machine], self._other(machine)
        other.ctl("forget_cluster_node", node.name)
        _until_reported(lambda: node.name not in self._coordinators(machine), "forgotten")
        node.launch(other.name if seeded else None)
        node.wait()
        _until_reported(lambda: node.name in self._coordinators(machine), "a coordinator again")
        other.tool("rabbitmq-queues", "grow", node.name, "all")
        _until_reported(lambda: self._add_replicas(machine) >= STREAMS, "replicas of the streams")

    def _coordinators(self, machine: int) -> str:
        """What a node other than that of the machine says of the streams' coordinators."""
        return self._other(machine).tool("rabbitmq-streams", "coordinator_status")

    def _add_replicas(self, machine: int) -> set[str]:
        """RabbitMQ still deletes forgotten replicas for some seconds, new ones with them."""
        for stream in STREAMS - self.replicas(machine):
            with suppress(LocalServerError):  # while the stream restarts
                self._other(machine).tool(
                    "rabbitmq-streams", "add_replica", stream, self.brokers[machine].name
                )
        time.sleep(15)  # until then it may delete them; nothing reports when it has
        return self.replicas(machine)

    def replicas(self, machine: int) -> set[str]:
        """The lasting queues and streams with a replica on this machine's RabbitMQ node."""
        name = self.brokers[machine].name
        lines = self._other(machine).ctl("list_queues", "type", "name", "members").splitlines()
        rows = [line.split("\t") for line in lines]
        return {queue for kind, queue, on in rows if kind != "classic" and name in on}

    def _other(self, machine: int) -> BrokerNode:
        return next(node for number, node in self.brokers.items() if number != machine)

    def restart_brokers(self) -> None:
        """Restart one RabbitMQ node after the other. This ends network partitions."""
        for broker in self.brokers.values():
            broker.stop()
            broker.launch()
            broker.wait()

    def partitions(self) -> dict[str, list[str]]:
        """By node, the nodes that it is still partitioned from, although it reaches them again.

        Only RabbitMQ with Mnesia (4.0 by default) reports them.
        """
        found: dict[str, list[str]] = {}
        for node in self.brokers.values():
            status = json.loads(node.ctl("cluster_status", "--formatter", "json"))
            found |= dict(status["partitions"])
        return found

    def enable_features(self) -> None:
        """Enable every feature flag, as the next series of RabbitMQ requires."""
        self.ctl("enable_feature_flag", "all")
        self.ctl("enable_feature_flag", "--opt-in", "khepri_db")

    def upgrade_brokers(self, programs: Path) -> None:
        """Stop all RabbitMQ nodes and start them with these programs."""
        for broker in self.brokers.values():
            broker.stop()
        for broker in self.brokers.values():
            broker.programs = programs
            broker.launch()
        for broker in self.brokers.values():
            broker.wait()

    def leader(self, queue: str) -> int:
        """The machine with the leader of a quorum queue."""
        for line in self.ctl("list_queues", "name", "leader").splitlines():
            name, _, node = line.partition("\t")
            if name == queue:
                return next(n for n, broker in self.brokers.items() if broker.name == node)
        raise AssertionError(f"there is no queue {queue}")

    def primary(self) -> int:
        """The machine with the replica set's primary; waits for an election."""
        return self._first(lambda machine: self.stores[machine].is_primary())

    def move_primary(self, machine: int) -> None:
        """Make this machine's member the primary."""
        deadline = time.monotonic() + 60
        while (old := self.primary()) != machine:
            assert time.monotonic() < deadline, "no primary there within 60 s"
            with suppress(PyMongoError), self.stores[old].client() as client:
                client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def _first(self, condition: Callable[[int], bool]) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for machine in self.machines:
                if self.stores[machine].running and condition(machine):
                    return machine
            time.sleep(0.2)  # nothing announces the end of an election
        raise AssertionError("no primary within 60 s")

    def __enter__(self) -> Self:
        try:
            self._opened.enter_context(self.network)
            for machine in self.machines:
                self._mount(self.disk(machine))
            self._opened.callback(self._end)
            self._start_all()
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def _start_all(self) -> None:
        for broker in self.brokers.values():
            broker.launch()
        for store in self.stores.values():
            store.start()
        members = [
            {"_id": machine, "host": f"{store.address}:{PORT}"}
            for machine, store in self.stores.items()
        ]
        settings = {"electionTimeoutMillis": 5_000, "heartbeatIntervalMillis": 1_000}
        with self.stores[1].client() as client:
            client.admin.command(
                "replSetInitiate", {"_id": REPLICA_SET, "members": members, "settings": settings}
            )
        self.primary()
        for broker in self.brokers.values():
            broker.wait()
        self.brokers[1].ctl("await_online_nodes", "3", "--timeout", "60")

    def _end(self) -> None:
        for machine in self.machines:
            self.kill(machine)

    def _mount(self, place: Path) -> None:
        place.mkdir(parents=True)
        options = f"size={DISK_MB}m,mode=755"
        command: Sequence[str] = ["mount", "-t", "tmpfs", "-o", options, "mailcase", str(place)]
        subprocess.run(command, check=True, capture_output=True)
        self._opened.callback(subprocess.run, ["umount", "-l", str(place)], check=True)


def _until_reported(condition: Callable[[], bool], what: str) -> None:
    """RabbitMQ's commands report a state, not its change, and take most of a second."""
    until(condition, what, 120, every_s=1)
