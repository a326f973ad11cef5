"""`mailcase case add N KEY`: add a parked or ignored mail to a case."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from services.casework.parked import ParkedMailRepository
from services.cli.case.context import acting, existing, opened_repository
from services.cli.parked import report_outcomes
from services.cli.terminal.options import CaseNumber, key_prefix
from services.cli.terminal.output import DEFAULT_CONFIG, Config, loaded
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs

Key = Annotated[str, Parameter(help="The mail key; its first 8 digits are enough.")]


def add(number: CaseNumber, key: Key, /, *, config: Config = DEFAULT_CONFIG) -> int:
    """Add a parked or ignored mail to a case. Its author takes part in the case from then on."""
    return asyncio.run(_add(loaded(config), number, key_prefix(key)))


async def _add(settings: Settings, number: int, prefix: str) -> int:
    async with (
        opened_repository(settings) as (store, repository),
        Broker.connected(broker_url(settings), connection_name("case-add")) as broker,
    ):
        await existing(repository, number)
        mails = ParkedMailRepository(store, kept_blobs(store, settings))
        mail = await mails.get(prefix)
        await broker.declare(topology_of(settings))
        inline_bytes = settings.limits.inline_mail_bytes
        await mails.add_to_case(
            mail, number, acting(None).actor, broker.publish, inline_bytes=inline_bytes
        )
        return 1 if await report_outcomes(mails, [mail]) else 0
