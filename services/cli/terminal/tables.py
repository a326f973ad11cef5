"""Lists for a person: a table on a terminal, whole lines in a pipe."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.terminal.output import printable

_LINE_IN_A_PIPE = 300  # characters: there, a cell cut into lines would be found by no grep


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Nothing in a cell can drive the terminal."""
    table = Table()
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _LINE_IN_A_PIPE).print(table)
