"""The URLs of the private servers of a running `mailcase up`, in a file for the other commands.

The file holds passwords, so only its owner can read it. It is valid while the process that wrote it
runs.
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
    """The default data folder of `up`: next to the settings, whatever the current folder is."""
    return config.absolute().parent / "mailcase-data"


@contextmanager
def announced(config: Path, data: Path, urls: Mapping[str, str]) -> Iterator[None]:
    """During the block, `with_running_servers` finds `urls`, a mapping from environment variables
    to URLs.
    """
    file, new = data / FILE, data / f".{FILE}.new"
    process = {"pid": os.getpid(), "process": _identity(os.getpid())}
    content = {**process, "settings": config.name, "urls": dict(urls)}
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(content, stream)
    new.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def with_running_servers(settings: Settings, config: Path) -> Settings:
    """The settings; URLs that they do not have come from a running `mailcase up`."""
    if settings.broker.url is not None and settings.store.url is not None:
        return settings
    urls = _announced_urls(config)
    broker = settings.broker.url or urls.get(URL_VARIABLES["broker"])
    store = settings.store.url or urls.get(URL_VARIABLES["store"])
    return replace(
        settings,
        broker=replace(settings.broker, url=broker),
        store=replace(settings.store, url=store),
    )


def _announced_urls(config: Path) -> dict[str, str]:
    """Empty if no `up` runs for these settings, or another user runs it."""
    try:
        content = json.loads((data_folder(config) / FILE).read_bytes())
        # The name, since the folder may have several settings files; not the path, which can be
        # written in several ways.
        ours = (
            content["settings"] == config.name and _identity(content["pid"]) == content["process"]
        )
        return {str(name): str(url) for name, url in content["urls"].items()} if ours else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _identity(pid: int) -> str:
    """Identifies a process among all that have had its pid, also before a reboot; see
    proc_pid_stat(5).

    Raises OSError if there is no such process.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started = Path(f"/proc/{pid:d}/stat").read_bytes().rpartition(b")")[2].split()[19]
    return f"{boot} {int(started)}"
