"""`mailcase case history N`: who did what to a case."""

import asyncio
from typing import Any

import msgspec

from schemas.changes import Change
from schemas.stored import to_document
from services.cli.case.context import existing, opened_repository
from services.cli.case.listing import local_time
from services.cli.terminal.options import CaseNumber
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded
from services.cli.terminal.tables import print_table
from services.runtime.settings import Settings


def history(number: CaseNumber, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Show every change of a case, the oldest first."""
    changes = asyncio.run(_history(loaded(config), number))
    if json:
        for change in changes:
            print(msgspec.json.encode(to_document(change)).decode())
        return
    rows = [
        (str(change.revision), local_time(change.at), change.actor.name or change.actor.id[:24], described(change))
        for change in changes
    ]
    print_table(("revision", "when", "who", "what"), rows)


async def _history(settings: Settings, number: int) -> list[Change]:
    async with opened_repository(settings) as (_, repository):
        await existing(repository, number)
        return await repository.history(number)


def described(change: Change) -> str:
    """One line about a change: its name, then what it changed."""
    what: dict[str, Any] = to_document(change.what)
    name = str(what.pop("type"))
    details = [f"{key.replace('_', ' ')} {_short(value)}" for key, value in what.items() if _is_told(key, value)]
    return f"{name}: {', '.join(details)}" if details else name


def _is_told(key: str, value: object) -> bool:
    return value not in (None, "", [], {}, False) and key not in {"was", "mailbox", "opened_at", "was_status"}


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={one['value'] if one else 'none'}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(str(one)[:40] for one in value)
    return str(value)[:60]
