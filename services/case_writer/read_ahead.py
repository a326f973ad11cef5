"""Prepares the next mails while the previous ones are written: reading needs the processor, whereas
writing mostly waits for the servers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self

from services.case_writer.batch import ReceivedCommand
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.preparation import MailPreparer
from services.runtime.process.lifecycle import cancel_all

Group = Sequence[ReceivedCommand]

_MOST_AHEAD = 2  # groups


@dataclass(frozen=True)
class PreparedGroup:
    """The prepared mails of a group, in its order. `at_s` is when, on the monotonic clock."""

    mails: Sequence[PreparedMail]
    at_s: float

    def is_older_than(self, seconds: float) -> bool:
        return monotonic() - self.at_s > seconds


class ReadAhead:
    """Prepares the groups that are expected, in their order, and at most two before their turn: the
    second is read when the first is read, while the last files of the first are stored.

    Leaving the block cancels the preparation that is not finished.
    """

    def __init__(self, preparer: MailPreparer) -> None:
        self._preparer = preparer
        self._expected: deque[Group] = deque()
        self._started: deque[asyncio.Task[PreparedGroup]] = deque()  # of the first expected groups
        self._reading: Group | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._forget()

    def expect(self, groups: Iterable[Group]) -> None:
        """These groups follow those that are expected already. They may not come after all."""
        self._expected += groups
        self._begin()

    async def prepared(self, group: Group) -> PreparedGroup:
        """Prepare the mails of a group now, unless it was expected first and prepared before.

        Raises TransientError in an outage, PermanentError if the content of a mail is missing.
        """
        if not self._started or [*self._expected[0]] != [*group]:
            return await self._prepare(group, lambda: None)
        try:
            return await self._started[0]
        finally:
            self._expected.popleft()
            del self._started[0]
            self._begin()

    async def _prepare(self, group: Group, all_read: Callable[[], None]) -> PreparedGroup:
        mails = await self._preparer.prepare([received.command for received in group], all_read)
        return PreparedGroup(mails, monotonic())

    def _begin(self) -> None:
        """Begin to prepare the next group, unless one is being read or enough are prepared."""
        ahead = len(self._started)
        if self._reading is None and ahead < min(_MOST_AHEAD, len(self._expected)):
            self._reading = self._expected[ahead]
            self._started.append(asyncio.create_task(self._prepare_ahead(self._reading)))

    async def _prepare_ahead(self, group: Group) -> PreparedGroup:
        end_reading = partial(self._end_reading, group)
        try:
            return await self._prepare(group, end_reading)
        finally:
            end_reading()

    def _end_reading(self, group: Group) -> None:
        if self._reading is group:
            self._reading = None
            self._begin()

    async def _forget(self) -> None:
        self._expected.clear()
        started, self._started = self._started, deque()
        await cancel_all(started)
