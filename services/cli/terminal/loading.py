"""Loads the settings for a command or a service, and configures the logs."""

import os
from pathlib import Path

from services.cli.terminal.quiet import is_quiet
from services.cli.up.running import with_running_servers
from services.runtime.logs import configure_logs
from services.runtime.settings import Settings, load_settings

DEFAULT_CONFIG = Path("mailcase.toml")


def loaded(config: Path, *, is_service: bool = False) -> Settings:
    """Load the settings and configure the logs.

    If they name no servers, use those of a running `mailcase up`. A command prints what it did;
    only a service also logs it.

    Raises SettingsError.
    """
    settings = with_running_servers(load_settings(config, os.environ), config)
    level = settings.logs.level
    if is_quiet():
        level = "error"
    elif level == "info" and not is_service:
        level = "warning"
    configure_logs(settings.logs.format, level)
    return settings
