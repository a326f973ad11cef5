"""What can go wrong with a private server. Each message is one line that says what to do about it."""

from pathlib import Path


class LocalServerError(Exception):
    """A private server could not be started, reached or ended."""


class MissingProgramError(LocalServerError):
    """A program is not installed. The message names every missing one and the command that installs them."""


class DataFolderInUseError(LocalServerError):
    """Another living launcher holds the data folder."""


class SettingsInUseError(LocalServerError):
    """Another living launcher serves these settings."""


def last_lines(log_file: Path, count: int = 12) -> str:
    """The end of a log for an error message, indented; empty when there is no log yet."""
    if not log_file.exists():
        return ""
    lines = log_file.read_text(errors="replace").splitlines()[-count:]
    return "".join(f"\n    {line}" for line in lines)
