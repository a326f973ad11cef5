"""One node of a RabbitMQ cluster, on its own machine, with the configuration of the manifests."""

import os
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from deploy.local.errors import LocalServerError
from deploy.local.processes import GuardedProcess, run_guarded
from deploy.local.programs import search_path

USER, PASSWORD, COOKIE = "mailcase", "secret", "clusteroftests"
PORT, EPMD_PORT, DIST_PORT = 5672, 4369, 25672
START_PATIENCE_S = 180.0

CONFIGURATION = """\
listeners.tcp.all = 0.0.0.0:{port}
default_user = {user}
default_pass = {password}
loopback_users = none
{formation}
cluster_partition_handling = autoheal
raft.wal_max_size_bytes = 64000000
{deployed}
"""  # partitions are handled so in 4.0; 4.3 accepts this line without effect
_MANIFEST = Path("deploy/k8s/components/rabbitmq/cluster.yaml")
_FOR_LARGER_MACHINES = ("vm_memory_high_watermark", "disk_free_limit")


class BrokerNode:
    """`programs` is the folder with the node's RabbitMQ; it may change while the node is down."""

    def __init__(
        self, folder: Path, addresses: Sequence[str], own: int, prefix: list[str], programs: Path
    ) -> None:
        self.address = addresses[own]
        self.programs = programs
        self._folder, self._prefix, self._addresses = folder, prefix, addresses
        self._epmd = self._process("epmd", "epmd", 1)
        self._node = self._process("broker", "rabbitmq-server", 60)

    @property
    def name(self) -> str:
        return f"mailcase@{self.address}"

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{PASSWORD}@{self.address}:{PORT}/"

    @property
    def log_file(self) -> Path:
        return self._node.log_file

    @property
    def running(self) -> bool:
        return self._node.running

    def launch(self, seed: str | None = None) -> None:
        """Start without waiting, since the nodes of a new cluster wait for each other.

        An empty node finds its peers in its configuration, or joins the node `seed`, as on
        Kubernetes.
        """
        if self.running:
            return
        self._write_configuration(seed)
        self._epmd.start()
        time.sleep(0.3)  # ready before the node, which would otherwise start one itself
        self._node.start()

    def wait(self, patience_s: float = START_PATIENCE_S) -> None:
        """Wait until the node accepts clients. Raises LocalServerError."""
        deadline = time.monotonic() + patience_s
        while True:
            self._node.check_alive()
            try:
                socket.create_connection((self.address, PORT), timeout=2).close()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LocalServerError(
                        f"{self.name} did not start{self._node.epilogue()}"
                    ) from error
                time.sleep(0.2)  # nothing announces an open port
            else:
                return

    def kill(self) -> None:
        self._node.kill()
        self._epmd.kill()

    def stop(self) -> None:
        """Send SIGTERM, as an operator's rolling restart does."""
        self._node.stop()
        self._epmd.kill()

    def freeze(self) -> None:
        self._node.freeze()

    def thaw(self) -> None:
        self._node.thaw()

    def lose_volume(self) -> None:
        """Kill the node and delete everything that it stored."""
        self.kill()
        shutil.rmtree(self._database)

    def ctl(self, *arguments: str, timeout_s: float = 90.0) -> str:
        """Run rabbitmqctl. Raises LocalServerError."""
        return self.tool("rabbitmqctl", *arguments, timeout_s=timeout_s)

    def tool(self, program: str, *arguments: str, timeout_s: float = 90.0) -> str:
        """Run one of RabbitMQ's commands on this node. Raises LocalServerError."""
        command = [*self._prefix, str(self.programs / program), "--quiet", *arguments]
        output, status = run_guarded(command, self._env(), timeout_s)
        if status != 0:
            raise LocalServerError(f"{program} {' '.join(arguments)} failed: {output.strip()}")
        return output

    def version(self) -> str:
        """The version that the running node reports."""
        return self.ctl("eval", 'io:format("~s", [rabbit_misc:version()]).').removesuffix("ok\n")

    def _process(self, name: str, program: str, grace_s: float) -> GuardedProcess:
        return GuardedProcess(
            f"{name} {self.address}",
            lambda: [*self._prefix, str(self.programs / program)],
            self._folder / "logs" / f"{name}.log",
            self._folder / "run" / f"{name}.pid",
            env=self._env,
            grace_s=grace_s,
        )

    @property
    def _database(self) -> Path:
        return self._folder / "db"

    def _write_configuration(self, seed: str | None) -> None:
        home = self._folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(COOKIE)
            cookie.chmod(0o400)
        text = CONFIGURATION.format(
            port=PORT,
            user=USER,
            password=PASSWORD,
            formation=self._formation(seed),
            deployed=_deployed_configuration(),
        )
        (self._folder / "rabbitmq.conf").write_text(text)
        (self._folder / "rabbitmq-env.conf").touch()
        plugins = "rabbitmq_peer_discovery_k8s" if seed else ""
        (self._folder / "enabled_plugins").write_text(f"[{plugins}].\n")

    def _formation(self, seed: str | None) -> str:
        prefix = "cluster_formation"
        if seed:
            return f"{prefix}.peer_discovery_backend = k8s\n{prefix}.k8s.seed_node = {seed}"
        peers = [
            f"{prefix}.classic_config.nodes.{number} = mailcase@{address}"
            for number, address in enumerate(self._addresses, 1)
        ]
        return "\n".join([f"{prefix}.peer_discovery_backend = classic_config", *peers])

    def _env(self) -> dict[str, str]:
        database = self._database
        return {
            "PATH": os.pathsep.join([str(self.programs), search_path()]),
            "LANG": "C.UTF-8",
            "HOME": str(self._folder / "home"),
            "ERL_EPMD_PORT": str(EPMD_PORT),
            "RABBITMQ_ALLOW_INPUT": "1",  # see deploy.local.servers.broker
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput",
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(DIST_PORT),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(database),
            "RABBITMQ_MNESIA_DIR": str(database / "node"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(database / "feature_flags"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(database / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(database / "config"),
            "RABBITMQ_PID_FILE": str(database / "node.pid"),
            "RABBITMQ_LOG_BASE": str(self._folder / "logs"),
            "RABBITMQ_LOGS": "-",
        }


def _deployed_configuration() -> str:
    cluster, *_ = yaml.safe_load_all(_MANIFEST.read_text())
    lines: list[str] = cluster["spec"]["rabbitmq"]["additionalConfig"].splitlines()
    return "\n".join(line for line in lines if not line.startswith(_FOR_LARGER_MACHINES))
