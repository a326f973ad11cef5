"""The existing settings, to which a second run adds."""

import os
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from services.runtime.errors import PermanentError
from services.runtime.settings import Settings, load_settings


@dataclass(frozen=True)
class Existing:
    """The file's text and its settings; both are None if there is no file yet."""

    text: str | None
    settings: Settings | None

    @classmethod
    def read(cls, config: Path) -> "Existing":
        """Raises SettingsError if there is a file that is invalid."""
        if not config.exists():
            if not config.absolute().parent.is_dir():
                raise PermanentError(
                    f"the folder {config.absolute().parent} does not exist: create it first"
                )
            return cls(None, None)
        settings = load_settings(config, os.environ)
        return cls(config.read_text(encoding="utf-8-sig"), settings)

    def server_like(self, protocol: str, host: str, port: int, *, delete: bool) -> str | None:
        """The name of a section for the same server with the same treatment of mails; None if there
        is none.
        """
        for name, server in (self.settings.servers if self.settings else {}).items():
            if (server.protocol, server.host, server.port, server.delete_after_fetch) == (
                protocol,
                host,
                port,
                delete,
            ):
                return name
        return None

    @property
    def has_keys(self) -> bool:
        """Whether Message-IDs are signed, which outgoing mail requires."""
        return self.settings is not None and self.settings.case_reference.key_file is not None

    @property
    def has_reference_table(self) -> bool:
        """Whether there is a table `[case_reference]`, which cannot be written a second time."""
        return self.text is not None and "case_reference" in tomllib.loads(self.text)

    @property
    def processes(self) -> list[str]:
        return list(self.settings.processes) if self.settings else []

    @property
    def mailboxes(self) -> list[str]:
        return list(self.settings.mailboxes) if self.settings else []

    @property
    def servers(self) -> list[str]:
        return list(self.settings.servers) if self.settings else []

    @property
    def smtp(self) -> list[str]:
        return list(self.settings.smtp) if self.settings else []

    @property
    def oauth2(self) -> list[str]:
        return list(self.settings.oauth2) if self.settings else []


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, followed by a number if it is taken."""
    number = 2
    name = wanted
    while name in taken:
        name = f"{wanted[:58]}-{number}"
        number += 1
    return name


def name_from(text: str, fallback: str) -> str:
    """A name for a section, made from any text: ASCII letters, digits and hyphens."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    name = "-".join(part for part in kept.split("-") if part)[:50].strip("-")
    return name or fallback
