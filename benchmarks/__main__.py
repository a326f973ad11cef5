"""`make bench`: the rates of Mailcase compared with what its servers allow.

    python -m benchmarks [speed] [memory] [latency] [touched] [peers] [growth] [replicas] [search]
        [desk] [volume] [--rounds 5] [--sets text,mix]

Only the first three run if none is named; the others take some minutes more, and `peers` installs
other help desks below `.run`. Ratios come from interleaved measurements, so that a busy machine
slows both sides equally.
"""

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
import uvloop

from benchmarks.desk.trial import desk_figures
from benchmarks.environment import Ground
from benchmarks.growth import growths
from benchmarks.latency import latencies
from benchmarks.memory import memory
from benchmarks.peers.comparison import peers
from benchmarks.replicas import replicas
from benchmarks.report.chart import chart
from benchmarks.report.results import DeskLoad, Results, empty_results
from benchmarks.report.tables import table
from benchmarks.search import searches
from benchmarks.speed import TRIALS, speeds
from benchmarks.touched.trial import touched
from benchmarks.volume.trial import PARTS, volume_figures
from deploy.local.servers.store import LEAST_CACHE_GB

SETS = ("text", "html", "mix", "pdf")
LOADS = (0, 0.1, 0.5, 0.9)


async def _speed(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    for trial in options.trials:
        async for speed in speeds(ground, trial, options.sets, options.rounds, options.round_s):
            results.speed.append(speed)
            _progress(
                f"{trial}, {speed.mail_set}: {speed.ratio.median:.2f} of the baseline, "
                f"{speed.work_ratio.median:.2f} of the necessary work"
            )


async def _memory(ground: Ground, _: argparse.Namespace, results: Results) -> None:
    for name, mails in (("mix", 200), ("huge", 6)):
        results.memory.append(await memory(ground, name, mails))
        _progress(f"peak memory, {name}: {results.memory[-1].peak_mb}")


async def _touched(ground: Ground, _: argparse.Namespace, results: Results) -> None:
    results.touched = await touched(ground, 8)


async def _latency(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for latency in latencies(ground, LOADS, options.latency_s):
        results.latency.append(latency)
        _progress(
            f"latency at {latency.rate:.0f} mails/s: p50 {latency.total.p50:.0f} ms, "
            f"{latency.beyond_notice.p50:.0f} ms beyond the notice"
        )


async def _growth(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for growth in growths(ground, options.rounds):
        results.growth.append(growth)
        _progress(f"{growth.size:,} {growth.what}: {growth.ratio.median:.2f} of the least")


async def _replicas(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for speed in replicas(ground, options.sets, options.rounds):
        results.replicas.append(speed)
        _progress(f"{speed.mail_set}, {speed.replicas}: {speed.ratio.median:.2f} of one each")


async def _search(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for latency in searches(ground, options.comments):
        results.search.append(latency)
        _progress(f"search over {latency.comments:,} comments: p95 {latency.p95_ms:.0f} ms")


async def _desk(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    for cases in options.cases:
        async for figure in desk_figures(ground, cases, options.helpdesk_python):
            if isinstance(figure, DeskLoad):
                results.desk_loads.append(figure)
                _progress(
                    f"{cases:,} cases: written in {figure.load_s:.0f} s, indexes in {figure.index_s:.0f} s"
                )
            else:
                results.desk.append(figure)
                _progress(
                    f"{figure.what}: p50 {figure.p50:.1f}, p95 {figure.p95:.1f} {figure.unit}"
                )


async def _volume(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for figure in volume_figures(ground, options.sizes, options.parts):
        results.volume.append(figure)
        _progress(f"{figure.size:,}: {figure.what}: {figure.value:,.1f} {figure.unit}")


async def _peers(ground: Ground, options: argparse.Namespace, results: Results) -> None:
    async for peer in peers(ground, options.rounds):
        results.peers.append(peer)
        times = "not measured" if peer.ratio is None else f"{peer.ratio.median:.1f} times"
        _progress(f"{peer.name}: {times}")


SECTIONS: dict[
    str, Callable[[Ground, argparse.Namespace, Results], Coroutine[None, None, None]]
] = {
    "speed": _speed,
    "memory": _memory,
    "latency": _latency,
    "touched": _touched,
    "peers": _peers,
    "growth": _growth,
    "replicas": _replicas,
    "search": _search,
    "desk": _desk,
    "volume": _volume,
}
BY_DEFAULT = ("speed", "memory", "latency")


async def _measure(options: argparse.Namespace, results: Results) -> None:
    with Ground.laid(options.store_cache_gb) as ground:
        for section in options.sections or BY_DEFAULT:
            await SECTIONS[section](ground, options, results)


def _progress(line: str) -> None:
    print(line, flush=True)


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "sections", nargs="*", choices=[*SECTIONS, []], help=f"default: {' '.join(BY_DEFAULT)}"
    )
    parser.add_argument(
        "--sets", type=names, default=SETS, help=f"mail sets for speed (default {','.join(SETS)})"
    )
    parser.add_argument(
        "--trials", type=names, default=list(TRIALS), help=f"default {','.join(TRIALS)}"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="repetitions of each side (default 5)"
    )
    parser.add_argument(
        "--round-s", type=float, default=2.0, help="about how long a round takes (default 2)"
    )
    parser.add_argument(
        "--latency-s", type=float, default=10.0, help="how long each load is kept up (default 10)"
    )
    parser.add_argument(
        "--comments",
        type=lambda text: [int(size) for size in names(text)],
        default=[100_000, 1_000_000],
        help="sizes of the search index (default 100000,1000000)",
    )
    parser.add_argument(
        "--cases",
        type=lambda text: [int(size) for size in names(text)],
        default=[100_000],
        help="cases of the desk (default 100000; 1000000 takes about half an hour)",
    )
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(size) for size in names(text)],
        default=[10_000, 100_000, 1_000_000],
        help="mails in the mailbox, and cases with ten comments each, for volume (default "
        "10000,100000,1000000, which takes hours and 30 GB; 1000,10000 takes some minutes)",
    )
    parser.add_argument(
        "--parts", type=names, default=PARTS, help=f"of volume (default {','.join(PARTS)})"
    )
    parser.add_argument(
        "--store-cache-gb",
        type=float,
        default=LEAST_CACHE_GB,
        help="MongoDB's cache in gigabytes (default %(default)s, as in `mailcase up`)",
    )
    parser.add_argument(
        "--helpdesk-python",
        help="an interpreter with requirements/helpdesk.lock, to measure django-helpdesk's list as well",
    )
    parser.add_argument(
        "--json", type=Path, default=Path(".run/bench.json"), help="default .run/bench.json"
    )
    parser.add_argument(
        "--chart", type=Path, default=Path(".run/bench.svg"), help="default .run/bench.svg"
    )
    return parser.parse_args()


def main() -> None:
    options = _options()
    results = empty_results()
    uvloop.run(_measure(options, results))
    for file, content in (
        (options.json, msgspec.json.format(msgspec.json.encode(results))),
        (options.chart, chart(results).encode()),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    print(f"\n{table(results)}\n\n{options.json} and {options.chart} contain the same")


if __name__ == "__main__":
    main()
