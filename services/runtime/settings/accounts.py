"""Secrets that the settings refer to. They are read when needed and never stored."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from services.runtime.errors import Mistake, SettingsError

MAX_PASSWORD_BYTES = 64 * 1024


class Account(Struct, frozen=True, kw_only=True):
    """An account; at most one of `password_file`, `password_env` and `oauth2` (a section) is
    set.
    """

    name: str
    password_file: Path | None = None
    password_env: str | None = None
    oauth2: str | None = None

    @property
    def owner(self) -> str:
        """The name of the account in messages."""
        return self.name

    @property
    def _mailbox(self) -> str | None:
        return None

    def password(self, environ: Mapping[str, str]) -> str:
        """The current password, without one newline at its end; never empty, always one line.

        Call it for each connection, so that a changed password needs no restart. It may read a
        file, so it may block.

        :raises SettingsError: naming the account and the fix. A retry may succeed once whoever
            rotates secrets is done.
        """
        if self.password_file is not None:
            where, secret = str(self.password_file), self._from_file(self.password_file)
        else:
            where, secret = f"the variable {self.password_env}", self._from_variable(environ)
        secret = secret.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise self._no_password(f"{where} is empty", "put the password into it")
        if any(character in secret for character in "\r\n\0"):
            # A line break would end the log-in command of POP3 and begin another.
            raise self._no_password(
                f"{where} contains more than one line", "it must contain only the password"
            )
        return secret

    def _from_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return file.read(MAX_PASSWORD_BYTES).decode()
        except OSError as error:
            hint = "put the password into this file and let the user of this service read it"
            raise self._no_password(f"{path} cannot be read: {error.strerror}", hint) from error
        except UnicodeDecodeError:
            # Not chained: the error contains the bytes.
            raise self._no_password(f"{path} is not UTF-8", "save the password as UTF-8") from None

    def _from_variable(self, environ: Mapping[str, str]) -> str:
        secret = environ.get(self.password_env or "")
        if secret is None:
            raise self._no_password(
                f"the variable {self.password_env} is not set", "set it for this service"
            )
        if not secret.isascii() and any("\ud800" <= character <= "\udfff" for character in secret):
            # The form that os.environ gives invalid bytes. Encoding it later would raise an error
            # that contains the password.
            raise self._no_password(
                f"the variable {self.password_env} is not UTF-8", "set it as UTF-8"
            )
        return secret

    def _no_password(self, problem: str, hint: str) -> SettingsError:
        return SettingsError(
            [Mistake(self.owner, f"no password: {problem}", hint)], mailbox=self._mailbox
        )
