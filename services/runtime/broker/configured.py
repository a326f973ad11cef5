"""The broker as the settings describe it."""

import os
import socket

from services.runtime.broker.topology import Topology, mailcase_topology
from services.runtime.settings import Settings
from services.runtime.settings.load import required_url


def broker_url(settings: Settings) -> str:
    """Raises SettingsError if the URL is not set."""
    return required_url("broker", settings.broker.url)


def topology_of(settings: Settings) -> Topology:
    return mailcase_topology(
        archive_max_age_days=settings.archive.max_age_days,
        archive_max_bytes=settings.archive.max_bytes,
    )


def connection_name(service: str) -> str:
    """The name of this process in the broker's list of connections."""
    return f"mailcase {service} {socket.gethostname()} {os.getpid()}"
