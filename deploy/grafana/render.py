"""Draws the main panels of the dashboard "Mail flow" as SVG, with data from a Prometheus server.

python -m deploy.grafana.render http://127.0.0.1:9090 --minutes 10 > docs/mail-flow.svg
"""

import argparse
import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from deploy.grafana.mail_flow import MAIL_FLOW
from deploy.grafana.model import PER_SECOND, Panel

SHOWN = (
    "Mails per second",
    "Time from arrival to recorded",
    "Oldest mail by place",
    "Mails by place",
)
WIDTH, HEIGHT, MARGIN = 460, 224, 16
PLOT_LEFT, PLOT_TOP, PLOT_BOTTOM = 46, 30, 60
COLORS = ("#2f6fab", "#d9822b", "#3d9a5f", "#b13f3f", "#7a55a8", "#6b7280", "#1c9aa0", "#a3761a")
STEPS = 150

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    name: str
    points: Points


@dataclass(frozen=True)
class Span:
    """Seconds since the epoch."""

    start_s: float
    end_s: float

    @property
    def step_s(self) -> float:
        return max(1.0, (self.end_s - self.start_s) / STEPS)


def lines_of(panel: Panel, url: str, span: Span) -> list[Line]:
    """The series that Prometheus returns for the panel's queries."""
    found = []
    for query in panel.queries:
        text = (
            query.expr.replace("$__rate_interval", "30s")
            .replace("$process", ".*")
            .replace("$namespace", ".*")
        )
        asked = {"query": text, "start": span.start_s, "end": span.end_s, "step": span.step_s}
        address = f"{url}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the operator's own
            series = json.load(answer)["data"]["result"]
        for result in series:
            points = [(float(at), float(value)) for at, value in result["values"] if value != "NaN"]
            found.append(Line(_name(query.legend, result["metric"]), points))
    return [line for line in found if line.points]


def _name(legend: str, labels: dict[str, str]) -> str:
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


def chart(panel: Panel, lines: Sequence[Line], span: Span) -> str:
    """The SVG of one panel; its axis starts at 0."""
    top = _round_up(max((value for line in lines for _, value in line.points), default=0.0))
    plot_width, plot_height = WIDTH - PLOT_LEFT - 8, HEIGHT - PLOT_TOP - PLOT_BOTTOM
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" class="panel"/>',
        _text(12, 19, panel.title, "title"),
    ]
    for share in (0.0, 0.5, 1.0):
        y = PLOT_TOP + plot_height * (1 - share)
        parts.append(f'<path d="M{PLOT_LEFT} {y:.1f}h{plot_width}" class="grid"/>')
        parts.append(_text(PLOT_LEFT - 6, y + 3, _amount(top * share, panel.unit), "axis end"))
    for line, color in zip(lines, COLORS, strict=False):
        for points in pieces(line.points, span.step_s):
            places = [
                f"{PLOT_LEFT + plot_width * (at - span.start_s) / (span.end_s - span.start_s):.1f}"
                f" {PLOT_TOP + plot_height * (1 - value / top):.1f}"
                for at, value in points
            ]
            parts.append(f'<polyline points="{" ".join(places)}" stroke="{color}"/>')
    minutes = (span.end_s - span.start_s) / 60
    for share in (0.0, 0.5, 1.0):
        label = f"{minutes * share:.1f} min" if share else "0"
        anchor = "axis end" if share == 1.0 else "axis"
        parts.append(
            _text(PLOT_LEFT + plot_width * share, HEIGHT - PLOT_BOTTOM + 13, label, anchor)
        )
    return "".join(parts) + _legend(lines)


def pieces(points: Points, step_s: float) -> list[Points]:
    """Split a line at gaps without values, as Grafana does."""
    found: list[Points] = []
    for point in points:
        if found and point[0] - found[-1][-1][0] < 1.5 * step_s:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def _legend(lines: Sequence[Line]) -> str:
    parts, x, y = [], 12.0, HEIGHT - 32.0
    for line, color in zip(lines, COLORS, strict=False):
        width = 26 + 5.9 * len(line.name)
        if x + width > WIDTH:
            x, y = 12.0, y + 12
        parts.append(f'<rect x="{x:.0f}" y="{y - 6:.0f}" width="10" height="4" fill="{color}"/>')
        parts.append(_text(x + 14, y, line.name, "axis"))
        x += width
    return "".join(parts)


def _round_up(value: float) -> float:
    """Round up to a number that halves evenly; 1 if the value is 0."""
    scale = 1e-3
    while value > 0:
        for step in (1, 2, 4, 6, 10):
            if value <= step * scale:
                return step * scale
        scale *= 10
    return 1.0


def _amount(value: float, unit: str) -> str:
    return f"{value:g}" + {"s": " s", PER_SECOND: "/s"}.get(unit, "")


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(text)}</text>'


STYLE = (
    "text{font-family:sans-serif;fill:#24292f}.title{font-size:12px;font-weight:bold}.axis{font-size:10px;fill:#57606a}"
    ".end{text-anchor:end}.panel{fill:#fff;stroke:#d0d7de}.grid{stroke:#eaeef2}polyline{fill:none;stroke-width:1.5}"
)


def drawing(url: str, span: Span) -> str:
    panels = [
        panel
        for title in SHOWN
        for row in MAIL_FLOW.rows
        for panel in row.panels
        if panel.title == title
    ]
    columns, rows = 2, (len(panels) + 1) // 2
    size = (columns * (WIDTH + MARGIN) + MARGIN, rows * (HEIGHT + MARGIN) + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}"><style>{STYLE}</style>'
    ]
    parts.append(f'<rect width="{size[0]}" height="{size[1]}" fill="#f6f8fa"/>')
    for index, panel in enumerate(panels):
        x = MARGIN + index % columns * (WIDTH + MARGIN)
        y = MARGIN + index // columns * (HEIGHT + MARGIN)
        parts.append(
            f'<g transform="translate({x} {y})">{chart(panel, lines_of(panel, url, span), span)}</g>'
        )
    return "\n".join(parts) + "\n</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Draw the main panels of the dashboard Mail flow as SVG."
    )
    parser.add_argument("prometheus", help="e.g. http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=10.0, help="how far back (default: 10)")
    asked = parser.parse_args()
    now_s = time.time()
    sys.stdout.write(drawing(asked.prometheus.rstrip("/"), Span(now_s - 60 * asked.minutes, now_s)))


if __name__ == "__main__":
    main()
