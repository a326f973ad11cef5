"""`mailcase case show N`: a case as it stands in the database."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from schemas.case_ref import CaseReference
from services.cli.terminal.options import CaseNumber
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable, size_text
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Document, Store

_PLAIN = CaseReference()


def show(number: CaseNumber, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Show a case with its comments and attachments."""
    settings = loaded(config)
    case, comments, waiting = asyncio.run(read_case(settings, number))
    if json:
        whole = case | {"comments": comments, "waiting": waiting}
        print(msgspec.json.format(msgspec.json.encode(whole)).decode())
    else:
        reference = CaseReference(settings.case_reference.prefix)
        print_case(Console(markup=False, highlight=False), case, comments, waiting, reference=reference)


async def read_case(settings: Settings, number: int) -> tuple[Document, list[Document], list[Document]]:
    """The case, its comments and its mails that are not out yet, oldest first.

    Raises PermanentError where there is no such case.
    """
    async with Store.opened(store_url(settings), settings.store.database) as store:
        case = await store.collection("cases").find_one({"_id": number})
        if case is None:
            raise PermanentError(f"there is no case {number}")
        comments = await store.collection("comments").find({"case": number}, sort="at")
        waiting = {"case": number, "state": {"$in": ["pending", "claimed"]}}
        return case, comments, await store.collection("outbox").find(waiting, sort="created_at")


def print_case(
    console: Console,
    case: Document,
    comments: list[Document],
    waiting: Sequence[Document] = (),
    *,
    reference: CaseReference = _PLAIN,
) -> None:
    """A case for a person, its number as the settings write it; nothing in it can drive the terminal."""
    _line(console, f"{reference.title(case['_id'], 'Case')} {case['title']}", "bold")
    _line(console, f"  {case['process']} / {case['stage']}, {case['status']}; opened {_time(case['opened_at'])}")
    _line(console, f"  participants: {', '.join(case['participants']) or 'none'}")
    for comment in comments:
        print_comment(console, comment)
    for mail in waiting:
        reason = f": {mail['failure']}" if mail["failure"] else ""
        _line(console, f"\n  {mail['kind']} to {', '.join(mail['to'])} is not out yet{reason}", "yellow")


def print_comment(console: Console, comment: dict[str, Any]) -> None:
    author = comment["author"]
    who = f"{author['name']} <{author['address']}>" if author["name"] else author["address"] or "unknown sender"
    flags = f"  ({', '.join(comment['flags'])})" if comment["flags"] else ""
    _line(console, f"\n  {_time(comment['at'])}  {comment['kind']} from {who}{flags}", "cyan")
    if comment.get("failure"):
        _line(console, f"    ! not delivered: {comment['failure']}", "red")
    for line in comment["text"].splitlines():
        _line(console, f"    {line}")
    for one in comment["attachments"]:
        mark = "inline, " if one["inline"] else "from an attached message, " if "from-message" in one["flags"] else ""
        _line(console, f"    + {one['name']} ({one['content_type']}, {mark}{size_text(one['size'])})", "green")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")
