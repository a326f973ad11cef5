"""Exponential backoff with jitter. Pure: the caller sleeps."""

import random
from collections.abc import Callable


class Backoff:
    """Pauses that double from `initial_s` to `maximum_s`.

    Each is drawn from the upper half of its range, so that replicas spread out. `chance` returns a
    number in [0, 1).
    """

    def __init__(
        self,
        initial_s: float = 0.5,
        maximum_s: float = 30.0,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._initial_s = initial_s
        self._maximum_s = maximum_s
        self._chance = chance
        self._failures = 0

    def reset(self) -> None:
        """Note a success: the next pause is the shortest again."""
        self._failures = 0

    def next_s(self) -> float:
        """Note a failure; returns the seconds to wait."""
        ceiling = min(self._maximum_s, self._initial_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return ceiling * (0.5 + self._chance() / 2)
