"""Shared by the commands of `mailcase case`: the actor, the database, and the text of a refusal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cyclopts import Parameter

from schemas.changes import Actor
from services.casework.actors import ActingAs
from services.casework.outgoing import OutgoingMailBuilder
from services.casework.persistence.repository import CaseRepository
from services.casework.results import no_such_case
from services.cli.terminal.account import account_name
from services.cli.terminal.options import reject_blank
from services.runtime.errors import PermanentError
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

AsUser = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Act as this user, with the roles that the settings give them; default: with every role.",
        env_var="MAILCASE_AS",
        show_env_var=True,
        validator=reject_blank,
    ),
]


def acting(as_user: str | None) -> ActingAs:
    """The account's name with every role, or a user with the roles of the settings."""
    if as_user is not None:
        user = as_user.strip().lower()  # as accounts have it
        return ActingAs(Actor(kind="person", id=user, name=user))
    account = account_name()
    return ActingAs(Actor(kind="person", id=f"cli:{account}", name=account), everything=True)


@asynccontextmanager
async def opened_repository(settings: Settings) -> AsyncIterator[tuple[Store, CaseRepository]]:
    """The database of the settings, and the cases in it."""
    async with Store.opened(store_url(settings), settings.store.database) as store:
        builder = OutgoingMailBuilder(settings, message_id_signer(settings))
        yield store, CaseRepository(store, settings.processes, compose=builder.notice)


async def existing(repository: CaseRepository, number: int) -> None:
    """Raise PermanentError when there is no such case."""
    if await repository.case(number) is None:
        raise PermanentError(str(no_such_case(number)))
