"""Reports are recorded together. After a failure, no recording continues."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from schemas.changes import Change
from schemas.fields import FieldsRead
from services.case_writer.field_reports import FieldReports
from services.casework.persistence.field_recorder import Recorded
from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Store:
    """Fails for the mail `fails`, never ends for `waits`, and refuses `refused`."""

    def __init__(self) -> None:
        self.running = 0

    async def record(self, read: FieldsRead) -> Recorded:
        self.running += 1
        try:
            await asyncio.sleep(0)
            if read.mail_key == "waits":
                await asyncio.Event().wait()
            if read.mail_key == "fails":
                raise TransientError("no primary")
            if read.mail_key == "refused":
                raise PermanentError("the case is gone")
            return Recorded(case=None)
        finally:
            self.running -= 1


class Publisher:
    async def publish(self, changes: Sequence[Change]) -> None: ...

    async def catch_up(self, cases: object) -> None: ...


def read_in(mail_key: str) -> FieldsRead:
    return FieldsRead(mail_key=mail_key, process="invoices", at=NOW)


def reports_to(store: Store, stop: Stop) -> FieldReports:
    return FieldReports(store, Publisher(), health=Health(), stop=stop)


async def test_each_report_has_its_result() -> None:
    reports = reports_to(Store(), Stop())
    results = await reports.handle([read_in("one"), read_in("refused"), read_in("two")])
    assert [str(result) for result in results] == ["None", "the case is gone", "None"]


async def test_nothing_runs_on_after_a_failure() -> None:
    store, stop = Store(), Stop()
    stop.request()
    with pytest.raises(TransientError, match="no primary"):
        await reports_to(store, stop).handle([read_in("waits"), read_in("fails"), read_in("waits")])
    assert store.running == 0
