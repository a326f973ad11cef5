"""The measurements as values, which are written as JSON, printed as tables and drawn as charts."""

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
    """One side of a comparison: mails per second and, by process, the processor time per mail in ms
    and the peak memory in MB. `busy_cores` is the processor time of all services and servers,
    divided by the time.
    """

    rate: Figure
    cpu_ms: dict[str, float]
    peak_mb: dict[str, float]
    busy_cores: float = 0.0


class Speed(msgspec.Struct, frozen=True):
    """Mailcase compared with its baselines: the ratios of the rates, pair by pair. A round has
    `mails`.

    `work` is the baseline that also does the necessary work on each mail.
    """

    trial: str
    mail_set: str
    mails: int
    mailcase: SideSpeed
    floor: SideSpeed
    ratio: Figure
    work: SideSpeed
    work_ratio: Figure


class Percentiles(msgspec.Struct, frozen=True):
    """Of times in ms."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> "Percentiles":
        cuts = statistics.quantiles(times_ms, n=100, method="inclusive")
        return cls(*(round(cuts[part - 1], 1) for part in (50, 95, 99)))


class Latency(msgspec.Struct, frozen=True):
    """The time from the delivery into the mailbox to the arrival of the receipt. `load` is the
    share of the highest rate.

    `notice` is the time until a bare client can see a mail, and `beyond_notice` the difference of
    the two for each mail that has a copy. `baseline` is the baseline's total, measured in turns;
    None under load.
    """

    load: float  # 0: idle
    rate: float  # mails per second
    mails: int
    total: Percentiles
    notice: Percentiles
    beyond_notice: Percentiles
    baseline: Percentiles | None = None


class Memory(msgspec.Struct, frozen=True):
    """Memory in MB of each service over the whole path.

    `peak_mb` is the sum of the peak resident memory of each process, which may be at different
    times. `held_mb` is their peak memory at one moment; shared pages count once, and memory files
    are included.
    """

    mail_set: str
    mails: int
    peak_mb: dict[str, float]
    held_mb: dict[str, float] = {}


class Touched(msgspec.Struct, frozen=True):
    """Bytes that a service, or the program of a baseline in its place, touches for each byte of
    mail, by kind.
    """

    side: str
    service: str
    mail_set: str
    mails: int
    per_byte: dict[str, float]


class ReplicasSpeed(msgspec.Struct, frozen=True):
    """The whole path with this many replicas. `ratio` compares it with one replica each, measured
    in turns.

    `busy_cores` is the processor time of all services and servers, divided by the time.
    """

    mail_set: str
    replicas: dict[str, int]
    rate: Figure
    ratio: Figure
    busy_cores: float


class Growth(msgspec.Struct, frozen=True):
    """Mailcase's rate for one size. `ratio` compares it with the first row of the same kind,
    measured in turns.
    """

    what: str
    size: int
    rate: Figure
    ratio: Figure


class Peer(msgspec.Struct, frozen=True):
    """Another program on the same mails. `ratio` is Mailcase's rate divided by its rate; None if it
    is missing, for the reason given.

    `cpu_ratio` is its processor time of a mail divided by Mailcase's, each with its servers.
    """

    name: str
    rate: Figure | None = None
    ratio: Figure | None = None
    cpu_ratio: Figure | None = None
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
    """The desk's database: how long it took to write its cases, and then to create its indexes."""

    cases: int
    load_s: float
    index_s: float


class DeskFigure(msgspec.Struct, frozen=True):
    """One figure of the desk with `cases` cases, measured `count` times. `budget` is the limit of
    `p95`, None if there is none.

    A figure that is measured once is the same three times.
    """

    what: str
    cases: int
    count: int
    p50: float
    p95: float
    p99: float
    unit: str = "ms"
    budget: float | None = None


class VolumeFigure(msgspec.Struct, frozen=True):
    """One figure with `size` mails in the mailbox, or cases in the database, measured once."""

    what: str
    size: int
    value: float
    unit: str


class Results(msgspec.Struct):
    """All sections. Those that were not requested are empty."""

    machine: str
    at: str
    speed: list[Speed] = []
    memory: list[Memory] = []
    touched: list[Touched] = []
    latency: list[Latency] = []
    peers: list[Peer] = []
    growth: list[Growth] = []
    replicas: list[ReplicasSpeed] = []
    search: list[SearchLatency] = []
    desk: list[DeskFigure] = []
    desk_loads: list[DeskLoad] = []
    volume: list[VolumeFigure] = []


def empty_results() -> Results:
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {system}"
    return Results(machine, datetime.now(UTC).isoformat(timespec="seconds"))
