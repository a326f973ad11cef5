"""`mailcase recall ID`: take back an answer before it is sent."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.stored import to_document
from services.casework.results import Done
from services.cli.case.context import AsUser, acting, opened_repository
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded
from services.runtime.settings import Settings

OutgoingId = Annotated[
    str, Parameter(help="The answer's id, as `mailcase reply --hold` prints it.")
]


def recall(
    outgoing: OutgoingId,
    /,
    *,
    as_user: AsUser = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Take back an answer that waits for its hold time, so that it is never sent."""
    name = outgoing if outgoing.startswith("answer ") else f"answer {outgoing}"
    done = asyncio.run(_recalled(loaded(config), name, as_user))
    if json:
        print(msgspec.json.encode({"case": to_document(done.case), "recalled": name}).decode())
    else:
        print(f"case {done.case.number}: {name} is recalled")


async def _recalled(settings: Settings, name: str, as_user: str | None) -> Done:
    async with opened_repository(settings) as (_, repository):
        return await repository.recall(name, acting(as_user))
