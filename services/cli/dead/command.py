"""`mailcase dead`: list, show, retry and discard dead letters."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.mails import RawMail
from services.cli.dead.letters import (
    discard_letters,
    find_letter,
    find_letters,
    retry_letters,
    selection,
)
from services.cli.terminal.lines import print_line
from services.cli.terminal.mails import print_headers, write_bytes
from services.cli.terminal.options import (
    Before,
    Everything,
    Process,
    Raw,
    Why,
    one_choice,
)
from services.cli.terminal.output import (
    DEFAULT_CONFIG,
    Config,
    Json,
    loaded,
    printable,
)
from services.cli.terminal.tables import print_table
from services.cli.terminal.times import local_time, short_time
from services.runtime.broker.letters import DeadLetter

Ids = Annotated[
    list[str], Parameter(help="Ids, as `dead list` prints them; the first 6 digits are enough.")
]
Id = Annotated[
    str,
    Parameter(name="ID", help="The id, as `dead list` prints it; its first 6 digits are enough."),
]
Queue = Annotated[
    str | None,
    Parameter(name="--queue", help="Only dead letters of this queue, such as router.mail."),
]
Reason = Annotated[
    str | None,
    Parameter(name="--reason", help="Only dead letters whose reason contains this text."),
]


def list_messages(
    *,
    queue: Queue = None,
    reason: Reason = None,
    process: Process = None,
    before: Before = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """List dead letters. They stay in their queues."""
    chosen = selection(None, reason, process, before)
    letters = asyncio.run(find_letters(loaded(config), queue, chosen))
    if json:
        for letter in letters:
            print(msgspec.json.encode(_plain(letter)).decode())
        return
    if not letters:
        print("no dead letters")
        return
    print_table(
        ("id", "died", "in", "message", "mail key", "reason"),
        [_cells(letter) for letter in letters],
        whole=("id", "died", "in"),
        spare=("mail key", "message"),
        wrap_last=True,
    )


def _cells(letter: DeadLetter) -> tuple[str, ...]:
    since = short_time(letter.since) if letter.since else "?"
    return (
        letter.id,
        since,
        letter.origin,
        letter.delivery.tag,
        letter.delivery.message_id[:12],
        letter.reason,
    )


def show(id_: Id, /, *, raw: Raw = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show where a dead letter came from, why it failed and which mail it carries; with --raw, its
    exact bytes.
    """
    letter = asyncio.run(find_letter(loaded(config), id_))
    delivery, content = letter.delivery, letter.content
    if raw:
        write_bytes(delivery.body)
        return
    kind = delivery.tag or "no type"
    _say(f"{letter.id}: {kind}, {len(delivery.body)} bytes, died in {letter.origin}")
    _say(f"  reason: {letter.reason}")
    _say(f"  published to: {letter.first_publication()}")
    _say(f"  message id: {delivery.message_id or 'none'}")
    for name, value in sorted(letter.headers.items()):
        _say(f"  header {name}: {value}")
    if not isinstance(content, RawMail):
        _say("  this version cannot read it" if content is None else f"  {content}")
        return
    _say(f"  mail: {content.key}")
    _say(f"  fetched: {local_time(content.fetched_at)} from mailbox {content.mailbox}")
    print_headers(content.classifiable)


def _say(text: str) -> None:
    print_line(printable(text))


def retry(
    ids: Ids | None = None,
    /,
    *,
    everything: Everything = False,
    queue: Queue = None,
    reason: Reason = None,
    process: Process = None,
    before: Before = None,
    config: Config = DEFAULT_CONFIG,
) -> int:
    """Return dead letters to the queues in which they failed.

    If one cannot be requeued, it is reported and stays; the others continue.
    """
    one_choice("dead retry", "ids", ids, everything=everything)
    settings = loaded(config)
    retried, failed = asyncio.run(
        retry_letters(settings, queue, selection(ids, reason, process, before), ids)
    )
    if not retried and not failed:
        print("no dead letter to retry")
    return 1 if failed else 0


def discard(ids: Ids, /, *, why: Why, queue: Queue = None, config: Config = DEFAULT_CONFIG) -> int:
    """Remove dead letters from their queues.

    The database keeps each, with who discarded it and why.

    If one fails, it is reported and stays; the others continue.
    """
    settings = loaded(config)
    _, failed = asyncio.run(
        discard_letters(settings, queue, selection(ids, None, None, None), ids, why)
    )
    return 1 if failed else 0


def _plain(letter: DeadLetter) -> dict[str, object]:
    delivery = letter.delivery
    return {
        "id": letter.id,
        "queue": letter.origin,
        "reason": letter.reason,
        "died_at": letter.since,
        "type": delivery.tag,
        "message_id": delivery.message_id,
        "process": letter.process,
        "size": len(delivery.body),
        "published_to": letter.first_publication(),
    }
