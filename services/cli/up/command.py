"""`mailcase up`: every stage on this machine, on private servers where the settings name none."""

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
        help="Where private servers keep their data, and the stages their logs; by default `mailcase-data` beside the "
        "settings.",
    ),
]
Replicas = Annotated[
    int, Parameter(help="How many routers, case writers and senders to run.", validator=Number(gte=1, lte=100))
]


def up(config: Config = DEFAULT_CONFIG, data: Data = None, replicas: Replicas = 1) -> None:
    """Run the fetcher, the router, the case writer and the sender until Ctrl-C.

    Without `[broker].url` and `[store].url` a private RabbitMQ node and a private MongoDB are started below `--data`,
    and restarted if they end; the other commands find them by the settings.
    """
    data = data or _default_data(config)
    environ, own = without_own_exports(os.environ, data)
    settings = load_settings(config, environ)
    configure_logs(settings.logs.format, settings.logs.level)
    with local_failures(), only_launcher_of(config), stop_signal() as stop:
        _make(data)
        for variable in own:
            os.environ.pop(variable)  # which the stages inherit
            print(f"{variable} names the private server of {data}, which is started again", flush=True)
        for line in silent_servers(settings, environ):
            print(f"mailcase: {line}", file=sys.stderr, flush=True)
        with private_servers(settings, data) as servers, announced(config, data, urls := _urls(servers)):
            _print_exports(urls)
            stages = Services(config.absolute(), data, service_replicas(replicas), env=urls)
            with LogTail(process.log_file for process in stages.all) as logs, stages:
                for process in stages.all:
                    print(
                        f"{process.name}: http://127.0.0.1:{process.http_port}/readyz, log {process.log_file}",
                        flush=True,
                    )
                _supervise(servers, stages, stop, logs)
                print("stopping", flush=True)


def _default_data(config: Path) -> Path:
    """Raises SettingsError if the data seems to be where earlier versions kept it: in the folder of the call."""
    data, before = data_folder(config), Path("mailcase-data").absolute()
    if not data.exists() and (before / "ports.json").exists() and not before.with_name(DEFAULT_CONFIG.name).exists():
        hint = f"move that folder to {data}, or name one of them with --data"
        raise SettingsError([Mistake("--data", f"{before} holds data, and {data} is not there", hint)])
    return data


def _make(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "name a folder that can be made and written to"
        raise SettingsError([Mistake("--data", f"{data} cannot be made: {error.strerror}", hint)]) from error


def service_replicas(replicas: int) -> dict[str, int]:
    """How many processes of each stage run."""
    return {"fetcher": 1, "router": replicas, "case-writer": replicas, "sender": replicas}


@contextmanager
def local_failures() -> Iterator[None]:
    """What a private server fails by becomes a PermanentError, which the command tells in one line."""
    try:
        yield
    except LocalServerError as error:
        raise PermanentError(str(error)) from error


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """Set by SIGTERM or Ctrl-C; a second one ends at once, as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def private_servers(settings: Settings, data: Path) -> PrivateServers:
    """The servers that the settings do not name; with both named none, but the data folder is ours all the same."""
    return PrivateServers(data, broker=settings.broker.url is None, store=settings.store.url is None)


def _urls(servers: PrivateServers) -> dict[str, str]:
    """The environment that leads the stages, and other commands, to the servers started here. It holds passwords."""
    return {URL_VARIABLES[server.name]: server.url for server in servers.all if isinstance(server, Broker | Store)}


def _print_exports(urls: Mapping[str, str]) -> None:
    if urls:
        print("# for other programs, in another terminal (with passwords; `mailcase` itself needs none of it):")
    for variable, url in urls.items():
        print(f"export {variable}='{url}'", flush=True)


def _supervise(servers: PrivateServers, stages: Services, stop: threading.Event, logs: LogTail) -> None:
    """Restart what ends by itself, and show what the stages log."""
    supervisor = Supervisor([*servers.all, *stages.all], partial(print, flush=True))
    announced_ready = False
    with closing(supervisor):
        while not stop.wait(0.2):
            logs.show()
            supervisor.poll()
            if not announced_ready and all(process.readiness()["ok"] for process in stages.all):
                announced_ready = True
                print(f"ready (process {os.getpid()}); Ctrl-C stops everything", flush=True)
