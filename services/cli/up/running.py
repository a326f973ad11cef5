"""What a running `mailcase up` leaves for the other commands: the URLs of its private servers, in its data folder.

The file holds passwords, so only its owner may read it; it counts only as long as the process that wrote it lives.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from services.runtime.settings import URL_VARIABLES, Settings

FILE = "up.json"


def data_folder(config: Path) -> Path:
    """Where `up` keeps its data unless it is told otherwise: beside the settings, wherever it is called from."""
    return config.absolute().parent / "mailcase-data"


@contextmanager
def announced(config: Path, data: Path, urls: Mapping[str, str]) -> Iterator[None]:
    """During the block, `with_running_servers` finds these URLs; `urls` goes by variable, as the environment."""
    file, new = data / FILE, data / f".{FILE}.new"
    process = {"pid": os.getpid(), "process": _identity(os.getpid())}
    note = {**process, "settings": config.name, "urls": dict(urls)}
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(note, stream)
    new.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def with_running_servers(settings: Settings, config: Path) -> Settings:
    """The settings with the URLs of a running `up`'s private servers where they name none themselves."""
    if settings.broker.url is not None and settings.store.url is not None:
        return settings
    urls = _announced_urls(config)
    broker = settings.broker.url or urls.get(URL_VARIABLES["broker"])
    store = settings.store.url or urls.get(URL_VARIABLES["store"])
    return replace(settings, broker=replace(settings.broker, url=broker), store=replace(settings.store, url=store))


def _announced_urls(config: Path) -> dict[str, str]:
    """Empty if no `up` runs for these settings, or another user's."""
    try:
        note = json.loads((data_folder(config) / FILE).read_bytes())
        # The name, since the folder may hold other settings too; not the path, which may be written in several ways.
        ours = note["settings"] == config.name and _identity(note["pid"]) == note["process"]
        return {str(name): str(url) for name, url in note["urls"].items()} if ours else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _identity(pid: int) -> str:
    """What tells a process from every other one that has had its number, also before a reboot: see proc_pid_stat(5).

    Raises OSError if there is no such process.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started = Path(f"/proc/{pid:d}/stat").read_bytes().rpartition(b")")[2].split()[19]
    return f"{boot} {int(started)}"
