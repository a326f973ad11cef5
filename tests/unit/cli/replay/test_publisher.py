"""What a replay counts, where it resumes, and its rate limit."""

import asyncio
from typing import Any, cast

from schemas.mails import mail_key
from services.cli.replay.archive_reader import ArchivedMail
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.options import ReplayOptions
from services.cli.replay.publisher import ReplayPublisher
from services.cli.replay.rate_limiter import RateLimiter
from services.cli.replay.selection import Choice
from services.runtime.process.lifecycle import Stop
from services.runtime.store.mongo import Store
from tests.builders import raw_bytes, raw_mail

KEYS = {offset: mail_key("invoices", raw_bytes(f"mail {offset}")) for offset in range(10, 14)}
MAILS = [
    ArchivedMail(offset, raw_mail(raw_bytes(f"mail {offset}"), key=key))
    for offset, key in KEYS.items()
]
TWO = {KEYS[11]: "opened", KEYS[12]: "parked"}


class RecordedMails:
    """A database that knows outcomes by mail key, and nothing else."""

    def __init__(self, outcomes: dict[str, str]) -> None:
        self._outcomes = outcomes

    def collection(self, name: str) -> "RecordedMails":
        assert name == "mails"
        return self

    async def find(self, query: dict[str, Any], fields: object) -> list[dict[str, Any]]:
        asked = query["_id"]["$in"]
        return [
            {"_id": key, "outcome": outcome, "reason": None}
            for key, outcome in self._outcomes.items()
            if key in asked
        ]


def publisher_of(
    outcomes: dict[str, str], options: ReplayOptions, choice: Choice | None = None
) -> ReplayPublisher:
    return ReplayPublisher(
        cast("Store", RecordedMails(outcomes)), choice or Choice(), options, CaseHistory(), Stop()
    )


async def chosen(publisher: ReplayPublisher) -> list[int]:
    return [
        entry.offset
        for entry in await publisher._chosen(
            [*MAILS, MAILS[0], ArchivedMail(14, None)], openings=False
        )
    ]


async def test_only_what_is_missing_is_published_and_each_mail_once() -> None:
    publisher = publisher_of(TWO, ReplayOptions("r"))
    assert await chosen(publisher) == [10, 13]
    assert publisher.effects == {"unchanged": 2, "unreadable": 1}


async def test_only_recorded_mails_are_rederived() -> None:
    publisher = publisher_of(TWO, ReplayOptions("r", rederive=True))
    assert await chosen(publisher) == [11, 12]
    assert publisher.effects == {"not-recorded": 2, "unreadable": 1}
    parked = publisher_of(TWO, ReplayOptions("r", rederive=True), Choice(outcome="parked"))
    assert await chosen(parked) == [12]
    assert parked.effects == {"unreadable": 1}


async def test_after_a_lost_connection_what_was_recorded_counts_and_the_rest_is_published_again() -> (
    None
):
    outcomes: dict[str, str] = {}
    publisher = publisher_of(outcomes, ReplayOptions("r"))
    for entry in await publisher._chosen(MAILS, openings=False):
        publisher._message(entry)
    publisher._offset = 14
    outcomes[KEYS[10]] = "opened"
    assert publisher.resume_at == 10
    await publisher.settle_lost()
    assert (publisher.resume_at, publisher.is_waiting, dict(publisher.effects)) == (
        11,
        False,
        {"opened": 1},
    )
    assert await chosen(publisher) == [11, 12, 13]
    assert publisher.effects["opened"] == 1


async def test_the_rate_holds_after_a_pause_too() -> None:
    limiter = RateLimiter(100.0)
    await asyncio.sleep(0)
    limiter._next_s -= 60.0  # nothing was sent for a minute
    for _ in range(200):
        limiter.record_sent()
    assert 1.5 < limiter.pause_s() <= 2.0
    unlimited = RateLimiter(0)
    unlimited.record_sent()
    assert unlimited.pause_s() == 0.0
