"""`mailcase replay`: replays archived mails, to restore missing outcomes or to rederive recorded
ones.
"""

import asyncio
import signal
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from services.case_writer.main import isolated_reader
from services.cli.replay.archive_reader import begin_at, read_case_history
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.case_numbers import keep_numbers, print_gaps
from services.cli.replay.dry_run import DryRun
from services.cli.replay.options import NOT_APPLIED_AGAIN, ReplayOptions
from services.cli.replay.publisher import ReplayPublisher
from services.cli.replay.selection import Choice, bracketed, check_selection
from services.cli.replay.session import ReplaySession
from services.cli.terminal.options import (
    FromOffset,
    Mailbox,
    Process,
    Rate,
    key_prefix,
    moment,
    reject_blank,
    since_moment,
)
from services.cli.terminal.output import DEFAULT_CONFIG, Config, loaded
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import Start, last_offset
from services.runtime.broker.topology import MAIL_ARCHIVE
from services.runtime.errors import Mistake, SettingsError
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

STOPPED = 130  # the status that shells use for SIGINT

Since = Annotated[
    str | None,
    Parameter(
        name="--since", help="Only mails fetched since: a time (UTC), or an age such as 2h or 7d."
    ),
]
Until = Annotated[
    str | None,
    Parameter(name="--until", help="Only mails fetched before: a time (UTC), or an age."),
]
MailKey = Annotated[
    str | None,
    Parameter(
        name="--mail-key", help="Only the mail with this key; its first 8 digits are enough."
    ),
]
MessageId = Annotated[
    str | None,
    Parameter(name="--message-id", help="Only mails with this Message-ID.", validator=reject_blank),
]
Outcome = Annotated[
    str | None,
    Parameter(
        name="--outcome",
        help="Only mails with this outcome: opened, appended, parked, ignored, or none.",
    ),
]
Only = Annotated[
    Literal["missing"] | None,
    Parameter(name="--only", help="Only mails without a recorded outcome; the default."),
]
Rederive = Annotated[
    bool,
    Parameter(
        name="--rederive",
        negative="",
        help="Read and decide recorded mails again, and update them in place.",
    ),
]
Move = Annotated[
    bool,
    Parameter(
        name="--move",
        negative="",
        help="With --rederive: move mails that the current rules put into another case.",
    ),
]
Dry = Annotated[
    bool,
    Parameter(
        name="--dry-run",
        negative="",
        help="Change nothing; print the recorded and the current decision for each mail.",
    ),
]


def replay(
    *,
    since: Since = None,
    until: Until = None,
    process: Process = None,
    mailbox: Mailbox = None,
    mail_key: MailKey = None,
    message_id: MessageId = None,
    outcome: Outcome = None,
    only: Only = None,
    rederive: Rederive = False,
    move: Move = False,
    dry_run: Dry = False,
    rate: Rate = 500.0,
    from_offset: FromOffset = None,
    config: Config = DEFAULT_CONFIG,
) -> int:
    """Process archived mails again.

    Idempotent: correct outcomes stay as they are, however often they are replayed.
    """
    settings = loaded(config)
    if move and not rederive:
        raise SettingsError([Mistake("--move", "requires --rederive", "add --rederive")])
    if only and rederive:
        raise SettingsError(
            [Mistake("--only", "cannot be combined with --rederive", "leave out one of them")]
        )
    now = datetime.now(UTC)
    check_selection(
        {box.name: box.process for box in settings.mailboxes.values()}, process, mailbox, outcome
    )
    choice = Choice(
        since=since_moment(since, now),
        until=moment(until, "--until", now) if until is not None else None,
        process=process,
        mailbox=mailbox,
        mail_key=None if mail_key is None else key_prefix(mail_key),
        message_id=bracketed(message_id),
        outcome=outcome,
    )
    if choice.since and choice.until and choice.since >= choice.until:
        raise SettingsError(
            [Mistake("--until", "is not after --since", "an age such as 2h is later than 7d")]
        )
    run = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    options = ReplayOptions(run=run, rederive=rederive, move=move, rate=rate)
    return asyncio.run(_replay(settings, choice, options, from_offset, dry=dry_run))


async def _replay(
    settings: Settings,
    choice: Choice,
    options: ReplayOptions,
    from_offset: int | None,
    *,
    dry: bool,
) -> int:
    stop = Stop()
    _stop_at_signal(stop)
    if options.rederive or dry:
        print(f"settings that do not apply again: {', '.join(NOT_APPLIED_AGAIN)}", flush=True)
    start: Start = begin_at(choice.since) if from_offset is None else from_offset
    async with Store.opened(store_url(settings), settings.store.database) as store:
        async with Broker.connected(broker_url(settings), connection_name("replay")) as broker:
            await broker.declare(topology_of(settings))
            history = (
                CaseHistory()
                if options.rederive
                else await read_case_history(broker, store, choice.since)
            )
            end = await last_offset(broker, MAIL_ARCHIVE)
            if dry:
                async with isolated_reader(settings) as reader:
                    shown = DryRun(settings, store, reader, choice, history=history, stop=stop)
                    return await shown.run(broker, start, end)
        await keep_numbers(store, history.highest)
        session = ReplaySession(
            broker_url(settings), ReplayPublisher(store, choice, options, history, stop), stop
        )
        complete = await session.run(start, end, openings=history.openings)
        session.report()
        await print_gaps(store, history.highest)
    return STOPPED if stop.requested else 0 if complete else 1


def _stop_at_signal(stop: Stop) -> None:
    """Stop gracefully at the first Ctrl-C, and at once at a second one."""
    loop = asyncio.get_running_loop()

    def request_stop() -> None:
        stop.request()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, request_stop)
