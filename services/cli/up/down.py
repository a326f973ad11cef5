"""`mailcase down`: stops a running `mailcase up`, from another terminal."""

import os
import signal
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deploy.local.single_instance import Launcher, launcher_of
from services.cli.terminal.output import DEFAULT_CONFIG, Config
from services.runtime.errors import Mistake, PermanentError, SettingsError

Wait = Annotated[
    float,
    Parameter(name="--wait", help="How many seconds to wait for the end.", validator=Number(gt=0)),
]


def down(*, wait: Wait = 90.0, config: Config = DEFAULT_CONFIG) -> None:
    """Stop the `mailcase up` of these settings and wait until it has ended.

    Its services finish their work first. If none runs, the command succeeds.
    """
    launcher = running_launcher(config)
    if launcher is None:
        print(f"nothing runs for {config}")
        return
    try:
        os.kill(launcher.pid, signal.SIGTERM)
    except PermissionError as error:
        raise PermanentError(
            f"`mailcase up` runs as another user (process {launcher.pid}): stop it as that user"
        ) from error
    except ProcessLookupError:
        pass  # it is ending already
    deadline = time.monotonic() + wait
    while _runs(launcher, config):
        if time.monotonic() > deadline:
            raise PermanentError(
                f"process {launcher.pid} has not ended after {wait:.0f} s: see its logs"
            )
        time.sleep(0.1)  # nothing notifies us of the end of another's process
    print(f"stopped (process {launcher.pid})")


def running_launcher(config: Path) -> Launcher | None:
    """The `up` of these settings. Raises SettingsError if their folder does not exist."""
    try:
        return launcher_of(config)
    except OSError as error:
        hint = "name the settings with --config"
        problem = f"{config.absolute().parent} cannot be read: {error.strerror}"
        raise SettingsError([Mistake("--config", problem, hint)]) from error


def _runs(launcher: Launcher, config: Path) -> bool:
    found = launcher_of(config)
    return found is not None and found.pid == launcher.pid
