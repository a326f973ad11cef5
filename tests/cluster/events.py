"""Mails that arrive steadily in every mailbox while something happens to the cluster."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tests.cluster.pipeline import ClusterPipeline, now
from tests.cluster.waiting import until
from tests.sample_mails import Sample, new_mails

EVERY_S = 1.0  # a mail into each mailbox


@dataclass
class Trickle:
    """Delivers a mail to each mailbox every `every_s` seconds, altogether at least `at_least`."""

    pipeline: ClusterPipeline
    at_least: int = 0
    every_s: float = EVERY_S
    _stop: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    @contextmanager
    def flowing(self) -> Iterator[None]:
        thread = threading.Thread(target=self._flow)
        thread.start()
        try:
            yield
            while thread.is_alive() and len(self.pipeline.sent) < self.at_least:
                thread.join(0.1)
        finally:
            self._stop.set()
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _flow(self) -> None:
        try:
            mailboxes = itertools.cycle(self.pipeline.mailboxes)
            pause = self.every_s / len(self.pipeline.mailboxes)
            for sample, mailbox in zip(_samples(), mailboxes, strict=True):
                if self._stop.wait(pause):
                    return
                self.pipeline.send(mailbox, sample)
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            self._failure = error


def _samples() -> Iterator[Sample]:
    """Generated as they are needed, without end: a thousand take seconds."""
    chunks = (new_mails(20, seed=seed) for seed in itertools.count(1))
    return itertools.chain.from_iterable(chunks)


@dataclass(frozen=True)
class Outage:
    """An event, and for each mailbox for how long no mail of it was recorded."""

    event: str
    gaps_s: list[float]

    @property
    def worst_s(self) -> float:
        return max(self.gaps_s)

    def __str__(self) -> str:
        median_s = statistics.median(self.gaps_s)
        return f"{self.event}: median {median_s:.1f} s, worst {self.worst_s:.1f} s"


class Events:
    """Causes events one after another; `outages` has the effect of each."""

    def __init__(self, pipeline: ClusterPipeline) -> None:
        self.pipeline = pipeline
        self._spans: list[tuple[str, datetime, datetime]] = []

    def happen(
        self, event: str, begin: Callable[[], None], seconds: float, end: Callable[[], None]
    ) -> None:
        """Call `begin`, wait `seconds`, call `end`, and wait until every mailbox is read again."""
        started = now()
        begin()
        time.sleep(seconds)  # the duration is a parameter of the test
        end()
        ended = now()
        until(lambda: self._all_recorded_since(ended), f"all mailboxes are read after {event}", 180)
        self._spans.append((event, started, now()))

    def until_recorded_again(self) -> None:
        """Wait until a mail of every mailbox is recorded that arrived after this moment."""
        moment = now()
        until(lambda: self._all_recorded_since(moment), "all mailboxes are read", 180)

    def _all_recorded_since(self, moment: datetime) -> bool:
        found = self.pipeline.database["mails"].find({"recorded_at": {"$gte": moment}}, {"_id": 1})
        of = self.pipeline.mailbox_of
        return {of[mail["_id"]] for mail in found} == self.pipeline.mailboxes.keys()

    @property
    def outages(self) -> list[Outage]:
        return [
            Outage(event, list(self.pipeline.gaps_s(begin, end).values()))
            for event, begin, end in self._spans
        ]
