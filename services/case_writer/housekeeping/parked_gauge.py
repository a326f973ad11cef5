"""The gauges of parked mails and overdue cases, polled from the database."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from services.case_writer import metrics
from services.casework.parked import ParkedGroup
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop

log = get_logger(__name__)

EVERY_S = 15.0


class BacklogCounts(Protocol):
    """`services.case_writer.housekeeping.mongo.MongoBacklogCounts` is the real one."""

    async def parked(self) -> list[ParkedGroup]:
        """The parked mails that nobody discarded. Raises TransientError."""

    async def overdue(self) -> dict[str, int]:
        """How many open cases are overdue, by process. Raises TransientError."""


class ParkedGauge:
    """Keeps the gauges up to date; every replica does, since it may be the only one."""

    def __init__(self, counts: BacklogCounts, processes: Iterable[str]) -> None:
        self._counts = counts
        # so that a process without parked mail shows 0
        self._shown = {(process, "") for process in processes}

    async def run(self, stop: Stop) -> None:
        """Poll every few seconds until `stop`. An outage of the database is ignored: other parts
        report it."""
        while not stop.requested:
            try:
                self.show(await self._counts.parked())
                self.show_overdue(await self._counts.overdue())
            except TransientError as error:
                log.debug("parked_not_counted", error=error)
            await stop.wait(EVERY_S)

    def show_overdue(self, counts: Mapping[str, int]) -> None:
        """Set the gauge of overdue cases; a process without any shows 0."""
        for process in {*(process for process, _ in self._shown), *counts}:
            metrics.OVERDUE.labels(process).set(counts.get(process, 0))

    def show(self, groups: Iterable[ParkedGroup]) -> None:
        """Set the gauges. A reason that no mail has anymore is set to 0."""
        mails = dict.fromkeys(self._shown, 0) | {
            (group.process, group.reason): group.mails for group in groups
        }
        self._shown.update(mails)
        for (process, reason), count in mails.items():
            metrics.PARKED.labels(process, reason).set(count)
        for process in {process for process, _ in mails}:
            oldest = min(
                (group.oldest.timestamp() for group in groups if group.process == process),
                default=0.0,
            )
            metrics.PARKED_OLDEST.labels(process).set(oldest)
