"""Compares Mailcase with other help desks: all read the same kind of mails over IMAP from the same
server, in turns.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.peers.installed import PeerMissingError, interpreter
from benchmarks.peers.programs import PeerProgram, PeerRound, running
from benchmarks.peers.request_tracker_root import unpacked
from benchmarks.report.results import Figure, Peer
from benchmarks.speed import Feed
from benchmarks.trials import Everything, Round

_FOLDER = Path(__file__).parent
_OWN_MAILS = 1500  # in a round; each help desk has as many as take about two seconds


@dataclass(frozen=True)
class Kind:
    """A help desk: its way of reading a mailbox, as a program that reads `mails` in a round."""

    name: str
    mails: int
    command: Callable[[], Sequence[str | Path]]


KINDS = (
    Kind(
        "django-helpdesk get_email",
        80,
        lambda: (interpreter("helpdesk"), _FOLDER / "django_helpdesk.py"),
    ),
    Kind(
        "Roundup roundup-mailgw",
        30,
        lambda: (interpreter("roundup"), _FOLDER / "roundup_gateway.py"),
    ),
    Kind(
        "Request Tracker 5 mailgate",
        10,
        lambda: (sys.executable, _FOLDER / "request_tracker.py", unpacked()),
    ),
)


async def peers(ground: Ground, rounds: int) -> AsyncIterator[Peer]:
    """The help desks that can be had here, compared; the others with the reason."""
    commands: dict[Kind, Sequence[str | Path]] = {}
    for kind in KINDS:
        try:
            commands[kind] = await asyncio.to_thread(kind.command)
        except PeerMissingError as error:
            yield Peer(kind.name, missing=str(error))
    async with AsyncExitStack() as stack:
        theirs = {
            kind: await stack.enter_async_context(running(ground, kind.name, command))
            for kind, command in commands.items()
        }
        ours = await stack.enter_async_context(Everything.on(ground.side("mailcase")))
        for peer in await _compare(ours, theirs, rounds):
            yield peer


async def _compare(
    ours: Everything, theirs: dict[Kind, PeerProgram], rounds: int
) -> Sequence[Peer]:
    feed = Feed(mail_set("text"))
    await ours.run(feed.take(_OWN_MAILS // 10))
    for kind, program in theirs.items():  # the first run loads code and fills caches
        await program.run(feed.take(kind.mails // 4))
    rounds_of: dict[Kind, list[tuple[PeerRound, Round]]] = {kind: [] for kind in theirs}
    for _ in range(rounds):
        for kind, program in theirs.items():
            their = await program.run(feed.take(kind.mails))
            rounds_of[kind].append((their, await ours.run(feed.take(_OWN_MAILS))))
    return [_peer(kind.name, done) for kind, done in rounds_of.items()]


def _peer(name: str, done: Sequence[tuple[PeerRound, Round]]) -> Peer:
    return Peer(
        name,
        Figure.of([their.rate for their, _ in done]),
        Figure.of([own.rate / their.rate for their, own in done]),
        Figure.of([their.cpu_ms / sum(own.cpu_ms.values()) for their, own in done]),
    )
