"""How many replicas of each service `mailcase up` runs: by cores, unless the settings say so."""

from collections.abc import Mapping

from services.runtime.settings import Up

# Four case writers and their readers fit into the 2 GB that `mailcase service install` allows.
_MOST_CASE_WRITERS, _MOST_OTHERS = 4, 2


def replicas_of(cores: int, settings: Up, requested: int | None) -> dict[str, int]:
    """The replicas of each replicated service.

    `requested` is the option `--replicas`, which takes precedence over the settings; None if it is
    not given. The other services run once.
    """
    chosen = {
        "router": settings.routers,
        "case-writer": settings.case_writers,
        "sender": settings.senders,
        "extractor": settings.extractors,
    }
    return {
        service: requested or chosen[service] or count
        for service, count in _by_cores(cores).items()
    }


def _by_cores(cores: int) -> dict[str, int]:
    """Half of the cores for case writers, a quarter each for routers and extractors; the servers
    need the rest. Senders wait for their SMTP servers.
    """
    case_writers = min(max(1, cores // 2), _MOST_CASE_WRITERS)
    others = min(max(1, cores // 4), _MOST_OTHERS)
    return {"router": others, "case-writer": case_writers, "sender": 1, "extractor": others}


def described(cores: int, replicas: Mapping[str, int]) -> str:
    """One line for people."""
    counts = ", ".join(
        f"{count} {service.replace('-', ' ')}{'s' if count > 1 else ''}"
        for service, count in replicas.items()
    )
    return f"{cores} core{'s' if cores > 1 else ''}: {counts}"
