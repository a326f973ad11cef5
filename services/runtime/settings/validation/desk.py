"""Checks that the settings of the desk are consistent. Pure."""

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.runtime.errors import Mistake
from services.runtime.settings.durations import duration
from services.runtime.settings.schema.desk import Desk, Oidc, is_loopback

_MAX_SESSION = timedelta(days=90)


def desk_mistakes(desk: Desk) -> Iterator[Mistake]:
    """The mistakes of `[desk]` and `[desk.oidc]`."""
    yield from _addresses(desk)
    lists = {
        "trusted_proxies": desk.trusted_proxies,
        "webhook_allow_networks": desk.webhook_allow_networks,
    }
    for name, networks in lists.items():
        for index, network in enumerate(networks):
            if not _is_network(network):
                hint = 'write an address or a network in CIDR notation, such as "10.0.0.0/8"'
                yield Mistake(f"desk.{name}[{index}]", "is not an IP network", hint)
    if not _is_time_zone(desk.time_zone):
        hint = 'write an IANA name, such as "Europe/Warsaw"'
        yield Mistake(
            "desk.time_zone", f'is "{desk.time_zone}", which is not a known time zone', hint
        )
    idle, length = duration(desk.session_idle), duration(desk.session_length)
    if length > _MAX_SESSION:
        hint = 'write at most "90d": longer sessions would keep outdated rights'
        yield Mistake("desk.session_length", f'is "{desk.session_length}"', hint)
    if idle > length:
        problem = f'is "{desk.session_idle}", above session_length, "{desk.session_length}"'
        yield Mistake("desk.session_idle", problem, "lower it")
    if desk.login == "oidc":
        yield from _oidc(desk.oidc)
    elif desk.oidc != Oidc():
        hint = 'set desk.login = "oidc", or remove the section'
        yield Mistake("desk.oidc", 'has no effect with desk.login = "local"', hint)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _addresses(desk: Desk) -> Iterator[Mistake]:
    port = int(desk.listen.rpartition(":")[2] or "0")
    if port > 65_535:
        yield Mistake("desk.listen", f"names port {port}", "ports end at 65535")
    elif desk.public_url is None and not is_loopback(desk.base_url):
        problem = "is missing, although desk.listen accepts other machines"
        hint = 'write the URL that people use, such as "https://cases.example.com"'
        yield Mistake("desk.public_url", problem, hint)
    elif not _is_usable(desk.base_url):
        hint = 'it looks like "https://cases.example.com"'
        yield Mistake("desk.public_url", "has no usable host and port", hint)
    elif not desk.base_url.startswith("https://") and not is_loopback(desk.base_url):
        hint = "write https://; a proxy in front of the desk has the certificate"
        yield Mistake(
            "desk.public_url",
            "begins with http://, over which anyone on the network can read sessions",
            hint,
        )


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _oidc(oidc: Oidc) -> Iterator[Mistake]:
    hints = {
        "issuer": "the provider's discovery document shows it as `issuer`",
        "client_id": "register Mailcase with the provider as a confidential client",
        "client_secret_file": "name a file that contains only the client's secret",
    }
    for name, hint in hints.items():
        if getattr(oidc, name) is None:
            problem = 'is missing, although desk.login is "oidc"'
            yield Mistake(f"desk.oidc.{name}", problem, hint)
    if "openid" not in oidc.scopes:
        hint = 'add "openid" (OpenID Connect Core 1.0, section 3.1.2.1)'
        yield Mistake("desk.oidc.scopes", 'do not include "openid"', hint)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
