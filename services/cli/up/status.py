"""`mailcase status`: shows what runs for these settings, and whether it works."""

import asyncio
import json as json_module
import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from schemas.stored import Mail
from services.cli.terminal.lines import print_line
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, size_text
from services.cli.up.disk import DiskUse, disk_use
from services.cli.up.down import running_launcher
from services.cli.up.running import RunningUp, find_running, with_running_servers
from services.runtime.errors import MailcaseError, PermanentError
from services.runtime.settings import Settings, load_settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

PROBE_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class ServiceState:
    """A service; `problems` are the parts that are down, with their reasons."""

    name: str
    ready: bool
    problems: dict[str, str] = field(default_factory=dict)
    mailboxes: dict[str, str] = field(default_factory=dict)


def status(*, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Show what runs for these settings, and how much disk it uses.

    Exits with 1 if nothing runs, or a service or a mailbox is down.
    """
    settings = load_settings(config, os.environ)
    running = find_running(config)
    if running is None:
        launcher = running_launcher(config)
        if launcher is not None:
            raise PermanentError(
                f"process {launcher.pid} runs for {config}, and is starting or belongs to another user: "
                "wait, or use that user"
            )
        print("{}" if json else f"nothing runs for {config}: start it with `mailcase up`")
        return 1
    with ThreadPoolExecutor(max_workers=8) as pool:
        services = list(pool.map(_state, running.services.items()))
    use = disk_use(running.data)
    parked = asyncio.run(_parked(with_running_servers(settings, config)))
    if json:
        print(_json(running, services, use, parked))
    else:
        _print(running, services, use, parked, mailboxes=len(settings.mailboxes))
    down = [state for service in services for state in service.mailboxes.values() if state != "up"]
    return 0 if all(service.ready for service in services) and not down else 1


def _state(service: tuple[str, int]) -> ServiceState:
    name, port = service
    url = f"http://127.0.0.1:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S) as answer:
            report = json_module.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            report = json_module.loads(error.read())
    except (OSError, ValueError) as error:
        return ServiceState(name, ready=False, problems={"health": f"does not answer: {error}"})
    return _reported(name, report)


def _reported(name: str, report: dict[str, Any]) -> ServiceState:
    mailboxes = {str(key): str(value) for key, value in (report.get("mailboxes") or {}).items()}
    problems = {
        key: str(value)
        for key, value in report.items()
        if key not in {"ok", "mailboxes"} and value != "up"
    }
    return ServiceState(name, bool(report.get("ok")), problems, mailboxes)


async def _parked(settings: Settings) -> int | None:
    """How many mails wait for a person; None if the database does not answer."""
    try:
        async with Store.opened(store_url(settings), settings.store.database) as store:
            mails = store.collection(Mail.COLLECTION)
            return await mails.count({"outcome": "parked", "discarded": None})
    except MailcaseError:
        return None


def _json(
    running: RunningUp, services: list[ServiceState], use: DiskUse, parked: int | None
) -> str:
    content = {
        "pid": running.pid,
        "data": str(running.data),
        "services": [asdict(service) for service in services],
        "links": dict(running.links),
        "disk": {**use.by_part, "total": use.total, "free": use.free},
        "parked": parked,
    }
    return msgspec.json.encode(content).decode()


def _print(
    running: RunningUp,
    services: list[ServiceState],
    use: DiskUse,
    parked: int | None,
    mailboxes: int,
) -> None:
    width = max(len("parked"), *(len(service.name) for service in services))
    print(f"{'up':<{width}}  process {running.pid}")
    for service in services:
        print(f"{service.name:<{width}}  {'ready' if service.ready else 'NOT READY'}")
        for part, problem in service.problems.items():
            print_line(f"{'':<{width}}  {part}: {problem}")
        for mailbox, state in service.mailboxes.items():
            print_line(f"{'':<{width}}  mailbox {mailbox}: {state}")
        if service.name == "fetcher" and not mailboxes:
            print(f"{'':<{width}}  no mailboxes")
    for name, link in running.links.items():
        print(f"{name:<{width}}  {link}")
    if parked is not None:
        hint = ": `mailcase parked list`" if parked else ""
        print(f"{'parked':<{width}}  {parked}{hint}")
    parts = ", ".join(f"{name} {size_text(size)}" for name, size in use.by_part.items() if size)
    print(f"{'data':<{width}}  {running.data}")
    disk = f"{'disk':<{width}}  {size_text(use.total)}: {parts}"
    print_line(disk, width + 2)
    print(f"{'free':<{width}}  {size_text(use.free)}")
