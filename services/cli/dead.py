"""`mailcase dead`: messages that broke their contract or their delivery limit, tried again or set aside by a person."""

import asyncio
import getpass
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.mails import RawMail
from schemas.stored import Discard, DiscardedMessage, to_document
from services.cli.dead_letters import ID_DIGITS, DeadLetter
from services.cli.terminal.options import Before, Everything, Process, Raw, Why, before_moment, hex_prefix, one_choice
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable, report_failure
from services.cli.terminal.tables import print_table
from services.runtime.broker.browse import Found, browse_queue
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import MailcaseError, Mistake, PermanentError, SettingsError
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

MIN_ID = 6
_DEAD = ".dead"

Ids = Annotated[list[str], Parameter(help="Ids, as `dead list` prints them; the first 6 characters are enough.")]
Id = Annotated[str, Parameter(help="The message's id, as `dead list` prints it.")]
Queue = Annotated[str | None, Parameter(name="--queue", help="Only what died in this queue, as router.mail.")]
Reason = Annotated[str | None, Parameter(name="--reason", help="Only messages whose reason contains this.")]

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
    """List dead letters; each stays where it is."""
    chosen = _choice(None, reason, process, before)
    letters = asyncio.run(_letters(loaded(config), queue, chosen))
    if json:
        for letter in letters:
            print(msgspec.json.encode(_plain(letter)).decode())
        return
    if not letters:
        print("no dead letters")
        return
    print_table(("id", "died", "in", "message", "mail key", "reason"), [_cells(letter) for letter in letters])


def _cells(letter: DeadLetter) -> tuple[str, ...]:
    since = f"{letter.since:%Y-%m-%d %H:%M}" if letter.since else "?"
    return letter.id, since, letter.origin, letter.delivery.tag, letter.delivery.message_id[:12], letter.reason


def show(id_: Id, /, *, raw: Raw = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show where a message came from, why it is here and whose mail it carries; or its bytes."""
    letter = asyncio.run(_one(loaded(config), id_))
    delivery, content = letter.delivery, letter.content
    if raw:
        sys.stdout.buffer.write(delivery.body)
        sys.stdout.buffer.flush()
        return
    print(printable(f"{letter.id}: {delivery.tag or 'no type'}, {len(delivery.body)} bytes, died in {letter.origin}"))
    print(printable(f"  reason: {letter.reason}"))
    print(printable(f"  published to: {letter.came_by()}; message id {delivery.message_id or 'none'}"))
    for name, value in sorted(letter.headers.items()):
        print(printable(f"  header {name}: {value}"))
    if not isinstance(content, RawMail):
        print("  cannot be read by this version" if content is None else f"  {printable(str(content))}")
        return
    print(printable(f"  mail {content.key} of mailbox {content.mailbox}, fetched {content.fetched_at:%Y-%m-%d %H:%M}"))
    headers = MailHeaders.parse(content.classifiable)
    for name in ("Date", "From", "To", "Subject", "Message-ID"):
        print(f"  {name}: {printable(headers.text(name) or '')}")


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
    """Put messages back into the queues where they died. One that fails is reported and stays; the others go on."""
    one_choice("dead retry", "ids", ids, everything=everything)
    settings = loaded(config)
    retried, failed = asyncio.run(_retry(settings, queue, _choice(ids, reason, process, before), ids))
    if not retried and not failed:
        print("no dead letter to retry")
    return 1 if failed else 0


def discard(ids: Ids, /, *, why: Why, queue: Queue = None, config: Config = DEFAULT_CONFIG) -> int:
    """Take messages out for good; each is kept in the database with who did it and why.

    One that fails is reported and stays; the others go on.
    """
    settings = loaded(config)
    _, failed = asyncio.run(_discard(settings, queue, _choice(ids, None, None, None), ids, why))
    return 1 if failed else 0


def _choice(ids: list[str] | None, reason: str | None, process: str | None, before: str | None) -> Chosen:
    ids = None if ids is None else [hex_prefix(one, MIN_ID, 64, "`mailcase dead list`") for one in ids]
    latest = before_moment(before, datetime.now(UTC))

    def chosen(letter: DeadLetter) -> bool:
        return (
            (ids is None or any(letter.id.startswith(one[:ID_DIGITS]) for one in ids))
            and (reason is None or reason in letter.reason)
            and process in {None, letter.process}
            and (latest is None or (letter.since is not None and letter.since < latest))
        )

    return chosen


async def _found(
    settings: Settings, broker: Broker, queue: str | None, chosen: Chosen
) -> AsyncIterator[tuple[Found, DeadLetter]]:
    """Those that are chosen, held until the whole looking ends, so that none is seen twice."""
    await broker.declare(topology_of(settings))
    origins = [one.name.removesuffix(_DEAD) for one in topology_of(settings).queues if one.name.endswith(_DEAD)]
    if queue is not None and queue.removesuffix(_DEAD) not in origins:
        raise SettingsError([Mistake("--queue", f"{queue} has no dead letters", f"choose one of {', '.join(origins)}")])
    async with AsyncExitStack() as stack:
        for origin in origins:
            if queue is not None and queue.removesuffix(_DEAD) != origin:
                continue
            async for found in await stack.enter_async_context(browse_queue(broker, origin + _DEAD)):
                letter = DeadLetter(origin, found.delivery)
                if chosen(letter):
                    yield found, letter


async def _letters(settings: Settings, queue: str | None, chosen: Chosen) -> list[DeadLetter]:
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        return [letter async for _, letter in _found(settings, broker, queue, chosen)]


async def _one(settings: Settings, id_: str) -> DeadLetter:
    letters = await _letters(settings, None, _choice([id_], None, None, None))
    _each_names_one(letters, [id_])
    return letters[0]


Act = Callable[[Found, DeadLetter], Awaitable[str]]


async def _each(found: AsyncIterator[tuple[Found, DeadLetter]], act: Act, what_failed: str) -> tuple[int, int]:
    """Do something to each message and print what it says; how many it was done to, and how many it failed for."""
    done = failed = 0
    async for one, letter in found:
        try:
            said = await act(one, letter)
        except MailcaseError as error:
            failed += 1
            report_failure(letter.id, f"{what_failed}, and still in {letter.origin}{_DEAD}: {error}")
        else:
            done += 1
            print(f"{letter.id}: {said}", flush=True)
    return done, failed


async def _retry(settings: Settings, queue: str | None, chosen: Chosen, ids: list[str] | None) -> tuple[int, int]:
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        if ids:
            _each_names_one([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)

        async def put_back(found: Found, letter: DeadLetter) -> str:
            delivery = letter.delivery
            # Straight to its queue: the exchange would hand it to the archive once more.
            await broker.publish(Outgoing.copy_of(delivery, letter.origin, letter.headers))
            await found.take()
            return f"back in {letter.origin}"

        return await _each(_found(settings, broker, queue, chosen), put_back, "not retried")


async def _discard(settings: Settings, queue: str | None, chosen: Chosen, ids: list[str], why: str) -> tuple[int, int]:
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("dead")) as broker,
    ):
        _each_names_one([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)
        note = Discard(by=getpass.getuser(), why=why, at=datetime.now(UTC))

        async def set_aside(found: Found, letter: DeadLetter) -> str:
            body = await Blobs(store).put(letter.delivery.body)
            discarded = DiscardedMessage(
                id=uuid.uuid4().hex,
                queue=letter.origin,
                tag=letter.delivery.tag,
                message_id=letter.delivery.message_id,
                reason=letter.reason,
                body=body.sha256,
                discarded=note,
            )
            await store.collection("discards").insert([to_document(discarded)])
            await found.take()
            return "discarded"

        return await _each(_found(settings, broker, queue, chosen), set_aside, "not discarded")


def _each_names_one(letters: list[DeadLetter], ids: list[str]) -> None:
    """Raise PermanentError where an id names no message, or several; equal ones are one."""
    for one in ids:
        named = {letter.id for letter in letters if letter.id.startswith(one[:ID_DIGITS].lower())}
        if not named:
            raise PermanentError(f"there is no dead letter {one}; `mailcase dead list` has those that there are")
        if len(named) > 1:
            raise PermanentError(f"{one} begins the ids of several messages: give more of it")


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
        "published_to": letter.came_by(),
    }
