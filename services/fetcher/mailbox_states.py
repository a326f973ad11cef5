"""Stores the state of each mailbox that this replica reads in the database, where the desk shows
it.

Metrics report the same to a monitoring system, which a small office does not have.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.reasons import MailboxProblem
from schemas.stored import MailboxState, to_document
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop
from services.runtime.store.mongo import Store

log = get_logger(__name__)

WRITE_EVERY_S = 5.0


@dataclass
class _Observed:
    """The state of one mailbox. `waiting` and `oldest_age_s` are called when the state is
    written.
    """

    waiting: Callable[[], float] = float
    oldest_age_s: Callable[[], float] = float
    last_success_at: datetime | None = None
    failure: str | None = None
    hint: str = ""
    problem: str = ""
    answer: str = ""


class MailboxStates:
    """The mailboxes that this replica reads now."""

    def __init__(self) -> None:
        self._observed: dict[str, _Observed] = {}

    def measure(
        self, mailbox: str, waiting: Callable[[], float], oldest_age_s: Callable[[], float]
    ) -> None:
        """Set the functions that return how many mails wait in the mailbox, and the age of the
        oldest.
        """
        observed = self._observed.setdefault(mailbox, _Observed())
        observed.waiting, observed.oldest_age_s = waiting, oldest_age_s

    def up(self, mailbox: str) -> None:
        observed = self._observed.setdefault(mailbox, _Observed())
        observed.last_success_at, observed.failure, observed.hint = datetime.now(UTC), None, ""
        observed.problem = observed.answer = ""

    def down(
        self, mailbox: str, failure: str, hint: str, *, problem: MailboxProblem, answer: str = ""
    ) -> None:
        observed = self._observed.setdefault(mailbox, _Observed())
        observed.failure, observed.hint = failure, hint
        observed.problem, observed.answer = problem.value, answer

    def gone(self, mailbox: str) -> None:
        """This replica no longer reads the mailbox; another one may."""
        self._observed.pop(mailbox, None)

    def current(self, now: datetime) -> list[MailboxState]:
        return [_state(mailbox, seen, now) for mailbox, seen in self._observed.items()]


def _state(mailbox: str, seen: _Observed, now: datetime) -> MailboxState:
    waiting = int(seen.waiting())
    oldest_at = now - timedelta(seconds=seen.oldest_age_s()) if waiting else None
    return MailboxState(
        id=mailbox,
        at=now,
        reader=socket.gethostname(),
        waiting=waiting,
        oldest_at=oldest_at,
        last_success_at=seen.last_success_at,
        failure=seen.failure,
        hint=seen.hint,
        problem=seen.problem,
        answer=seen.answer,
    )


async def keep_writing(store: Store, states: MailboxStates, stop: Stop) -> None:
    """Write the states every few seconds until `stop`. Nothing depends on them, so an outage is
    only logged.
    """
    collection = store.collection(MailboxState.COLLECTION)
    while not await stop.wait(WRITE_EVERY_S):
        current = [to_document(state) for state in states.current(datetime.now(UTC))]
        try:
            await collection.put_each(current)
        except TransientError as error:
            log.debug("mailbox_states_not_written", mailboxes=len(current), error=error)
