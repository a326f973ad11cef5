"""`mailcase dead`: list, show, retry and discard dead letters."""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.mails import RawMail
from schemas.stored import Discard
from services.casework.dead_letters import browse_letters, discard_letter, requeue_letter
from services.cli.terminal.lines import print_line
from services.cli.terminal.options import (
    Before,
    Everything,
    Process,
    Raw,
    Why,
    before_moment,
    hex_prefix,
    one_choice,
)
from services.cli.terminal.output import (
    DEFAULT_CONFIG,
    Config,
    Json,
    loaded,
    printable,
    report_failure,
)
from services.cli.terminal.tables import print_table
from services.cli.terminal.times import local_time, short_time
from services.runtime.broker.browse import Found
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.letters import ID_DIGITS, DeadLetter
from services.runtime.errors import MailcaseError, Mistake, PermanentError, SettingsError
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

MIN_ID = 6
_DEAD = ".dead"

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

Chosen = Callable[[DeadLetter], bool]


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
    chosen = _choice(None, reason, process, before)
    letters = asyncio.run(_letters(loaded(config), queue, chosen))
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
    letter = asyncio.run(_one(loaded(config), id_))
    delivery, content = letter.delivery, letter.content
    if raw:
        sys.stdout.buffer.write(delivery.body)
        sys.stdout.buffer.flush()
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
    headers = MailHeaders.parse(content.classifiable)
    for name in ("Date", "From", "To", "Subject", "Message-ID"):
        _say(f"  {name}: {headers.text(name) or ''}")


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
        _retry(settings, queue, _choice(ids, reason, process, before), ids)
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
    _, failed = asyncio.run(_discard(settings, queue, _choice(ids, None, None, None), ids, why))
    return 1 if failed else 0


def _choice(
    ids: list[str] | None, reason: str | None, process: str | None, before: str | None
) -> Chosen:
    ids = (
        None
        if ids is None
        else [hex_prefix(text, MIN_ID, 64, "`mailcase dead list`") for text in ids]
    )
    latest = before_moment(before, datetime.now(UTC))

    def chosen(letter: DeadLetter) -> bool:
        return (
            (ids is None or any(letter.id.startswith(prefix[:ID_DIGITS]) for prefix in ids))
            and (reason is None or reason in letter.reason)
            and process in {None, letter.process}
            and (latest is None or (letter.since is not None and letter.since < latest))
        )

    return chosen


async def _found(
    settings: Settings, broker: Broker, queue: str | None, chosen: Chosen
) -> AsyncIterator[tuple[Found, DeadLetter]]:
    """The chosen letters, queue by queue."""
    await broker.declare(topology_of(settings))
    origins = topology_of(settings).origins
    if queue is not None and queue.removesuffix(_DEAD) not in origins:
        raise SettingsError(
            [
                Mistake(
                    "--queue", f"{queue} has no dead letters", f"choose one of {', '.join(origins)}"
                )
            ]
        )
    for origin in origins:
        if queue is not None and queue.removesuffix(_DEAD) != origin:
            continue
        async with aclosing(browse_letters(broker, origin, limit=None)) as letters:
            async for found, letter in letters:
                if chosen(letter):
                    yield found, letter


async def _letters(settings: Settings, queue: str | None, chosen: Chosen) -> list[DeadLetter]:
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        return [letter async for _, letter in _found(settings, broker, queue, chosen)]


async def _one(settings: Settings, id_: str) -> DeadLetter:
    letters = await _letters(settings, None, _choice([id_], None, None, None))
    _check_ids(letters, [id_])
    return letters[0]


Act = Callable[[Found, DeadLetter], Awaitable[str]]


async def _for_each(
    found: AsyncIterator[tuple[Found, DeadLetter]], act: Act, failure: str
) -> tuple[int, int]:
    """Call `act` for each letter and print its result; returns how many succeeded and how many
    failed.
    """
    done = failed = 0
    async for message, letter in found:
        try:
            result = await act(message, letter)
        except MailcaseError as error:
            failed += 1
            report_failure(letter.id, f"{failure}, and still in {letter.origin}{_DEAD}: {error}")
        else:
            done += 1
            print(f"{letter.id}: {result}", flush=True)
    return done, failed


async def _retry(
    settings: Settings, queue: str | None, chosen: Chosen, ids: list[str] | None
) -> tuple[int, int]:
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        if ids:
            _check_ids([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)

        async def requeue(found: Found, letter: DeadLetter) -> str:
            await requeue_letter(broker, found, letter)
            return f"requeued in {letter.origin}"

        return await _for_each(_found(settings, broker, queue, chosen), requeue, "not retried")


async def _discard(
    settings: Settings, queue: str | None, chosen: Chosen, ids: list[str], why: str
) -> tuple[int, int]:
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("dead")) as broker,
    ):
        _check_ids([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)
        note = Discard(by=getpass.getuser(), why=why, at=datetime.now(UTC))

        async def discard_one(found: Found, letter: DeadLetter) -> str:
            await discard_letter(store, found, letter, note)
            return "discarded"

        return await _for_each(
            _found(settings, broker, queue, chosen), discard_one, "not discarded"
        )


def _check_ids(letters: list[DeadLetter], ids: list[str]) -> None:
    """Raise PermanentError if an id matches no letter, or several; letters with equal content count
    as one.
    """
    for prefix in ids:
        matching = {
            letter.id for letter in letters if letter.id.startswith(prefix[:ID_DIGITS].lower())
        }
        if not matching:
            raise PermanentError(
                f"there is no dead letter {prefix}; `mailcase dead list` shows their ids"
            )
        if len(matching) > 1:
            raise PermanentError(f"several ids start with {prefix}: give more digits")


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
