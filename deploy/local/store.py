"""A private MongoDB replica set, of one member or of three."""

import os
import secrets
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
NO_USER = (13, 18)  # not authorized without a log-in, and no such log-in
PRIMARY, SECONDARY = 1, 2  # member states, mongodb.com/docs/manual/reference/replica-states

ALREADY_EXISTS = 51003  # what createUser says of a user that is there
USER = "mailcase"
PASSWORD_NAME = "store"  # noqa: S105 - the name of the secret that is USER's password
KEY = "store.key"  # by which the members know each other

Client = MongoClient[dict[str, Any]]


class Member(Server):
    """One `mongod`."""

    def __init__(self, data_dir: Path, number: int, cache_gb: float) -> None:
        self.name = f"store-{number}"
        super().__init__(data_dir)
        self.port = 0
        self.login_required = True
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

    @property
    def has_data(self) -> bool:
        return (self.folder / "WiredTiger").exists()

    def client(self) -> Client:
        """A connection to this member alone, whatever its state. The caller closes it."""
        password = self.secrets.read(PASSWORD_NAME) if self.login_required else None
        login: dict[str, Any] = {} if password is None else {"username": USER, "password": password}
        return MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5_000, **login)

    def launch(self, *, login_required: bool = True) -> None:
        """Starts it and returns when it answers; it may not belong to a replica set yet."""
        self.login_required = login_required
        self.secrets.obtain(KEY)
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
            *(("--keyFile", str(self.secrets.path(KEY))) if self.login_required else ()),  # which implies --auth
            # The least that is allowed: more only slows down the guessing of passwords that people choose.
            *("--setParameter", "scramSHA256IterationCount=5000"),
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
        """Without a log-in before the first start, when there is none yet."""
        login = f"{USER}:{self.password}@" if self.password else ""
        return f"mongodb://{login}{','.join(member.host for member in self.members)}/?replicaSet={REPLICA_SET}"

    @property
    def user(self) -> str:
        """Who may do everything."""
        return USER

    @property
    def password(self) -> str | None:
        """Of `user`; None before the first start."""
        return self.secrets.read(PASSWORD_NAME)

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
        has_data = any(member.has_data for member in self.members)
        if has_data and self.password is None:
            self._introduce_login()
        elif not has_data:
            self.secrets.forget(PASSWORD_NAME)  # of an earlier user: the next one is made below
        for member in self.members:
            member.launch()
        self._agree_on_members()
        if self.password is None:
            self._create_user()
        for member in self.members:
            member.wait_for(lambda client: _state(client) in {PRIMARY, SECONDARY})
        self._wait_for_primary()

    def _introduce_login(self) -> None:
        """For a folder of a version without log-in: once more without, to create the user."""
        for member in self.members:
            member.launch(login_required=False)
        self._agree_on_members()
        self._create_user()
        for member in self.members:
            member.stop()

    def _create_user(self) -> None:
        """Needs no log-in: as long as a member has no user, it lets the first be made from this machine
        (mongodb.com/docs/manual/core/localhost-exception). The password is kept once the user is there, so that a run
        that was cut off is repeated, with another one."""
        password = secrets.token_hex(24)
        with self._wait_for_primary().client() as client:
            majority: dict[str, Any] = {"roles": ["root"], "writeConcern": {"w": "majority"}}
            try:
                client.admin.command("createUser", USER, pwd=password, **majority)
            except OperationFailure as error:
                if error.code != ALREADY_EXISTS:
                    raise
                client.admin.command("updateUser", USER, pwd=password, **majority)
        self.secrets.write(PASSWORD_NAME, password)

    def _wait_for_primary(self) -> Member:
        deadline = time.monotonic() + self.start_patience_s
        while (primary := self.primary) is None:
            pause(self.processes[0], deadline)
        return primary

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
        """None if it has none, or no user yet to ask by, which is as good: users come with the set."""
        try:
            with member.client() as client:
                return client.local["system.replset"].find_one()
        except OperationFailure as error:
            if error.code in NO_USER:
                return None
            raise


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
