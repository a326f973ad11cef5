"""Results as text for a terminal."""

from collections.abc import Iterator

from benchmarks.report.limits import checks
from benchmarks.report.results import Figure, Results


def table(results: Results) -> str:
    """Every section that was measured."""
    sections = (
        _speed(results),
        _costs(results),
        _memory(results),
        _touched(results),
        _latency(results),
        _peers(results),
        _growth(results),
        _replicas(results),
        _search(results),
        _desk(results),
        _volume(results),
    )
    blocks = [
        f"{results.machine}, {results.at}",
        *filter(None, ("\n".join(lines) for lines in sections)),
    ]
    blocks.append("\n".join(_checks(results)))
    return "\n\n".join(blocks)


def _desk(results: Results) -> Iterator[str]:
    for load in results.desk_loads:
        yield f"{load.cases:10,} cases: written in {load.load_s:.0f} s, indexes in {load.index_s:.0f} s"
    for row in results.desk:
        yield (
            f"{row.cases:10,} cases  {row.what:48} p50 {row.p50:8.1f}  p95 {row.p95:8.1f}"
            f"  p99 {row.p99:8.1f} {row.unit} ({row.count:,})"
        )


def _volume(results: Results) -> Iterator[str]:
    """A line for each figure, a column for each size, and how many times the first the last is."""
    sizes = sorted({row.size for row in results.volume})
    if sizes:
        heads = " ".join(f"{size:>11,}" for size in sizes)
        yield f"{'mails or cases':60} {heads}  last / first"
    for what in dict.fromkeys(row.what for row in results.volume):
        rows = {row.size: row for row in results.volume if row.what == what}
        cells = " ".join(
            f"{rows[size].value:11,.1f}" if size in rows else " " * 11 for size in sizes
        )
        first, *_, last = [*rows.values(), *rows.values()]
        times = f"{last.value / first.value:12.2f}" if first.value else " " * 12
        yield f"{f'{what}, {first.unit}':60} {cells} {times}"


def _search(results: Results) -> Iterator[str]:
    if results.search:
        yield f"{'comments':>10} {'processes':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}  search"
    for row in results.search:
        yield (
            f"{row.comments:10,} {row.processes:9} {row.p50_ms:8.1f} {row.p95_ms:8.1f} {row.p99_ms:8.1f}"
            f"  (filled in {row.load_s:.0f} s)"
        )


def _speed(results: Results) -> Iterator[str]:
    if results.speed:
        yield (
            f"{'trial':12} {'mails':5} {'mails/s':>9} {'baseline':>9} {'work':>9}"
            f"  {'of the baseline':25} of the necessary work"
        )
    for speed in results.speed:
        yield (
            f"{speed.trial:12} {speed.mail_set:5} {speed.mailcase.rate.median:9.1f} {speed.floor.rate.median:9.1f} "
            f"{speed.work.rate.median:9.1f} {_ratio(speed.ratio):25} {_ratio(speed.work_ratio)}"
        )
    for speed in results.speed:
        sides = (speed.mailcase, speed.floor, speed.work)
        cores = ", ".join(f"{side.busy_cores:.2f}" for side in sides)
        yield f"{speed.trial:12} {speed.mail_set:5} cores busy, with the servers: {cores}"


def _costs(results: Results) -> Iterator[str]:
    processes = list(
        dict.fromkeys(name for speed in results.speed for name in speed.mailcase.cpu_ms)
    )
    if results.speed:
        heads = " ".join(f"{name:>17}" for name in processes)
        yield f"{'processor ms':12} {'mails':5} {heads}   (Mailcase / baseline / necessary work)"
    for speed in results.speed:
        sides = (speed.mailcase, speed.floor, speed.work)
        cells = (
            "/".join(f"{side.cpu_ms[name]:.2f}" for side in sides if name in side.cpu_ms)
            for name in processes
        )
        yield f"{speed.trial:12} {speed.mail_set:5} {' '.join(f'{cell:>17}' for cell in cells)}"


def _memory(results: Results) -> Iterator[str]:
    for memory in results.memory:
        peaks = ", ".join(
            f"{service} {mb:.0f} ({memory.held_mb.get(service, 0):.0f} at one moment)"
            for service, mb in memory.peak_mb.items()
        )
        yield f"peak memory, {memory.mails} mails of {memory.mail_set}, MB: {peaks}"


def _touched(results: Results) -> Iterator[str]:
    totals: dict[str, float] = {}
    for row in results.touched:
        kinds = ", ".join(f"{kind} {times:.2f}" for kind, times in row.per_byte.items())
        times = sum(row.per_byte.values())
        totals[row.side] = totals.get(row.side, 0.0) + times
        yield (
            f"touches of a byte, {row.mails} mails of {row.mail_set}: {row.side:8} {row.service:12}"
            f"{times:6.2f} ({kinds})"
        )
    for side, total in totals.items():
        yield f"touches of a byte, {side}, whole path: {total:.2f}"


def _latency(results: Results) -> Iterator[str]:
    for result in results.latency:
        load = f"{result.load:.0%} of the highest rate" if result.load else "idle"
        for what, times in (
            ("arrival to recorded", result.total),
            ("the mail server's notice", result.notice),
            ("beyond the notice", result.beyond_notice),
            ("arrival to recorded, baseline", result.baseline),
        ):
            if times is None:
                continue
            yield (
                f"{what + ', ' + load:50} {result.rate:7.1f} mails/s: p50 {times.p50:7.1f} ms, "
                f"p95 {times.p95:7.1f} ms, p99 {times.p99:7.1f} ms ({result.mails} mails)"
            )


def _peers(results: Results) -> Iterator[str]:
    for peer in results.peers:
        if peer.rate is None or peer.ratio is None:
            yield f"{peer.name}: not measured: {peer.missing}"
        else:
            line = f"{peer.name}: {peer.rate.median:.1f} mails/s; Mailcase has {_ratio(peer.ratio)} times that"
            cost = (
                f", at 1/{_ratio(peer.cpu_ratio)} of the processor time" if peer.cpu_ratio else ""
            )
            yield line + cost


def _growth(results: Results) -> Iterator[str]:
    for result in results.growth:
        yield (
            f"{result.size:>9,} {result.what:24} {result.rate.median:8.1f} mails/s "
            f"{_ratio(result.ratio)} of the least"
        )


def _replicas(results: Results) -> Iterator[str]:
    for result in results.replicas:
        counts = ", ".join(f"{count} {service}" for service, count in result.replicas.items())
        yield (
            f"whole path, {result.mail_set:5} {counts:24} {result.rate.median:8.1f} mails/s "
            f"{_ratio(result.ratio)} of one each; {result.busy_cores:.2f} cores busy"
        )


def _checks(results: Results) -> Iterator[str]:
    for check in checks(results):
        relation = "at least" if check.at_least else "at most"
        yield f"{'holds' if check.holds else 'FAILS':5}  {check.what}: {check.measured:.2f}, {relation} {check.limit:g}"


def _ratio(figure: Figure) -> str:
    return f"{figure.median:6.2f} ({figure.low:.2f}-{figure.high:.2f})"
