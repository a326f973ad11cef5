"""One member of a MongoDB replica set, on its own machine."""

import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.errors import LocalServerError
from deploy.local.processes import GuardedProcess
from deploy.local.programs import find_programs

PORT = 27017
REPLICA_SET = "rs0"
START_PATIENCE_S = 120.0


class StoreMember:
    """Without user accounts: only this machine can reach the addresses."""

    def __init__(self, folder: Path, address: str, prefix: list[str]) -> None:
        self.address = address
        self._data = folder / "store"
        self._prefix = prefix
        self._process = GuardedProcess(
            f"store {address}",
            self._command,
            folder / "logs" / "store.log",
            folder / "run" / "store.pid",
            grace_s=20,
        )

    @property
    def running(self) -> bool:
        return self._process.running

    def client(self) -> MongoClient[dict[str, Any]]:
        """A direct connection. The caller closes it."""
        return MongoClient(
            self.address, PORT, directConnection=True, serverSelectionTimeoutMS=3_000
        )

    def start(self) -> None:
        """Start the member, and wait until it answers."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._process.start()
        deadline = time.monotonic() + START_PATIENCE_S
        with self.client() as client:
            while True:
                self._process.check_alive()
                try:
                    client.admin.command("ping")
                except PyMongoError as error:
                    if time.monotonic() > deadline:
                        raise LocalServerError(f"{self._process.name} did not start") from error
                else:
                    return

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.stop()

    def is_primary(self) -> bool:
        try:
            with self.client() as client:
                return client.admin.command("hello").get("isWritablePrimary") is True
        except PyMongoError:
            return False

    def _command(self) -> list[str]:
        return [
            *(*self._prefix, find_programs(["mongod"])["mongod"], "--dbpath", str(self._data)),
            *("--port", str(PORT), "--bind_ip", f"127.0.0.1,{self.address}", "--nounixsocket"),
            *("--replSet", REPLICA_SET, "--oplogSize", "990", "--quiet"),
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "transactionLifetimeLimitSeconds=20"),
        ]
