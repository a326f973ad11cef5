"""A replay from its start to its end, over as many connections as it takes."""

import time

from services.cli.replay.publisher import NobodyAnswersError, ReplayPublisher, complain
from services.cli.terminal.progress import Bar
from services.runtime.broker.configured import connection_name
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import Start
from services.runtime.broker.topology import EVENT, private_queue_name, replayed_key
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.retry import Backoff

GIVE_UP_S = 600.0  # without any progress, before the operator is told to go on later


class Passes:
    """First the mails that opened cases, so that the others find them; then everything."""

    def __init__(self, url: str, run: ReplayPublisher, stop: Stop) -> None:
        self._url = url
        self._run = run
        self._stop = stop
        self._whole = False  # whether the pass over everything was begun

    async def over(self, start: Start, end: int | None, *, openings: int) -> bool:
        """False where the effects of some mails were never told. Raises TransientError where nothing goes any more."""
        try:
            if openings:
                await self._pass("cases", start, end, openings=True)
            self._whole = not self._stop.requested
            if self._whole:
                await self._pass("replay", start, end, openings=False)
        except NobodyAnswersError as error:
            complain(f"{error}; do a router and a case writer run? is there something in `mailcase dead list`?")
            return False
        except TransientError:
            self.report()
            raise
        return True

    def report(self) -> None:
        """How many had which effect, and how to go on where it is not over."""
        effects = self._run.effects
        print(", ".join(f"{count} {effect}" for effect, count in sorted(effects.items())) or "no mail was chosen")
        if self._stop.requested or self._run.is_waiting:
            option = f" with --from-offset {self._run.resume_at}" if self._whole and self._run.resume_at else ""
            print(f"not all of it: go on by the same command{option}")

    async def _pass(self, what: str, start: Start, end: int | None, *, openings: bool) -> None:
        backoff, reached, since_s = Backoff(initial_s=0.5, maximum_s=15.0), -1, time.monotonic()
        self._run.begin()
        with Bar(what) as bar:
            while True:
                try:
                    await self._connected(self._run.resume_at or start, end, bar, openings=openings)
                except NobodyAnswersError:
                    raise
                except TransientError as error:
                    await self._run.settle_lost()
                    if self._run.resume_at != reached:
                        reached, since_s = self._run.resume_at, time.monotonic()
                        backoff.reset()
                    if time.monotonic() - since_s > GIVE_UP_S or await self._stop.wait(backoff.next_s()):
                        raise
                    complain(f"{error}; going on")
                else:
                    return

    async def _connected(self, start: Start, end: int | None, bar: Bar, *, openings: bool) -> None:
        async with Broker.connected(self._url, connection_name("replay")) as broker:
            name = self._run.name
            lease = await broker.private_queue(private_queue_name(f"replay.{name}"), EVENT, replayed_key(name))
            if lease is None:
                raise TransientError("the broker still holds the queue of the connection before")
            await first_of(self._run.over(broker, lease, start, end, bar, openings=openings), broker.broken())
