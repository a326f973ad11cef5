"""Errors of the private servers. Each message is one line: what failed and how to fix it."""

from pathlib import Path


class LocalServerError(Exception):
    """A private server could not be started, reached or stopped."""


class MissingProgramError(LocalServerError):
    """Programs are not installed.

    The message names all of them and the command that installs them.
    """


class DataFolderInUseError(LocalServerError):
    """Another running launcher uses the data folder."""


class SettingsInUseError(LocalServerError):
    """Another running launcher uses these settings."""


def last_lines(log_file: Path, count: int = 12) -> str:
    """The end of a log, indented, for an error message; empty if there is no log."""
    if not log_file.exists():
        return ""
    lines = log_file.read_text(errors="replace").splitlines()[-count:]
    return "".join(f"\n    {line}" for line in lines)
