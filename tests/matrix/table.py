"""Writes docs/tested-versions.md from the recorded results."""

from collections.abc import Iterable
from pathlib import Path

from tests.matrix.catalog import INSTALLED, TESTS
from tests.matrix.runs import Result

DOC = Path(__file__).parents[2] / "docs" / "tested-versions.md"
TITLES = {"rabbitmq": "RabbitMQ", "dovecot": "Dovecot", "python": "Python", "cluster": "Clusters"}
VERSION_OF = {**TITLES, "cluster": "RabbitMQ"}  # whose version the rows name
HEAD = """\
# Tested versions

`make matrix` runs tests against versions that Debian 12 does not have, and writes this page. It unpacks
RabbitMQ and its Erlang, from Debian 13 and from Debian unstable, below `.run/matrix`; nothing is
installed. `MAILCASE_PROGRAMS` makes the private servers use them ([settings](settings.md)). The versions
are those that the running servers reported. The tests without servers run on other versions of Python,
each with the locked packages: an installed one, or one from Debian.

    make matrix                                      # about an hour on two cores
    make matrix ARGS="rabbitmq/unstable"             # the runs whose names begin so
    make matrix ARGS="--list"                        # all names

Two kinds of runs take hours, and run only if they are named: the fault tests in full size
(`rabbitmq/unstable/full-`) and the clusters (`cluster/`).
"""
NOTES = {
    "cluster": """\
Three machines, each a network namespace with a node of RabbitMQ and a member of a MongoDB replica set;
the services connect to all of them, and mail flows while something fails (`make cluster`, root only). The
figures say for how long no mail of a mailbox was recorded: the median and the worst of three mailboxes.
With 4.0, a node whose disk was full may no longer start, and the test replaces it
([RabbitMQ: a new series](kubernetes.md#rabbitmq-a-new-series)).
"""
}


def page(results: Iterable[Result]) -> str:
    parts = [HEAD]
    ordered = list(results)
    for product, title in TITLES.items():
        rows = [result for result in ordered if result.product == product]
        if rows:
            parts += [f"## {title}\n", *([NOTES[product]] if product in NOTES else [])]
            parts += [_table(VERSION_OF[product], rows)]
    figures = [_figures(result) for result in ordered if result.figures]
    if figures:
        parts += ["## Figures\n", "\n".join(figures) + "\n"]
    return "\n".join(parts)


def _table(versioned: str, rows: list[Result]) -> str:
    lines = [
        "| version | from | tests | passed | failed | skipped | seconds | on |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        source = row.origin or (
            "this machine" if row.source == INSTALLED else f"Debian {row.source}"
        )
        cells = [row.versions.get(versioned, "?"), source, _tests(row.tests)]
        numbers = [str(number) for number in (row.passed, row.failed, row.skipped, row.seconds)]
        lines.append(f"| {' | '.join([*cells, *numbers, row.at])} |")
    return "\n".join(lines) + "\n"


def _tests(name: str) -> str:
    files = ", ".join(_test(test) for test in TESTS[name])
    return f"{files} in full size" if name.startswith("full-") else files


def _test(test: str) -> str:
    file, _, function = test.partition("::")
    sentence = function.removeprefix("test_").replace("_", " ")
    return f"`{file}`: {sentence}" if sentence else f"`{file}`"


def _figures(result: Result) -> str:
    versioned = VERSION_OF[result.product]
    subject = f"{versioned} {result.versions.get(versioned, '?')}"
    if result.product != "cluster":
        return "\n".join(f"- {subject}: {figure}" for figure in result.figures)
    return "\n".join([f"- A cluster of {subject}:", *(f"  - {one}" for one in result.figures)])
