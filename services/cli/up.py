"""`mailcase up`: every stage on this machine, on private servers where the settings name none."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deploy.local.errors import LocalServerError
from deploy.local.servers import PrivateServers
from deploy.local.stages import Stages
from services.cli.common import DEFAULT_CONFIG, Config, loaded
from services.cli.logtail import LogTail
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.retry import Backoff
from services.runtime.settings import URL_VARIABLES, Settings

Data = Annotated[
    Path, Parameter(name="--data", help="Where private servers keep their data, and the stages their logs.")
]
Replicas = Annotated[
    int, Parameter(help="How many routers, case writers and senders to run.", validator=Number(gte=1, lte=100))
]


def up(config: Config = DEFAULT_CONFIG, data: Data = Path("mailcase-data"), replicas: Replicas = 1) -> None:
    """Run the fetcher, the router, the case writer and the sender until Ctrl-C.

    Without `[broker].url` and `[store].url` a private RabbitMQ node and a private MongoDB are started below `--data`.
    """
    settings = loaded(config)
    _make(data)
    with local_failures(), stop_signal() as stop, private_servers(settings, data) as urls:
        stages = Stages(config.absolute(), data, stage_replicas(replicas), env=urls)
        with LogTail(process.log_file for process in stages.all) as logs, stages:
            for process in stages.all:
                print(
                    f"{process.name}: http://127.0.0.1:{process.http_port}/readyz, log {process.log_file}", flush=True
                )
            _supervise(stages, stop, logs)
            print("stopping", flush=True)


def _make(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        mend = "name a folder that can be made and written to"
        raise SettingsError([Mistake("--data", f"{data} cannot be made: {error.strerror}", mend)]) from error


def stage_replicas(replicas: int) -> dict[str, int]:
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


@contextmanager
def private_servers(settings: Settings, data: Path) -> Iterator[Mapping[str, str]]:
    """The environment that tells the stages of the servers started here; empty where the settings name both."""
    broker, store = settings.broker.url is None, settings.store.url is None
    if not (broker or store):
        yield {}
        return
    with PrivateServers(data, broker=broker, store=store) as servers:
        urls = {}
        if broker:
            urls[URL_VARIABLES["broker"]] = servers.broker.url
        if store:
            urls[URL_VARIABLES["store"]] = servers.store.url
        print("# for the other commands, in another terminal:", flush=True)
        for variable, url in urls.items():
            print(f"export {variable}='{url}'", flush=True)
        yield urls


def _supervise(stages: Stages, stop: threading.Event, logs: LogTail) -> None:
    """Start again what ends by itself, ever more slowly, and show what the stages log."""
    backoffs = {process.name: Backoff(initial_s=1.0, maximum_s=60.0) for process in stages.all}
    due: dict[str, float] = {}
    announced = False
    while not stop.wait(0.2):
        logs.show()
        for process in stages.all:
            if process.running:
                continue
            if process.name not in due:
                due[process.name] = time.monotonic() + backoffs[process.name].next_s()
                print(f"{process.name} ended; starting it again{process.epilogue()}", flush=True)
            elif due[process.name] <= time.monotonic():
                del due[process.name]
                process.start()
        if not announced and all(process.readiness()["ok"] for process in stages.all):
            announced = True
            print(f"ready (process {os.getpid()}); Ctrl-C stops everything", flush=True)
