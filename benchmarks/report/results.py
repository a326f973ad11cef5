"""What was measured, as values: written as JSON, printed as tables, drawn as charts."""

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """The median of repeated measurements, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(
            *(round(value, 4) for value in (statistics.median(values), min(values), max(values)))
        )


class SideSpeed(msgspec.Struct, frozen=True):
    """One side of a comparison: mails a second, and by process the processor's ms a mail and the
    peak memory in MB.
    """

    rate: Figure
    cpu_ms: dict[str, float]
    peak_mb: dict[str, float]


class Speed(msgspec.Struct, frozen=True):
    """Mailcase compared with its baselines: the ratios of the rates, pair by pair; `mails` a round.

    `work` is the floor that does the necessary work on each mail besides.
    """

    trial: str
    mail_set: str
    mails: int
    mailcase: SideSpeed
    floor: SideSpeed
    ratio: Figure
    work: SideSpeed
    work_ratio: Figure


class Latency(msgspec.Struct, frozen=True):
    """From the delivery into the mailbox to the receipt's arrival, in ms; `load` is the share of
    the highest rate.
    """

    load: float  # 0: idle
    rate: float  # mails a second
    mails: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Memory(msgspec.Struct, frozen=True):
    """Memory in MB of each service over the whole path.

    `peak_mb` adds up the highest resident memory of each of its processes, whenever it was;
    `held_mb` is the most that they held together at one moment, shared pages counted once and files
    in memory counted too.
    """

    mail_set: str
    mails: int
    peak_mb: dict[str, float]
    held_mb: dict[str, float] = {}


class Growth(msgspec.Struct, frozen=True):
    """Mailcase's rate as one thing grows; `ratio` is against the first row of the same kind, taken
    in turns.
    """

    what: str
    size: int
    rate: Figure
    ratio: Figure


class Peer(msgspec.Struct, frozen=True):
    """Another program on the same mails; `ratio` is how many times its rate Mailcase's is. None:
    why it is missing.
    """

    name: str
    rate: Figure | None = None
    ratio: Figure | None = None
    missing: str | None = None


class SearchLatency(msgspec.Struct, frozen=True):
    """Searches over `comments` comments by a reader of `processes` processes; `load_s` filled the
    index.
    """

    comments: int
    processes: int
    load_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


class DeskLoad(msgspec.Struct, frozen=True):
    """The desk's database: how long its cases took to write, and then its indexes."""

    cases: int
    load_s: float
    index_s: float


class DeskFigure(msgspec.Struct, frozen=True):
    """One thing about the desk over `cases` cases, `count` times; `budget` is for `p95`, None
    without one.

    What is measured once has the same figure three times.
    """

    what: str
    cases: int
    count: int
    p50: float
    p95: float
    p99: float
    unit: str = "ms"
    budget: float | None = None


class Results(msgspec.Struct):
    """All sections; those that were not asked for are empty."""

    machine: str
    at: str
    speed: list[Speed] = []
    memory: list[Memory] = []
    latency: list[Latency] = []
    peers: list[Peer] = []
    growth: list[Growth] = []
    search: list[SearchLatency] = []
    desk: list[DeskFigure] = []
    desk_loads: list[DeskLoad] = []


def empty_results() -> Results:
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {system}"
    return Results(machine, datetime.now(UTC).isoformat(timespec="seconds"))
