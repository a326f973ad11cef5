"""Runs a replay to its end, over as many connections as necessary."""

import time

from services.cli.replay.publisher import NoEffectsError, ReplayPublisher, print_warning
from services.cli.terminal.progress import Bar
from services.runtime.broker.configured import connection_name
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import Start
from services.runtime.broker.topology import EVENT, private_queue_name, replayed_key
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.retry import Backoff

GIVE_UP_S = 600.0  # without progress


class ReplaySession:
    """Replays the mails that opened cases first, so that replies find their cases; then
    everything.
    """

    def __init__(self, url: str, publisher: ReplayPublisher, stop: Stop) -> None:
        self._url = url
        self._publisher = publisher
        self._stop = stop
        self._full_pass = False  # whether the pass over everything was started

    async def run(self, start: Start, end: int | None, *, openings: int) -> bool:
        """Returns False if effects were not reported.

        Raises TransientError after `GIVE_UP_S` without progress.
        """
        try:
            if openings:
                await self._pass("cases", start, end, openings=True)
            self._full_pass = not self._stop.requested
            if self._full_pass:
                await self._pass("replay", start, end, openings=False)
        except NoEffectsError as error:
            print_warning(
                f"{error}; check that a router and a case writer run, and see `mailcase dead list`"
            )
            return False
        except TransientError:
            self.report()
            raise
        return True

    def report(self) -> None:
        """Print the number of mails by effect, and how to resume if the replay is incomplete."""
        effects = self._publisher.effects
        print(
            ", ".join(f"{count} {effect}" for effect, count in sorted(effects.items()))
            or "no mail was selected"
        )
        if self._stop.requested or self._publisher.is_waiting:
            option = (
                f" with --from-offset {self._publisher.resume_at}"
                if self._full_pass and self._publisher.resume_at
                else ""
            )
            print(f"incomplete; to resume, run the same command{option}")

    async def _pass(self, title: str, start: Start, end: int | None, *, openings: bool) -> None:
        backoff, reached, since_s = Backoff(initial_s=0.5, maximum_s=15.0), -1, time.monotonic()
        self._publisher.begin()
        with Bar(title) as bar:
            while True:
                try:
                    await self._publish(
                        self._publisher.resume_at or start, end, bar, openings=openings
                    )
                except NoEffectsError:
                    raise
                except TransientError as error:
                    await self._publisher.settle_lost()
                    if self._publisher.resume_at != reached:
                        reached, since_s = self._publisher.resume_at, time.monotonic()
                        backoff.reset()
                    if time.monotonic() - since_s > GIVE_UP_S or await self._stop.wait(
                        backoff.next_s()
                    ):
                        raise
                    print_warning(f"{error}; continuing")
                else:
                    return

    async def _publish(self, start: Start, end: int | None, bar: Bar, *, openings: bool) -> None:
        async with Broker.connected(self._url, connection_name("replay")) as broker:
            name = self._publisher.name
            lease = await broker.private_queue(
                private_queue_name(f"replay.{name}"), EVENT, replayed_key(name)
            )
            if lease is None:
                raise TransientError("the broker still holds the queue of the previous connection")
            await first_of(
                self._publisher.publish_archive(broker, lease, start, end, bar, openings=openings),
                broker.broken(),
            )
