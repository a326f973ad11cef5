"""`mailcase replay`: mails of the archive once more, to bring back what is missing or to derive anew what is there."""

import asyncio
import signal
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from services.cli.replay.archive_reader import begin_at, learn_past
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.case_numbers import keep_numbers, tell_of_gaps
from services.cli.replay.dry_run import DryRun
from services.cli.replay.publisher import ReplayOptions, ReplayPublisher
from services.cli.replay.selection import Choice, bracketed, checked
from services.cli.replay.session import Passes
from services.cli.terminal.options import FromOffset, Mailbox, Process, Rate, key_prefix, moment, said, since_moment
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

STOPPED = 130  # what shells give for SIGINT

Since = Annotated[str | None, Parameter(name="--since", help="Mails fetched since: a time (UTC) or an age as 2h, 7d.")]
Until = Annotated[str | None, Parameter(name="--until", help="Mails fetched before: a time (UTC) or an age.")]
MailKey = Annotated[str | None, Parameter(name="--mail-key", help="Only the mail whose key is or begins so.")]
MessageId = Annotated[
    str | None, Parameter(name="--message-id", help="Only mails that bear this Message-ID.", validator=said)
]
Outcome = Annotated[
    str | None, Parameter(name="--outcome", help="Only mails opened, appended, parked or ignored; or none yet.")
]
Only = Annotated[
    Literal["missing"] | None,
    Parameter(name="--only", help="Have effect only where no outcome is recorded; the default."),
]
Rederive = Annotated[
    bool, Parameter(name="--rederive", negative="", help="Read and decide recorded mails anew, in place.")
]
Move = Annotated[
    bool, Parameter(name="--move", negative="", help="With --rederive: move mails that today's rules place elsewhere.")
]
Dry = Annotated[
    bool, Parameter(name="--dry-run", negative="", help="Print the recorded and today's decision for each mail.")
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
    """Replay mails of the archive. What is recorded and right stays as it is, however often it is replayed."""
    settings = loaded(config)
    if move and not rederive:
        raise SettingsError([Mistake("--move", "goes with --rederive only", "add --rederive")])
    if only and rederive:
        raise SettingsError([Mistake("--only", "does not go with --rederive", "leave out one of them")])
    now = datetime.now(UTC)
    checked({one.name: one.process for one in settings.mailboxes.values()}, process, mailbox, outcome)
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
        raise SettingsError([Mistake("--until", "is not after --since", "an age such as 2h is later than 7d")])
    run = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    how = ReplayOptions(run=run, rederive=rederive, move=move, rate=rate)
    return asyncio.run(_replay(settings, choice, how, from_offset, dry=dry_run))


async def _replay(settings: Settings, choice: Choice, how: ReplayOptions, from_offset: int | None, *, dry: bool) -> int:
    stop = Stop()
    _stop_at_signal(stop)
    start: Start = begin_at(choice.since) if from_offset is None else from_offset
    async with Store.opened(store_url(settings), settings.store.database) as store:
        async with Broker.connected(broker_url(settings), connection_name("replay")) as broker:
            await broker.declare(topology_of(settings))
            past = CaseHistory() if how.rederive else await learn_past(broker, store, choice.since)
            end = await last_offset(broker, MAIL_ARCHIVE)
            if dry:
                return await DryRun(settings, store, choice, past, stop).over(broker, start, end)
        await keep_numbers(store, past.highest)
        passes = Passes(broker_url(settings), ReplayPublisher(store, choice, how, past, stop), stop)
        complete = await passes.over(start, end, openings=past.openings)
        passes.report()
        await tell_of_gaps(store, past.highest)
    return STOPPED if stop.requested else 0 if complete else 1


def _stop_at_signal(stop: Stop) -> None:
    """The first Ctrl-C ends the replay in good order, a second one at once."""
    loop = asyncio.get_running_loop()

    def ask() -> None:
        stop.request()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
