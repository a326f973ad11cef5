"""Where the URLs of broker and database come from, and whether anything answers there."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.secrets import Secrets
from services.runtime.settings import URL_VARIABLES, Settings

TIMEOUT_S = 2.0
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "mongodb": 27017}
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:,\[\]]*)(?::(?P<port>\d+))?")


def origin(section: str, environ: Mapping[str, str]) -> str:
    """What to change about the URL of `broker` or `store`: its variable if that is set, else its setting."""
    variable = URL_VARIABLES[section]
    return variable if environ.get(variable, "").strip() else f"[{section}].url"


def without_own_exports(environ: Mapping[str, str], data: Path) -> tuple[dict[str, str], list[str]]:
    """The environment without URLs of this data folder's own servers, and the names of those variables.

    Whoever gave the lines that `up` prints to a shell, and starts `up` from it the next time, means its own servers.
    """
    secrets = Secrets(data / "secrets")
    own = [
        variable
        for section, variable in URL_VARIABLES.items()
        if (secret := secrets.read(section)) is not None and _password(environ.get(variable, "")) == secret
    ]
    return {name: value for name, value in environ.items() if name not in own}, own


def silent_servers(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """A line with a hint for each URL of which no host takes a connection now."""
    lines = []
    for section, url in (("broker", settings.broker.url), ("store", settings.store.url)):
        hosts = _hosts(url or "")
        if hosts and not any(_answers(*host) for host in hosts):
            where = ", ".join(f"{host}:{port}" for host, port in hosts)
            source = origin(section, environ)
            remove = f"`unset {source}`" if source == URL_VARIABLES[section] else f"remove {source}"
            hint = f"start that server, or {remove} for a private one"
            lines.append(f"{source} names {where}, where nothing answers: {hint}")
    return lines


def _password(url: str) -> str | None:
    try:
        return urlsplit(url.strip()).password
    except ValueError:
        return None


def _hosts(url: str) -> list[tuple[str, int]]:
    """Empty for `mongodb+srv`, whose hosts are in the DNS."""
    scheme, _, rest = url.partition("://")
    if scheme not in DEFAULT_PORTS:
        return []
    places = rest.split("/")[0].split("?")[0].rpartition("@")[2].split(",")
    found = [match for place in places if (match := _HOST.fullmatch(place))]
    return [(match["host"].strip("[]") or "localhost", int(match["port"] or DEFAULT_PORTS[scheme])) for match in found]


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except (OSError, OverflowError, UnicodeError):
        return False
    return True
