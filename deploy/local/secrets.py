"""Generated secrets of the private servers, in the data folder: made once, readable by their owner only."""

import os
import secrets
from pathlib import Path


class Secrets:
    """One file for each secret, in a folder that is closed to others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str | None:
        """None if there is none, or an empty one."""
        try:
            return self.path(name).read_text().strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def obtain(self, name: str) -> str:
        """The secret of this name, made now if there is none."""
        known = self.read(name)
        if known is None:
            known = secrets.token_hex(24)
            self.write(name, known)
        return known

    def write(self, name: str, secret: str) -> None:
        """Written whole or not at all, and never readable by others, not even for a moment."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        new = self._folder / f".{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secret)
        new.replace(self.path(name))

    def forget(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        return self._folder / name
