"""Asks for a password or for the credentials of an OAuth 2.0 provider."""

import sys
from dataclasses import dataclass
from pathlib import Path

from services.cli.init.discovery.servers import Provider
from services.cli.init.draft import OAuth2Draft
from services.cli.init.existing import free_name, name_from
from services.cli.init.files import free_file
from services.cli.init.setup import Setup
from services.runtime.errors import Mistake, SettingsError


@dataclass(frozen=True)
class CredentialDraft:
    """Exactly one is set: the file of a password, or the name of a section `[oauth2.NAME]`.

    `section` is that section if it is new.
    """

    password_file: str = ""
    oauth2: str = ""
    section: OAuth2Draft | None = None


def ask_password(
    setup: Setup, what: str, name: str, given: Path | None, option: str
) -> CredentialDraft:
    """Ask for a password, which is written to a new file named after `name`. If a file is given,
    only its name is used.

    Raises SettingsError and StoppedError.
    """
    if given is not None and str(given) != "-":
        if not given.is_file():
            raise SettingsError(
                [
                    Mistake(
                        option,
                        f"{given} is not a file: create it with the password as its only content",
                    )
                ]
            )
        return CredentialDraft(password_file=str(given.absolute()))
    if given is not None:
        secret = sys.stdin.readline().rstrip("\r\n")
        if not secret:
            raise SettingsError([Mistake(option, "standard input is empty")])
    else:
        secret = setup.dialog.secret(f"Password of {what}", option)
    return CredentialDraft(password_file=keep_secret(setup, f"{name}.password", secret))


def keep_secret(setup: Setup, name: str, secret: str) -> str:
    """Remember a secret for a new file next to the settings; returns the file's name."""
    name = free_file(setup.folder, name)
    setup.secrets[name] = secret + "\n"
    return name


def ask_tokens(setup: Setup, provider: Provider, domain: str) -> CredentialDraft:
    """The section for tokens of the provider; docs/mailboxes.md describes the provider's side.

    Raises SettingsError and StoppedError.
    """
    existing = setup.existing.settings.oauth2 if setup.existing.settings else {}
    for name, section in existing.items():
        question = f"Use the tokens of [oauth2.{name}] in the settings?"
        if section.provider == provider and setup.dialog.yes(question, default=True):
            return CredentialDraft(oauth2=name)
    answers, dialog = setup.answers, setup.dialog
    dialog.say(f"This server needs tokens (OAuth 2.0) of {provider.capitalize()}.")
    dialog.say("How to get their credentials: docs/mailboxes.md, OAuth 2.0.")
    tenant = client_id = ""
    if provider == "microsoft":
        tenant = dialog.text("Tenant (its domain)", "--tenant", answers.tenant, domain)
        client_id = dialog.text("Application (client) id", "--client-id", answers.client_id)
    name = free_name(name_from(provider, "tokens"), setup.existing.oauth2)
    file = _secret_file(setup, provider, name)
    return CredentialDraft(
        oauth2=name,
        section=OAuth2Draft(name, provider, file, tenant, client_id, answers.token_url or ""),
    )


def _secret_file(setup: Setup, provider: Provider, name: str) -> str:
    """The file with the client secret (Microsoft) or Google's JSON."""
    given = setup.answers.secret_file
    if given is None and provider == "microsoft":
        secret = setup.dialog.secret("Client secret", "--secret-file")
        return keep_secret(setup, f"{name}.secret", secret)
    shown = None if given is None else str(given)
    return setup.dialog.value("File with Google's JSON", "--secret-file", shown, None, _file)


def _file(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return str(path.absolute())
