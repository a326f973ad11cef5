"""Which services `mailcase up` runs, and how.

To add a service, add a line to `SERVICES`. A service with its own address for people has `listens`:
it gets `--listen 127.0.0.1:PORT`, and its link is printed when everything is ready.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import Ports
from deploy.local.services import Services
from services.runtime.errors import Mistake, SettingsError


@dataclass(frozen=True)
class ServiceKind:
    """A service, by the name of its command."""

    name: str
    listens: bool = False


SERVICES = (
    ServiceKind("fetcher"),
    ServiceKind("router"),
    ServiceKind("case-writer"),
    ServiceKind("sender"),
    ServiceKind("extractor"),
    ServiceKind("desk", listens=True),
)


@dataclass(frozen=True)
class Plan:
    """The services of one `up`; `links` are addresses for people by the service's name."""

    services: Services
    links: Mapping[str, str]


def chosen(without: Collection[str]) -> list[ServiceKind]:
    """All services except those left out. Raises SettingsError for an unknown name, or if none is
    left.
    """
    names = [kind.name for kind in SERVICES]
    for name in without:
        if name not in names:
            hint = f"give one of {', '.join(names)}"
            raise SettingsError([Mistake("--without", f"there is no service {name!r}", hint)])
    return [kind for kind in SERVICES if kind.name not in without]


def plan(
    config: Path,
    data: Path,
    replicas: Mapping[str, int],
    without: Collection[str],
    env: Mapping[str, str],
) -> Plan:
    """The services as processes, not started yet; `env` has the URLs of the private servers.

    `replicas` are by service; one that it does not name runs once.
    """
    kinds = chosen(without)
    ports = Ports(data / "ports.json")
    listening = {kind.name: f"127.0.0.1:{ports.get(kind.name)}" for kind in kinds if kind.listens}
    services = Services(
        config.absolute(),
        data,
        {kind.name: replicas.get(kind.name, 1) for kind in kinds},
        env=env,
        arguments={name: ("--listen", address) for name, address in listening.items()},
    )
    return Plan(services, {name: f"http://{address}/" for name, address in listening.items()})
