"""`mailcase up`: runs every service on this machine, with private servers if the settings name
none.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deploy.local.broker import Broker
from deploy.local.errors import LocalServerError
from deploy.local.servers import PrivateServers
from deploy.local.services import Services
from deploy.local.single_instance import only_launcher_of
from deploy.local.store import Store
from services.cli.terminal.log_tail import LogTail
from services.cli.terminal.output import DEFAULT_CONFIG, Config
from services.cli.up.running import announced, data_folder
from services.cli.up.server_urls import silent_servers, without_own_exports
from services.cli.up.supervisor import Supervisor
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.logs import configure_logs
from services.runtime.settings import URL_VARIABLES, Settings, load_settings

Data = Annotated[
    Path | None,
    Parameter(
        name="--data",
        help="The folder for the data of private servers and the logs of the services; default: `mailcase-data` next "
        "to the settings.",
    ),
]
Replicas = Annotated[
    int,
    Parameter(
        help="How many routers, case writers and senders to run.", validator=Number(gte=1, lte=100)
    ),
]


def up(config: Config = DEFAULT_CONFIG, data: Data = None, replicas: Replicas = 1) -> None:
    """Run the fetcher, the router, the case writer and the sender until Ctrl-C.

    Without `[broker].url` and `[store].url`, it starts a private RabbitMQ and MongoDB with their
    data below `--data`, and restarts them if they end. Other commands with the same settings find
    them.
    """
    data = data or _default_data(config)
    environ, own = without_own_exports(os.environ, data)
    settings = load_settings(config, environ)
    configure_logs(settings.logs.format, settings.logs.level)
    with local_failures(), only_launcher_of(config), stop_signal() as stop:
        _create(data)
        for variable in own:
            os.environ.pop(variable)  # the services inherit the environment
            print(
                f"{variable} names the private server of {data}, which this command starts: ignored",
                flush=True,
            )
        for line in silent_servers(settings, environ):
            print(f"mailcase: {line}", file=sys.stderr, flush=True)
        with (
            private_servers(settings, data) as servers,
            announced(config, data, urls := _urls(servers)),
        ):
            _print_exports(urls)
            services = Services(config.absolute(), data, service_replicas(replicas), env=urls)
            with LogTail(process.log_file for process in services.all) as logs, services:
                for process in services.all:
                    print(
                        f"{process.name}: http://127.0.0.1:{process.http_port}/readyz, log {process.log_file}",
                        flush=True,
                    )
                _supervise(servers, services, stop, logs)
                print("stopping", flush=True)


def _default_data(config: Path) -> Path:
    """The default data folder.

    Raises SettingsError if the data is in the current folder, as in earlier versions.
    """
    data, before = data_folder(config), Path("mailcase-data").absolute()
    if (
        not data.exists()
        and (before / "ports.json").exists()
        and not before.with_name(DEFAULT_CONFIG.name).exists()
    ):
        hint = f"move that folder to {data}, or choose one of them with --data"
        raise SettingsError(
            [Mistake("--data", f"{before} holds data, and {data} does not exist", hint)]
        )
    return data


def _create(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "choose a folder that can be created and written to"
        raise SettingsError(
            [Mistake("--data", f"{data} cannot be created: {error.strerror}", hint)]
        ) from error


def service_replicas(replicas: int) -> dict[str, int]:
    """The number of replicas of each service."""
    return {"fetcher": 1, "router": replicas, "case-writer": replicas, "sender": replicas}


@contextmanager
def local_failures() -> Iterator[None]:
    """Raise errors of the private servers as PermanentError, which the command prints in one
    line.
    """
    try:
        yield
    except LocalServerError as error:
        raise PermanentError(str(error)) from error


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets; a second signal ends the process at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def request_stop(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, request_stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def private_servers(settings: Settings, data: Path) -> PrivateServers:
    """The servers that the settings do not name; possibly none, but the data folder is locked
    anyway.
    """
    return PrivateServers(
        data, broker=settings.broker.url is None, store=settings.store.url is None
    )


def _urls(servers: PrivateServers) -> dict[str, str]:
    """The environment variables with the URLs of the private servers. They contain passwords."""
    return {
        URL_VARIABLES[server.name]: server.url
        for server in servers.all
        if isinstance(server, Broker | Store)
    }


def _print_exports(urls: Mapping[str, str]) -> None:
    if urls:
        print(
            "# for other programs in another terminal (contains passwords; `mailcase` does not need this):"
        )
    for variable, url in urls.items():
        print(f"export {variable}='{url}'", flush=True)


def _supervise(
    servers: PrivateServers, services: Services, stop: threading.Event, logs: LogTail
) -> None:
    """Restart children that end by themselves, and show the logs of the services, until `stop`."""
    supervisor = Supervisor([*servers.all, *services.all], partial(print, flush=True))
    announced_ready = False
    with closing(supervisor):
        while not stop.wait(0.2):
            logs.show()
            supervisor.poll()
            if not announced_ready and all(process.readiness()["ok"] for process in services.all):
                announced_ready = True
                print(f"ready (process {os.getpid()}); Ctrl-C stops everything", flush=True)
