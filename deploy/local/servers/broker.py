"""A private RabbitMQ node with its own epmd.

The environment redirects everything that a packaged node shares with the machine: settings under
/etc, the Erlang cookie, the port mapper and the database folder. See rabbitmq.com/docs/configure
and rabbitmq.com/docs/relocate.
"""

import base64
import hashlib
import json
import secrets
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.errors import LocalServerError
from deploy.local.processes import GuardedProcess, run_guarded
from deploy.local.programs import find_programs, search_path
from deploy.local.servers.amqp_probe import probe
from deploy.local.servers.broker_relocation import update_data_paths
from deploy.local.servers.server import Server, pause, wait_for_port

NODE = "mailcase@localhost"
LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1}"
MANAGEMENT = "rabbitmq_management"
PORT_SETTINGS = {
    "rabbitmq_management": "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n",
    "rabbitmq_prometheus": "prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {port}\n",
}


class Broker(Server):
    """A node with `plugins` enabled, such as `rabbitmq_management`; `plugin_port` returns their
    ports.
    """

    name = "broker"
    user = "mailcase"

    def __init__(self, data_dir: Path, plugins: Sequence[str] = ()) -> None:
        super().__init__(data_dir)
        self.plugins = tuple(plugins)
        self.port = 0
        self._dist_port = self._epmd_port = 0
        self._plugin_ports: dict[str, int] = {}
        log, pid = self._guarded("epmd")
        self._epmd = GuardedProcess("epmd", self._epmd_command, log, pid, env=self._env, grace_s=1)
        log, pid = self._guarded("broker")
        self._node = GuardedProcess(
            "broker", self._node_command, log, pid, env=self._env, grace_s=20
        )

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [self._epmd, self._node]

    @property
    def url(self) -> str:
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/"

    @property
    def password(self) -> str:
        """The password of `user`, an administrator; empty before the first start."""
        return self.secrets.read(self.name) or ""

    def probe(self, timeout_s: float = 5.0) -> None:
        """Log in and disconnect. Raises OSError."""
        probe(self.port, self.user, self.password, timeout_s)

    def plugin_port(self, plugin: str) -> int:
        """The HTTP port of `rabbitmq_management` or `rabbitmq_prometheus`.

        Raises KeyError if the plugin is not enabled.
        """
        return self._plugin_ports[plugin]

    def required_programs(self) -> Sequence[str]:
        return ["rabbitmq-server", "rabbitmqctl", "epmd"]

    def ctl(self, *arguments: str, timeout_s: float = 60.0) -> str:
        """Run rabbitmqctl against this node; returns its output, without headings.

        Raises LocalServerError if the node does not run or the command fails; the message has the
        command's output.
        """
        if not self.running:
            raise LocalServerError("the broker is not running: start it before using rabbitmqctl")
        argv = [find_programs(["rabbitmqctl"])["rabbitmqctl"], "--quiet", *arguments]
        output, status = run_guarded(argv, self._env(), timeout_s)
        if status != 0:
            raise LocalServerError(f"rabbitmqctl {' '.join(arguments)} failed: {output.strip()}")
        return output

    def import_definitions(self, definitions: Mapping[str, object]) -> None:
        """Import virtual hosts, permissions, exchanges and so on, in the format of
        rabbitmq.com/docs/definitions.

        Takes milliseconds with the plugin `rabbitmq_management`, and seconds without, by
        rabbitmqctl.
        """
        if MANAGEMENT in self._plugin_ports:
            self._manage("POST", "definitions", definitions)
            return
        file = self.folder / "definitions.json"
        file.write_text(json.dumps(definitions))
        self.ctl("import_definitions", str(file))

    def delete_virtual_host(self, name: str) -> None:
        """Delete a virtual host with everything in it."""
        if MANAGEMENT in self._plugin_ports:
            self._manage("DELETE", f"vhosts/{name}")
        else:
            self.ctl("delete_vhost", name)

    def _manage(self, method: str, path: str, body: object = None) -> None:
        """Call the HTTP API of the management plugin. Raises urllib.error.URLError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._plugin_ports[MANAGEMENT]}/api/{path}",
            None if body is None else json.dumps(body).encode(),
            {
                "Authorization": f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http, on loopback
            answer.read()

    def _start(self) -> None:
        find_programs(self.required_programs())
        if {"'", '"'} & set(str(self.folder)):
            # its disk monitor passes the path to a shell, and would hang
            raise LocalServerError(
                f"the path {self.folder} contains quotes, which RabbitMQ cannot use: choose another data folder"
            )
        deadline = time.monotonic() + self.start_patience_s
        self._choose_ports()
        without_login = self._node_folder.exists() and self.secrets.read(self.name) is None
        if without_login:
            self._write_configuration("guest", "guest")
        else:
            self._write_configuration(self.user, self.secrets.obtain(self.name))
        update_data_paths(self._node_folder)
        self._epmd.start()
        wait_for_port(self._epmd, self._epmd_port, deadline)
        self._node.start()
        for port in (*self._plugin_ports.values(), self.port):
            wait_for_port(self._node, port, deadline)
        if without_login:
            self._replace_guest()
            self._write_configuration(self.user, self.password)
        while True:
            try:
                self.probe()
            except OSError:
                pause(self._node, deadline)
            else:
                return

    def _replace_guest(self) -> None:
        """Upgrade a folder that has only RabbitMQ's default account.

        The password is stored last, so that an interrupted run is repeated with a new password.
        """
        password = secrets.token_hex(24)
        salt = secrets.token_bytes(4)
        # rabbitmq.com/docs/passwords: the salt, then SHA-256 of salt and password
        hashed = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
        hosts = self.ctl("list_vhosts", "--no-table-headers", "name").splitlines()
        users = self.ctl("list_users", "--no-table-headers").splitlines()
        every = {"configure": ".*", "write": ".*", "read": ".*"}
        algorithm = {"hashing_algorithm": "rabbit_password_hashing_sha256"}
        file = self.folder / "definitions.json"
        definitions = {
            "users": [
                {"name": self.user, "password_hash": hashed, "tags": "administrator", **algorithm}
            ],
            "permissions": [{"user": self.user, "vhost": host, **every} for host in hosts],
        }
        file.write_text(json.dumps(definitions))
        self.ctl("import_definitions", str(file))
        file.unlink()
        if any(user.split("\t")[0] == "guest" for user in users):
            self.ctl("delete_user", "guest")
        self.secrets.write(self.name, password)

    @property
    def _node_folder(self) -> Path:
        return self.folder / "db" / "node"

    def _choose_ports(self) -> None:
        self.port = self.ports.get("broker")
        self._dist_port = self.ports.get("broker-distribution")
        self._epmd_port = self.ports.get("broker-epmd")
        self._plugin_ports = {
            name: self.ports.get(name) for name in self.plugins if name in PORT_SETTINGS
        }

    def _write_configuration(self, user: str, password: str) -> None:
        """Write the configuration files; a node without data creates `user` at its first start."""
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)  # Erlang refuses a cookie that others can read
        settings = [
            f"listeners.tcp.local = 127.0.0.1:{self.port}\n",
            f"default_user = {user}\ndefault_pass = {password}\n",
            "max_message_size = 16777216\n",  # the default of RabbitMQ 4
            # the WAL is in memory; the default is 512 MB
            "raft.wal_max_size_bytes = 64000000\n",
            *(PORT_SETTINGS[name].format(port=port) for name, port in self._plugin_ports.items()),
        ]
        # others cannot enter the folder
        (self.folder / "rabbitmq.conf").write_text("".join(settings))
        (self.folder / "rabbitmq-env.conf").write_text("")
        (self.folder / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n")

    def _epmd_command(self) -> list[str]:
        return [
            find_programs(["epmd"])["epmd"],
            "-port",
            str(self._epmd_port),
            "-address",
            "127.0.0.1",
        ]

    def _node_command(self) -> list[str]:
        return [find_programs(["rabbitmq-server"])["rabbitmq-server"]]

    def _env(self) -> dict[str, str]:
        """The complete environment. RABBITMQ_ and ERL_ variables of the user are left out: they are
        for other nodes.
        """
        database = self.folder / "db"
        return {
            "PATH": search_path(),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # With ALLOW_INPUT the start script execs the Erlang VM instead of waiting for it in a
            # shell, so that the guardian's child is the node itself; -noinput restores the usual
            # behavior.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {LOOPBACK_ONLY}",
            "RABBITMQ_CTL_ERL_ARGS": LOOPBACK_ONLY,
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(database),
            "RABBITMQ_MNESIA_DIR": str(self._node_folder),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(database / "feature_flags"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(database / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(database / "config"),
            "RABBITMQ_PID_FILE": str(database / "node.pid"),
            "RABBITMQ_LOG_BASE": str(self.data_dir / "logs"),
            "RABBITMQ_LOGS": "-",  # standard output, which the guardian writes to the log file
        }
