"""Tells other commands about a running `mailcase up`: its services, and the URLs of its private
servers.

The note is a file in the data folder. It contains passwords, so only its owner can read it. It is
valid while the process that wrote it runs.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from services.runtime.settings import URL_VARIABLES, Settings

FILE = "up.json"


@dataclass(frozen=True)
class RunningUp:
    """A running `up`: its process, its data folder, the health ports of its services, and links
    for people by the service's name.
    """

    pid: int
    data: Path
    urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    services: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


def data_folder(config: Path) -> Path:
    """The default data folder of `up`, next to the settings; it does not depend on the current
    folder.
    """
    return config.absolute().parent / "mailcase-data"


@contextmanager
def announced(
    config: Path,
    data: Path,
    urls: Mapping[str, str],
    services: Mapping[str, int] | None = None,
    links: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """During the block, `find_running` finds this process with these values."""
    file, new = data / FILE, data / f".{FILE}.new"
    content = {
        "pid": os.getpid(),
        "process": _identity(os.getpid()),
        "settings": config.name,
        "urls": dict(urls),
        "services": dict(services or {}),
        "links": dict(links or {}),
    }
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(content, stream)
    new.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_running(config: Path) -> RunningUp | None:
    """The `up` that runs for these settings, wherever its data is.

    None if there is none, or another user runs it; root finds that of every user.
    """
    return _read(config, running_data(config))


def running_data(config: Path) -> Path:
    """The data folder of the `up` that runs for these settings; the default one if none runs."""
    # With the private servers comes the driver of the database, which not every service loads.
    from deploy.local.single_instance import launcher_of  # noqa: PLC0415

    try:
        launcher = launcher_of(config)
    except OSError:  # no such folder
        launcher = None
    # Anyone can take the name of the socket first; only the owner's data is trusted.
    ours = launcher is not None and launcher.uid in {os.geteuid(), *_trusted(config)}
    found = launcher.data if launcher is not None and ours else None
    return found or data_folder(config)


def _trusted(config: Path) -> set[int]:
    """Whether a user is trusted. Root runs commands for the owner of the settings or of the default
    data folder.
    """
    if os.geteuid() != 0:
        return {0}
    places = (config, data_folder(config))
    return {place.stat().st_uid for place in places if place.exists()} | {0}


def with_running_servers(settings: Settings, config: Path) -> Settings:
    """The settings, with missing URLs filled in from a running `mailcase up`."""
    if settings.broker.url is not None and settings.store.url is not None:
        return settings
    running = find_running(config)
    urls = running.urls if running is not None else {}
    broker = settings.broker.url or urls.get(URL_VARIABLES["broker"])
    store = settings.store.url or urls.get(URL_VARIABLES["store"])
    return replace(
        settings,
        broker=replace(settings.broker, url=broker),
        store=replace(settings.store, url=store),
    )


def _read(config: Path, data: Path) -> RunningUp | None:
    """The note in the folder, if its process still runs and is for these settings."""
    try:
        content = json.loads((data / FILE).read_bytes())
        # Compared by name, since the folder may have several settings files; not by path, which can
        # be written in several ways.
        if content["settings"] != config.name or _identity(content["pid"]) != content["process"]:
            return None
        return RunningUp(
            int(content["pid"]),
            data,
            {str(name): str(url) for name, url in content["urls"].items()},
            {str(name): int(port) for name, port in content.get("services", {}).items()},
            {str(name): str(link) for name, link in content.get("links", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(pid: int) -> str:
    """Identifies a process among all that ever had its pid, even before a reboot; see
    proc_pid_stat(5).

    Raises OSError if there is no such process.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started = Path(f"/proc/{pid:d}/stat").read_bytes().rpartition(b")")[2].split()[19]
    return f"{boot} {int(started)}"
