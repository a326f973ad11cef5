"""The sources of the URLs of broker and database, and whether a server answers there."""

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
    """The source of the URL of `broker` or `store`: its environment variable if that is set, or
    else its setting.
    """
    variable = URL_VARIABLES[section]
    return variable if environ.get(variable, "").strip() else f"[{section}].url"


def without_own_exports(environ: Mapping[str, str], data: Path) -> tuple[dict[str, str], list[str]]:
    """The environment without URLs of the private servers of `data`, and the names of the removed
    variables.

    A shell may still have the exports that an earlier `up` printed.
    """
    secrets = Secrets(data / "secrets")
    own = [
        variable
        for section, variable in URL_VARIABLES.items()
        if (secret := secrets.read(section)) is not None
        and _password(environ.get(variable, "")) == secret
    ]
    return {name: value for name, value in environ.items() if name not in own}, own


def silent_servers(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """One line, with a hint, for each URL of which no host accepts a connection."""
    lines = []
    for section, url in (("broker", settings.broker.url), ("store", settings.store.url)):
        hosts = _hosts(url or "")
        if hosts and not any(_answers(*host) for host in hosts):
            addresses = ", ".join(f"{host}:{port}" for host, port in hosts)
            source = origin(section, environ)
            remove = f"`unset {source}`" if source == URL_VARIABLES[section] else f"remove {source}"
            hint = f"start that server, or {remove} to use a private one"
            lines.append(f"{source} names {addresses}, where nothing answers: {hint}")
    return lines


def _password(url: str) -> str | None:
    try:
        return urlsplit(url.strip()).password
    except ValueError:
        return None


def _hosts(url: str) -> list[tuple[str, int]]:
    """The hosts and ports of a URL; empty for `mongodb+srv`, whose hosts are in the DNS."""
    scheme, _, rest = url.partition("://")
    if scheme not in DEFAULT_PORTS:
        return []
    places = rest.split("/")[0].split("?")[0].rpartition("@")[2].split(",")
    found = [match for place in places if (match := _HOST.fullmatch(place))]
    return [
        (match["host"].strip("[]") or "localhost", int(match["port"] or DEFAULT_PORTS[scheme]))
        for match in found
    ]


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except (OSError, OverflowError, UnicodeError):
        return False
    return True
