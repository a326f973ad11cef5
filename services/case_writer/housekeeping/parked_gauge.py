"""What stands in the database, looked up now and then: the parked mails that wait for a person."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from services.case_writer import metrics
from services.casework.parked import ParkedGroup
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop

log = get_logger(__name__)

EVERY_S = 15.0


class ParkedMails(Protocol):
    """`services.case_writer.recording.mongo.MongoCases` is the real one."""

    async def parked(self) -> list[ParkedGroup]:
        """Those not discarded. Raises TransientError."""

    async def overdue(self) -> dict[str, int]:
        """How many open cases are overdue, by process. Raises TransientError."""


class ParkedGauge:
    """Keeps the gauges of parked mails; every replica does, since any of them may be the only one."""

    def __init__(self, cases: ParkedMails, processes: Iterable[str]) -> None:
        self._cases = cases
        self._shown = {(process, "") for process in processes}  # so that a process without any shows 0

    async def run(self, stop: Stop) -> None:
        """Look every few seconds until `stop`; an outage of the database is for others to tell."""
        while not stop.requested:
            try:
                self.show(await self._cases.parked())
                self.show_overdue(await self._cases.overdue())
            except TransientError as error:
                log.debug("parked_not_counted", error=error)
            await stop.wait(EVERY_S)

    def show_overdue(self, counts: Mapping[str, int]) -> None:
        """Set the gauge of overdue cases; a process without any shows 0."""
        for process in {*(process for process, _ in self._shown), *counts}:
            metrics.OVERDUE.labels(process).set(counts.get(process, 0))

    def show(self, groups: Iterable[ParkedGroup]) -> None:
        """Set the gauges; what was shown and is gone becomes 0."""
        mails = dict.fromkeys(self._shown, 0) | {(one.process, one.reason): one.mails for one in groups}
        self._shown.update(mails)
        for (process, reason), count in mails.items():
            metrics.PARKED.labels(process, reason).set(count)
        for process in {process for process, _ in mails}:
            oldest = min((one.oldest.timestamp() for one in groups if one.process == process), default=0.0)
            metrics.PARKED_OLDEST.labels(process).set(oldest)
