"""`mailcase up`: runs every service on this machine, with private servers if the settings name
none.
"""

import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deploy.local.errors import LocalServerError
from deploy.local.servers.broker import Broker
from deploy.local.servers.private import PrivateServers
from deploy.local.servers.store import Store
from deploy.local.single_instance import only_launcher_of
from services.cli.terminal.output import DEFAULT_CONFIG, Config
from services.cli.up.cores import usable_cores
from services.cli.up.plan import chosen, plan
from services.cli.up.presenter import Presenter, create_presenter
from services.cli.up.replicas import described, replicas_of
from services.cli.up.runner import Runner
from services.cli.up.running import announced, data_folder, with_running_servers
from services.cli.up.server_urls import silent_servers, without_own_exports
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
    int | None,
    Parameter(
        help="How many routers, case writers, senders and extractors to run; default: by `[up]` and "
        "the cores.",
        validator=Number(gte=1, lte=100),
    ),
]
Without = Annotated[
    list[str] | None,
    Parameter(
        name="--without",
        negative="",
        help="A service to leave out; can be repeated. `--without fetcher` stops taking mail.",
    ),
]


def up(
    *,
    config: Config = DEFAULT_CONFIG,
    data: Data = None,
    replicas: Replicas = None,
    without: Without = None,
) -> None:
    """Run all services until Ctrl-C or `mailcase down`.

    Without `[broker].url` and `[store].url`, it starts a private RabbitMQ and MongoDB with their
    data below `--data`, and restarts them if they end. Other commands with the same settings find
    them. On a terminal it prints one line for each mail; elsewhere, JSON lines.
    """
    data = data or _default_data(config)
    environ, own = without_own_exports(os.environ, data)
    settings = load_settings(config, environ)
    chosen(without or ())
    configure_logs(settings.logs.format, settings.logs.level)
    presenter = create_presenter()
    with local_failures(), only_launcher_of(config, data), stop_signal() as stop:
        _create(data)
        for variable in own:
            os.environ.pop(variable)  # the services inherit the environment
            text = (
                f"{variable} names the private server of {data}, which this command starts: ignored"
            )
            presenter.event("variable_ignored", text, variable=variable)
        for line in silent_servers(settings, environ):
            presenter.event("server_silent", line, "warning")
        with _started(presenter, private_servers(settings, data)) as servers:
            urls = {URL_VARIABLES[name]: url for name, url in server_urls(servers).items()}
            counts = _replicas(settings, replicas, without or (), presenter)
            run = plan(config, data, counts, without or (), urls)
            ports = {process.name: process.http_port for process in run.services.all}
            with announced(config, data, urls, ports, run.links):
                settings = with_running_servers(settings, config)
                Runner(settings, data, servers, run, presenter).run(stop)


def _replicas(
    settings: Settings, requested: int | None, without: Collection[str], presenter: Presenter
) -> dict[str, int]:
    """The replicas of each replicated service that runs; reports them."""
    cores = usable_cores()
    counts = {
        service: count
        for service, count in replicas_of(cores, settings.up, requested).items()
        if service not in without
    }
    if counts:
        presenter.event("replicas", described(cores, counts), cores=cores, replicas=counts)
    return counts


@contextmanager
def _started(presenter: Presenter, servers: PrivateServers) -> Iterator[PrivateServers]:
    names = " and ".join(server.name for server in servers.all)
    text = f"starting the private {names} (about 10 s)" if names else "starting"
    with presenter.progress(text):
        servers.start()
    try:
        yield servers
    finally:
        with presenter.progress(f"stopping the private {names}" if names else "stopping"):
            servers.stop()
        presenter.event("up_stopped", "everything is stopped")


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


def server_urls(servers: PrivateServers) -> dict[str, str]:
    """The URLs of the private servers by `broker` and `store`. They contain passwords."""
    return {server.name: server.url for server in servers.all if isinstance(server, Broker | Store)}
