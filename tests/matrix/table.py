"""Writes docs/tested-versions.md from the recorded results."""

from collections.abc import Iterable
from pathlib import Path

from tests.matrix.runs import INSTALLED, TESTS, Result

DOC = Path(__file__).parents[2] / "docs" / "tested-versions.md"
TITLES = {"rabbitmq": "RabbitMQ", "dovecot": "Dovecot", "python": "Python", "cluster": "Clusters"}
HEAD = """\
# Tested versions

`make matrix` runs tests against versions that Debian 12 does not have, and writes this page. It unpacks
RabbitMQ and its Erlang, from Debian 13 and from Debian unstable, below `.run/matrix`; nothing is
installed. `MAILCASE_PROGRAMS` makes the private servers use them ([settings](settings.md)). The versions
are those that the running servers reported. The tests without servers run on other versions of Python,
each with the locked packages: an installed one, or one from Debian.

    make matrix                                      # everything, about an hour on two cores
    make matrix ARGS="rabbitmq/unstable"             # the runs whose names begin so
    make matrix ARGS="--list"
"""


def page(results: Iterable[Result]) -> str:
    parts = [HEAD]
    ordered = list(results)
    for product, title in TITLES.items():
        rows = [result for result in ordered if result.product == product]
        if rows:
            parts += [f"## {title}\n", _table(title, rows)]
    figures = [_figures(result) for result in ordered if result.figures]
    if figures:
        parts += ["## Figures\n", "\n".join(figures) + "\n"]
    return "\n".join(parts)


def _table(title: str, rows: list[Result]) -> str:
    lines = [
        "| version | from | tests | passed | failed | skipped | seconds | on |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        source = row.origin or (
            "this machine" if row.source == INSTALLED else f"Debian {row.source}"
        )
        cells = [row.versions.get(title, "?"), source, _tests(row.tests)]
        numbers = [str(number) for number in (row.passed, row.failed, row.skipped, row.seconds)]
        lines.append(f"| {' | '.join([*cells, *numbers, row.at])} |")
    return "\n".join(lines) + "\n"


def _tests(name: str) -> str:
    return ", ".join(f"`{file}`" for file in TESTS[name])


def _figures(result: Result) -> str:
    version = result.versions.get(TITLES[result.product], "?")
    return "\n".join(f"- {TITLES[result.product]} {version}: {figure}" for figure in result.figures)
