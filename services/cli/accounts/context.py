"""Shared by the commands of accounts: the accounts of the settings, and the text of a refusal."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.desk.accounts.accounts import Accounts
from services.desk.accounts.errors import AccountError
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store


@asynccontextmanager
async def opened_accounts(settings: Settings, command: str) -> AsyncIterator[Accounts]:
    """The accounts in the database of the settings. Raises SettingsError, naming `command`, for
    invalid arguments.
    """
    async with Store.opened(store_url(settings), settings.store.database) as store:
        try:
            yield Accounts(store, settings.desk)
        except AccountError as error:
            if error.reason.startswith("invalid-"):
                raise SettingsError([Mistake(command, error.problem, error.hint)]) from error
            raise


def operator() -> str:
    """Who acts, for the audit log: the account of this machine."""
    return f"cli:{getpass.getuser()}"
