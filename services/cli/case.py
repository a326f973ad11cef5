"""`mailcase case show N`: a case as it stands in the database."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from services.cli.common import DEFAULT_CONFIG, Config, Json, loaded, printable, size_text
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings
from services.runtime.stage import store_url
from services.runtime.store import Document, Store

Number = Annotated[int, Parameter(help="The case's number, as in [#235].")]


def show(number: Number, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Show a case with its comments and attachments."""
    case, comments = asyncio.run(read_case(loaded(config), number))
    if json:
        print(msgspec.json.format(msgspec.json.encode(case | {"comments": comments})).decode())
    else:
        print_case(Console(markup=False, highlight=False), case, comments)


async def read_case(settings: Settings, number: int) -> tuple[Document, list[Document]]:
    """The case and its comments, oldest first. Raises PermanentError where there is no such case."""
    async with Store.opened(store_url(settings), settings.store.database) as store:
        case = await store.collection("cases").find_one({"_id": number})
        if case is None:
            raise PermanentError(f"there is no case {number}")
        return case, await store.collection("comments").find({"case": number}, sort="at")


def print_case(console: Console, case: Document, comments: list[Document]) -> None:
    """A case for a person; nothing in it can drive the terminal."""
    _line(console, f"Case [#{case['_id']}] {case['title']}", "bold")
    _line(console, f"  {case['process']} / {case['stage']}, {case['status']}; opened {_time(case['opened_at'])}")
    _line(console, f"  participants: {', '.join(case['participants']) or 'none'}")
    for comment in comments:
        print_comment(console, comment)


def print_comment(console: Console, comment: dict[str, Any]) -> None:
    author = comment["author"]
    who = f"{author['name']} <{author['address']}>" if author["name"] else author["address"] or "unknown sender"
    flags = f"  ({', '.join(comment['flags'])})" if comment["flags"] else ""
    _line(console, f"\n  {_time(comment['at'])}  {comment['kind']} from {who}{flags}", "cyan")
    for line in comment["text"].splitlines():
        _line(console, f"    {line}")
    for one in comment["attachments"]:
        mark = "inline, " if one["inline"] else ""
        _line(console, f"    + {one['name']} ({one['content_type']}, {mark}{size_text(one['size'])})", "green")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")
