"""A private MongoDB replica set, of one member or of three."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.processes import GuardedProcess
from deploy.local.programs import find_programs
from deploy.local.server import Server, pause, wait_for_port

REPLICA_SET = "rs0"
NOT_YET_INITIALIZED = 94  # mongodb.com/docs/manual/reference/error-codes
PRIMARY, SECONDARY = 1, 2  # member states, mongodb.com/docs/manual/reference/replica-states

Client = MongoClient[dict[str, Any]]


class Member(Server):
    """One `mongod`."""

    def __init__(self, data_dir: Path, number: int, cache_gb: float) -> None:
        self.name = f"store-{number}"
        super().__init__(data_dir)
        self.port = 0
        self._cache_gb = cache_gb
        log, pid = self._guarded(self.name)
        self._process = GuardedProcess(self.name, self._command, log, pid, env=_plain_env, grace_s=20)

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [self._process]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def required_programs(self) -> Sequence[str]:
        return ["mongod"]

    def client(self) -> Client:
        """A connection to this member alone, whatever its state. The caller closes it."""
        return MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5_000)

    def launch(self) -> None:
        """Starts it and returns when it answers; it may not belong to a replica set yet."""
        deadline = time.monotonic() + self.start_patience_s
        self.port = self.ports.get(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._process.start()
        wait_for_port(self._process, self.port, deadline)

    def wait_for(self, condition: Callable[[Client], bool]) -> None:
        """Returns when the condition holds; a server error counts as not yet."""
        deadline = time.monotonic() + self.start_patience_s
        with self.client() as client:
            while not _holds(condition, client):
                pause(self._process, deadline)

    def _start(self) -> None:
        self.launch()
        self.wait_for(lambda client: _state(client) in {PRIMARY, SECONDARY})

    def _command(self) -> list[str]:
        return [
            find_programs(["mongod"])["mongod"],
            *("--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--replSet", REPLICA_SET, "--oplogSize", "990"),  # MB; the least that is allowed
            *("--wiredTigerCacheSizeGB", str(self._cache_gb), "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),  # up to 200 MB of samples otherwise
            # A member of three that is told to stop would first wait 15 s for its clients to look elsewhere.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
            # What a killed case writer had begun keeps the others from the counter for so long, and half as long again.
            *("--setParameter", "transactionLifetimeLimitSeconds=20"),
        ]


class Store(Server):
    """The replica set. `members[i]` can be stopped, killed, frozen and started one by one.

    `cache_gb` is WiredTiger's cache of each member, in gigabytes, at least 0.25.
    """

    name = "store"

    def __init__(self, data_dir: Path, members: int = 1, cache_gb: float = 0.25) -> None:
        super().__init__(data_dir)
        self.members = [Member(data_dir, number, cache_gb) for number in range(members)]

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [process for member in self.members for process in member.processes]

    @property
    def url(self) -> str:
        return f"mongodb://{','.join(member.host for member in self.members)}/?replicaSet={REPLICA_SET}"

    @property
    def primary(self) -> Member | None:
        """The member that takes writes now; None during an election."""
        for member in self.members:
            if member.running:
                with member.client() as client:
                    if _holds(_is_primary, client):
                        return member
        return None

    def required_programs(self) -> Sequence[str]:
        return ["mongod"]

    def start(self) -> None:
        """As for every server; where some members run already, starts the others and leaves those alone."""
        if any(member.running for member in self.members):
            for member in self.members:
                member.start()
        else:
            super().start()

    def wipe(self) -> None:
        for member in self.members:
            member.wipe()

    def _start(self) -> None:
        find_programs(self.required_programs())
        for member in self.members:
            member.launch()
        self._agree_on_members()
        for member in self.members:
            member.wait_for(lambda client: _state(client) in {PRIMARY, SECONDARY})
        deadline = time.monotonic() + self.start_patience_s
        while self.primary is None:
            pause(self.processes[0], deadline)

    def _agree_on_members(self) -> None:
        """Founds the set, or tells it its members' new ports."""
        configurations = [self._configuration(member) for member in self.members]
        founded = next(((m, c) for m, c in zip(self.members, configurations, strict=True) if c is not None), None)
        hosts = [{"_id": number, "host": member.host} for number, member in enumerate(self.members)]
        if founded is None:
            # Elections within 3 s instead of 10: loopback has no slow links, and tests wait for them.
            settings = {"electionTimeoutMillis": 3_000, "heartbeatIntervalMillis": 1_000}
            fresh = {"_id": REPLICA_SET, "members": hosts, "settings": settings}
            with self.members[0].client() as client:
                client.admin.command("replSetInitiate", fresh)
            return
        member, configuration = founded
        if [entry["host"] for entry in configuration["members"]] != [entry["host"] for entry in hosts]:
            # Forced, since the members do not recognise themselves and so elect nobody. Refused until mongod has looked
            # for itself at the old addresses, which takes until they answer.
            changed = {**configuration, "version": configuration["version"] + 1, "members": hosts}
            member.wait_for(lambda client: bool(client.admin.command("replSetReconfig", changed, force=True)["ok"]))

    @staticmethod
    def _configuration(member: Member) -> dict[str, Any] | None:
        with member.client() as client:
            return client.local["system.replset"].find_one()


def _plain_env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _holds(condition: Callable[[Client], bool], client: Client) -> bool:
    try:
        return condition(client)
    except PyMongoError:
        return False


def _is_primary(client: Client) -> bool:
    return client.admin.command("hello").get("isWritablePrimary") is True


def _state(client: Client) -> int:
    try:
        return int(client.admin.command("replSetGetStatus")["myState"])
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            return -1
        raise
