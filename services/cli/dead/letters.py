"""Finds dead letters by what the command line selects, requeues them and discards them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime

from schemas.stored import Discard
from services.casework.dead_letters import browse_letters, discard_letter, requeue_letter
from services.cli.terminal.account import account_name
from services.cli.terminal.options import before_moment, hex_prefix
from services.cli.terminal.output import report_failure
from services.runtime.broker.browse import Found
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.letters import ID_DIGITS, DeadLetter
from services.runtime.errors import MailcaseError, Mistake, PermanentError, SettingsError
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

MIN_ID = 6
_DEAD = ".dead"

Chosen = Callable[[DeadLetter], bool]


def selection(
    ids: list[str] | None, reason: str | None, process: str | None, before: str | None
) -> Chosen:
    """A filter by ids (or their beginnings), reason, process and time; None does not filter.

    Raises SettingsError if an id or time is invalid.
    """
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


async def find_letters(settings: Settings, queue: str | None, chosen: Chosen) -> list[DeadLetter]:
    """The chosen letters of a queue, or of all queues if it is None. Raises TransientError."""
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        return [letter async for _, letter in _found(settings, broker, queue, chosen)]


async def find_letter(settings: Settings, id_: str) -> DeadLetter:
    """The letter whose id begins with `id_`. Raises PermanentError if there is none, or several."""
    letters = await find_letters(settings, None, selection([id_], None, None, None))
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


async def retry_letters(
    settings: Settings, queue: str | None, chosen: Chosen, ids: list[str] | None
) -> tuple[int, int]:
    """Requeue the chosen letters; returns how many succeeded and how many failed.

    Raises PermanentError before the first one if one of `ids` matches no letter, or several.
    """
    async with Broker.connected(broker_url(settings), connection_name("dead")) as broker:
        if ids:
            _check_ids([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)

        async def requeue(found: Found, letter: DeadLetter) -> str:
            await requeue_letter(broker, found, letter)
            return f"requeued in {letter.origin}"

        return await _for_each(_found(settings, broker, queue, chosen), requeue, "not retried")


async def discard_letters(
    settings: Settings, queue: str | None, chosen: Chosen, ids: list[str], why: str
) -> tuple[int, int]:
    """Discard the chosen letters; returns how many succeeded and how many failed.

    Raises PermanentError before the first one if one of `ids` matches no letter, or several.
    """
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("dead")) as broker,
    ):
        _check_ids([letter async for _, letter in _found(settings, broker, queue, chosen)], ids)
        note = Discard(by=account_name(), why=why, at=datetime.now(UTC))

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
