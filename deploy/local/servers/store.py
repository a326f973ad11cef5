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
from deploy.local.servers.server import Server, pause, wait_for_port

REPLICA_SET = "rs0"
NOT_YET_INITIALIZED = 94  # mongodb.com/docs/manual/reference/error-codes
NO_USER = (13, 18)  # unauthorized, and authentication failed
PRIMARY, SECONDARY = 1, 2  # member states, mongodb.com/docs/manual/reference/replica-states

JOURNAL_FILE_MB = 16  # as large as the largest document
LEAST_CACHE_GB = 0.25  # what mongod accepts

ALREADY_EXISTS = 51003  # createUser, if the user exists
USER = "mailcase"
PASSWORD_NAME = "store"  # noqa: S105 - the name of the secret that is USER's password
KEY = "store.key"  # authenticates the members to each other

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
        self._process = GuardedProcess(
            self.name, self._command, log, pid, env=_plain_env, grace_s=20
        )

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
        """A direct connection to this member, whatever its state. The caller closes it."""
        password = self.secrets.read(PASSWORD_NAME) if self.login_required else None
        login: dict[str, Any] = {} if password is None else {"username": USER, "password": password}
        return MongoClient(
            "127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5_000, **login
        )

    def launch(self, *, login_required: bool = True) -> None:
        """Start it and return when it responds. It may not belong to a replica set yet."""
        self.login_required = login_required
        self.secrets.obtain(KEY)
        deadline = time.monotonic() + self.start_patience_s
        self.port = self.ports.get(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._process.start()
        wait_for_port(self._process, self.port, deadline)

    def wait_for(self, condition: Callable[[Client], bool]) -> None:
        """Return when the condition holds; a server error counts as False."""
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
            *(
                "--dbpath",
                str(self.folder),
                "--port",
                str(self.port),
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
            ),
            *("--replSet", REPLICA_SET, "--oplogSize", "990"),  # MB; the minimum
            # a key file implies --auth
            *(("--keyFile", str(self.secrets.path(KEY))) if self.login_required else ()),
            # The minimum: a higher count only protects passwords that people choose.
            *("--setParameter", "scramSHA256IterationCount=5000"),
            # Three files are allocated in advance, of 100 MB each by default.
            *("--wiredTigerEngineConfigString", f"log=(file_max={JOURNAL_FILE_MB}MB)"),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb), "--quiet"),
            # up to 200 MB of samples otherwise
            *(
                "--setParameter",
                "diagnosticDataCollectionEnabled=false",
            ),
            # By default, a stopping member of three waits 15 s for its clients to switch.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
            # A transaction of a killed case writer blocks the counter of case numbers until it
            # expires.
            *("--setParameter", "transactionLifetimeLimitSeconds=20"),
        ]


class Store(Server):
    """The replica set. Each `members[i]` can be stopped, killed, frozen and started on its own.

    `cache_gb` is the WiredTiger cache of each member in gigabytes, at least LEAST_CACHE_GB.
    """

    name = "store"

    def __init__(self, data_dir: Path, members: int = 1, cache_gb: float = LEAST_CACHE_GB) -> None:
        super().__init__(data_dir)
        self.members = [Member(data_dir, number, cache_gb) for number in range(members)]

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [process for member in self.members for process in member.processes]

    @property
    def url(self) -> str:
        """The URL with user and password; without them before the first start."""
        login = f"{USER}:{self.password}@" if self.password else ""
        return f"mongodb://{login}{','.join(member.host for member in self.members)}/?replicaSet={REPLICA_SET}"

    @property
    def user(self) -> str:
        """The administrator."""
        return USER

    @property
    def password(self) -> str | None:
        """The password of `user`; None before the first start."""
        return self.secrets.read(PASSWORD_NAME)

    @property
    def primary(self) -> Member | None:
        """The member that accepts writes; None during an election."""
        for member in self.members:
            if member.running:
                with member.client() as client:
                    if _holds(_is_primary, client):
                        return member
        return None

    def required_programs(self) -> Sequence[str]:
        return ["mongod"]

    def start(self) -> None:
        """Start the server; if some members run already, start only the others."""
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
            self._enable_authentication()
        elif not has_data:
            self.secrets.forget(PASSWORD_NAME)  # of an earlier user; the new user is created below
        for member in self.members:
            member.launch()
        self._configure_members()
        if self.password is None:
            self._create_user()
        for member in self.members:
            member.wait_for(lambda client: _state(client) in {PRIMARY, SECONDARY})
        self._wait_for_primary()

    def _enable_authentication(self) -> None:
        """Upgrade a folder of a version without authentication: start it once more without
        authentication, to create the user.
        """
        for member in self.members:
            member.launch(login_required=False)
        self._configure_members()
        self._create_user()
        for member in self.members:
            member.stop()

    def _create_user(self) -> None:
        """Create the administrator by the localhost exception
        (mongodb.com/docs/manual/core/localhost-exception).

        The password is stored after the user exists, so that an interrupted run is repeated with a
        new password.
        """
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

    def _configure_members(self) -> None:
        """Initiate the replica set, or update the ports of its members."""
        configurations = [self._configuration(member) for member in self.members]
        pairs = zip(self.members, configurations, strict=True)
        existing = next(((member, found) for member, found in pairs if found is not None), None)
        hosts = [{"_id": number, "host": member.host} for number, member in enumerate(self.members)]
        if existing is None:
            # Elections within 3 s instead of 10: loopback is fast, and tests wait for elections.
            settings = {"electionTimeoutMillis": 3_000, "heartbeatIntervalMillis": 1_000}
            fresh = {"_id": REPLICA_SET, "members": hosts, "settings": settings}
            with self.members[0].client() as client:
                client.admin.command("replSetInitiate", fresh)
            return
        member, configuration = existing
        if [entry["host"] for entry in configuration["members"]] != [
            entry["host"] for entry in hosts
        ]:
            # Forced: the members do not recognize themselves, so they elect no primary. mongod
            # refuses the command until it has checked the old addresses.
            changed = {**configuration, "version": configuration["version"] + 1, "members": hosts}
            member.wait_for(
                lambda client: bool(
                    client.admin.command("replSetReconfig", changed, force=True)["ok"]
                )
            )

    @staticmethod
    def _configuration(member: Member) -> dict[str, Any] | None:
        """The member's configuration; None if it has none or no user yet, since users are created
        with the set.
        """
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
