"""Generated secrets of the private servers, stored in the data folder and readable by their owner
only.
"""

import os
import secrets
from pathlib import Path


class Secrets:
    """One file for each secret, in a folder that only its owner can enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str | None:
        """The secret; None if it is missing or empty."""
        try:
            return self.path(name).read_text().strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def obtain(self, name: str) -> str:
        """The secret of this name; generated if it is missing."""
        secret = self.read(name)
        if secret is None:
            secret = secrets.token_hex(24)
            self.write(name, secret)
        return secret

    def write(self, name: str, secret: str) -> None:
        """Write a secret atomically; other users can never read it."""
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
