"""Shared by the account commands: the accounts of the settings, and the text of a refusal."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from services.cli.terminal.account import account_name
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.errors import AccountError
from services.desk.events import PATIENCE_S, announce_access_change
from services.runtime.broker.configured import broker_url, connection_name
from services.runtime.broker.connection import Broker
from services.runtime.errors import MailcaseError, Mistake, SettingsError
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store


@asynccontextmanager
async def opened_accounts(settings: Settings, command: str) -> AsyncIterator[Accounts]:
    """The accounts in the database of the settings. Raises SettingsError, naming `command`, for
    invalid arguments. At the end, it announces to the desks whose access changed.
    """
    changed: list[str] = []

    async def announce(subjects: Sequence[str]) -> None:
        changed.extend(subjects)

    async with Store.opened(store_url(settings), settings.store.database) as store:
        try:
            yield Accounts(store, settings.desk, announce=announce)
        except AccountError as error:
            if error.reason.startswith("invalid-"):
                raise SettingsError([Mistake(command, error.problem, error.hint)]) from error
            raise
    if changed:
        await _announce(settings, changed)


async def _announce(settings: Settings, subjects: Sequence[str]) -> None:
    """Announce changed access to the desks. Without a broker, they notice it within ten seconds."""
    with suppress(MailcaseError, TimeoutError):
        async with (
            asyncio.timeout(PATIENCE_S),
            Broker.connected(broker_url(settings), connection_name("accounts")) as broker,
        ):
            await announce_access_change(broker, subjects)


def operator() -> str:
    """Who acts, for the audit log: the account of this machine."""
    return f"cli:{account_name()}"
