"""The gauges of parked mails follow the database."""

from datetime import UTC, datetime

from prometheus_client import REGISTRY

from services.case_writer.housekeeping.parked_gauge import ParkedGauge
from services.casework.parked import ParkedGroup
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop, first_of

EARLY, LATE = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)


class Scripted:
    """Returns its answers one after another, then requests a stop."""

    def __init__(self, stop: Stop, *answers: list[ParkedGroup] | TransientError) -> None:
        self._stop = stop
        self._answers = list(answers)

    async def parked(self) -> list[ParkedGroup]:
        answer = self._answers.pop(0)
        if not self._answers:
            self._stop.request()
        if isinstance(answer, TransientError):
            raise answer
        return answer

    async def overdue(self) -> dict[str, int]:
        return {"late": 2}


def parked(process: str, reason: str) -> float | None:
    return REGISTRY.get_sample_value(
        "mailcase_parked_mails", {"process": process, "reason": reason}
    )


def oldest(process: str) -> float | None:
    return REGISTRY.get_sample_value(
        "mailcase_parked_oldest_timestamp_seconds", {"process": process}
    )


def test_a_process_without_parked_mail_shows_0() -> None:
    watch = ParkedGauge(Scripted(Stop()), ["nothing-parked"])
    assert parked("nothing-parked", "") is None
    watch.show([])
    assert (parked("nothing-parked", ""), oldest("nothing-parked")) == (0, 0)


def test_what_a_person_has_dealt_with_falls_to_0() -> None:
    watch = ParkedGauge(Scripted(Stop()), ["dealt"])
    watch.show([ParkedGroup("dealt", "spam", 3, LATE), ParkedGroup("dealt", "mail-loop", 1, EARLY)])
    assert (parked("dealt", "spam"), parked("dealt", "mail-loop")) == (3, 1)
    assert oldest("dealt") == EARLY.timestamp()
    watch.show([ParkedGroup("dealt", "spam", 2, LATE)])
    assert (parked("dealt", "spam"), parked("dealt", "mail-loop")) == (2, 0)
    assert oldest("dealt") == LATE.timestamp()


async def test_an_outage_leaves_the_last_count_and_ends_nothing() -> None:
    stop = Stop()
    known = [ParkedGroup("outage", "spam", 5, LATE)]
    watch = ParkedGauge(Scripted(stop, known), ["outage"])
    await watch.run(stop)
    stop = Stop()
    watch = ParkedGauge(Scripted(stop, TransientError("no primary")), ["outage"])
    await first_of(watch.run(stop))
    assert parked("outage", "spam") == 5


def test_overdue_cases_are_counted_by_process() -> None:
    watch = ParkedGauge(Scripted(Stop()), ["punctual"])
    watch.show_overdue({"late": 2})
    counts = [
        REGISTRY.get_sample_value("mailcase_overdue_cases", {"process": process})
        for process in ("punctual", "late")
    ]
    assert counts == [0, 2]
