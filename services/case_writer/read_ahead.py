"""Prepares the next mails while the previous ones are written: reading needs the processor, whereas
writing mostly waits for the servers.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from services.case_writer.batch import ReceivedCommand
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.preparation import MailPreparer
from services.runtime.process.lifecycle import cancel_all

Group = Sequence[ReceivedCommand]


@dataclass(frozen=True)
class PreparedGroup:
    """The prepared mails of a group, in its order. `at_s` is when, on the monotonic clock."""

    mails: Sequence[PreparedMail]
    at_s: float

    def is_older_than(self, seconds: float) -> bool:
        return monotonic() - self.at_s > seconds


class ReadAhead:
    """Prepares the groups that are expected, in their order, and at most one before its turn.

    Leaving the block cancels the preparation that is not finished.
    """

    def __init__(self, preparer: MailPreparer) -> None:
        self._preparer = preparer
        self._expected: deque[Group] = deque()
        self._first: asyncio.Task[PreparedGroup] | None = None  # of the first expected group

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
        if self._first is None or [*self._expected[0]] != [*group]:
            return await self._prepare(group)
        try:
            return await self._first
        finally:
            self._expected.popleft()
            self._first = None
            self._begin()

    async def _prepare(self, group: Group) -> PreparedGroup:
        mails = await self._preparer.prepare([received.command for received in group])
        return PreparedGroup(mails, monotonic())

    def _begin(self) -> None:
        if self._first is None and self._expected:
            self._first = asyncio.create_task(self._prepare(self._expected[0]))

    async def _forget(self) -> None:
        self._expected.clear()
        first, self._first = self._first, None
        if first is not None:
            await cancel_all([first])
