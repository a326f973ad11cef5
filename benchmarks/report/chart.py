"""Draws the results: each service's rate as a share of its baseline, the processor time of a mail,
latencies, other help desks.
"""

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.report.results import Latency, Peer, Percentiles, Results, Speed

_COLOURS = {
    "fetcher": "#4c78a8",
    "router": "#72b7b2",
    "case-writer": "#54a24b",
    "RabbitMQ": "#f58518",
    "mongod": "#b279a2",
    "Dovecot": "#9d9d9d",
}
_WIDTH = 760
_LEFT = 190
_BAR = 16
_ROW = 22
_STYLE = "font-family: sans-serif; font-size: 12px; fill: #222"


class _Canvas:
    """Shapes and texts, downwards from the top."""

    def __init__(self) -> None:
        self.y = 10
        self._shapes: list[str] = []

    def heading(self, text: str) -> None:
        self.y += 26
        self.text(10, text, bold=True)
        self.y += 24

    def text(self, x: float, text: str, *, bold: bool = False, end: bool = False) -> None:
        weight = ' font-weight="bold"' if bold else ""
        anchor = ' text-anchor="end"' if end else ""
        self._shapes.append(
            f'<text x="{x:.0f}" y="{self.y + 13}"{weight}{anchor}>{escape(text)}</text>'
        )

    def bar(self, x: float, width: float, colour: str, title: str, *, thin: bool = False) -> None:
        y, height = (self.y + _BAR / 2 - 1, 2) if thin else (self.y, _BAR)
        self._shapes.append(
            f'<rect x="{x:.1f}" y="{y}" width="{max(width, 0.5):.1f}" height="{height}" fill="{colour}">'
            f"<title>{escape(title)}</title></rect>"
        )

    def line(self, x: float, top: int, colour: str = "#222", dash: str = "4 3") -> None:
        self._shapes.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{self.y}" stroke="{colour}" stroke-dasharray="{dash}"/>'
        )

    def row(self) -> None:
        self.y += _ROW

    def svg(self) -> str:
        height = self.y + 20
        size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        ground = f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
        return "\n".join(
            [head, ground, f'<g style="{_STYLE}">', *self._shapes, "</g>", "</svg>", ""]
        )


def chart(results: Results) -> str:
    """The measurements as SVG."""
    canvas = _Canvas()
    if results.speed:
        _ratios(canvas, results.speed)
        _costs(canvas, [speed for speed in results.speed if speed.trial == "whole path"])
    if results.latency:
        _latencies(canvas, results.latency)
    _peers(canvas, results.peers)
    return canvas.svg()


def _ratios(canvas: _Canvas, speeds: Sequence[Speed]) -> None:
    canvas.heading(
        "Rate as a part of the baseline's (dashed); thin: from the lowest to the highest repetition"
    )
    width = (_WIDTH - _LEFT - 110) / max(1.1, *(speed.ratio.high for speed in speeds))
    top = canvas.y
    for speed in speeds:
        canvas.text(_LEFT - 8, f"{speed.trial}, {speed.mail_set}", end=True)
        canvas.bar(_LEFT, width * speed.ratio.median, "#4c78a8", f"{speed.ratio.median}")
        spread = width * (speed.ratio.high - speed.ratio.low)
        canvas.bar(_LEFT + width * speed.ratio.low, spread, "#222", "lowest to highest", thin=True)
        rates = f"{speed.ratio.median:.2f}  {speed.mailcase.rate.median:.0f}/s"
        canvas.text(_LEFT + width * speed.ratio.high + 6, rates)
        canvas.row()
    canvas.line(_LEFT + width, top)


def _costs(canvas: _Canvas, speeds: Sequence[Speed]) -> None:
    canvas.heading(
        "Processor time of a mail over the whole path, as a part of the baseline's (upper: Mailcase, lower: baseline)"
    )
    _legend(canvas)
    totals = [
        sum(side.cpu_ms.values()) for speed in speeds for side in (speed.mailcase, speed.floor)
    ]
    for speed, (ours, floor) in zip(
        speeds, zip(totals[::2], totals[1::2], strict=True), strict=True
    ):
        width = (_WIDTH - _LEFT - 90) / max(ours, floor)
        for name, side in (("", speed.floor), (speed.mail_set, speed.mailcase))[::-1]:
            canvas.text(_LEFT - 8, name, end=True)
            _stack(canvas, side.cpu_ms, width)
            canvas.text(
                _LEFT + width * sum(side.cpu_ms.values()) + 6, f"{sum(side.cpu_ms.values()):.1f} ms"
            )
            canvas.y += _BAR + 2
        canvas.y += 6


def _stack(canvas: _Canvas, parts: dict[str, float], width: float) -> None:
    x: float = _LEFT
    for name, ms in parts.items():
        canvas.bar(x, width * ms, _COLOURS.get(name, "#000"), f"{name} {ms:.2f} ms")
        x += width * ms


def _legend(canvas: _Canvas) -> None:
    x: float = _LEFT
    for name, colour in _COLOURS.items():
        canvas.bar(x, _BAR, colour, name)
        canvas.text(x + _BAR + 4, name)
        x += _BAR + 18 + 7 * len(name)
    canvas.row()


def _latencies(canvas: _Canvas, latencies: Sequence[Latency]) -> None:
    canvas.heading("From arrival to recorded, ms: p50, p95, p99 (dark to light)")
    width = (_WIDTH - _LEFT - 170) / max(latency.total.p99 for latency in latencies)
    for latency in latencies:
        load = f"{latency.load:.0%} of the highest" if latency.load else "idle"
        canvas.text(_LEFT - 8, f"{load}, {latency.rate:.0f}/s", end=True)
        for value, colour in reversed(list(_shades(latency.total))):
            canvas.bar(_LEFT, width * value, colour, f"{value} ms")
        canvas.text(
            _LEFT + width * latency.total.p99 + 6,
            " / ".join(f"{value:.0f}" for value, _ in _shades(latency.total)) + " ms",
        )
        canvas.row()


def _peers(canvas: _Canvas, peers: Sequence[Peer]) -> None:
    ratios = [(peer.name, peer.ratio) for peer in peers if peer.ratio is not None]
    if not ratios:
        return
    canvas.heading(
        "How many times the rate of another help desk Mailcase has (whole path, 5 kB mails)"
    )
    width = (_WIDTH - _LEFT - 110) / max(ratio.high for _, ratio in ratios)
    for name, ratio in ratios:
        canvas.text(_LEFT - 8, name, end=True)
        canvas.bar(_LEFT, width * ratio.median, "#4c78a8", f"{ratio.median}")
        spread = width * (ratio.high - ratio.low)
        canvas.bar(_LEFT + width * ratio.low, spread, "#222", "lowest to highest", thin=True)
        canvas.text(_LEFT + width * ratio.high + 6, f"{ratio.median:.1f} times")
        canvas.row()


def _shades(times: Percentiles) -> Iterator[tuple[float, str]]:
    yield from zip(
        (times.p50, times.p95, times.p99), ("#2f4b6e", "#4c78a8", "#a8c3de"), strict=True
    )
