"""Tables: fitted to a terminal, with long lines in a pipe."""

import os
import sys
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.terminal.output import printable

_PIPE_WIDTH = 300  # characters; grep would not find a wrapped cell


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str] = ()
) -> None:
    """Print a table. Control characters in cells are replaced.

    Columns named in `whole`, such as ids that people copy, are never wrapped or cut; the others
    share the rest of the width, and are cut to it. In a pipe, nothing is cut.
    """
    cells = [[Text(" ".join(printable(cell).split())) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, heading in enumerate(headings):
        least = max((row[position].cell_len for row in cells), default=0) if heading in whole else 1
        fixed = heading in whole
        table.add_column(
            heading,
            no_wrap=True,
            overflow="fold" if fixed else "ellipsis",
            min_width=max(least, len(heading)) if fixed else None,
        )
    for row in cells:
        table.add_row(*row)
    Console(width=_width()).print(table)


def _width() -> int | None:
    """None: that of the terminal, or of COLUMNS."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH


def short_keys(keys: Sequence[str], shortest: int) -> list[str]:
    """The first digits of each key: as few as distinguish them, at least `shortest`."""
    length = shortest
    longest = max((len(key) for key in keys), default=0)
    while length < longest and len({key[:length] for key in keys}) < len(set(keys)):
        length += 1
    return [key[:length] for key in keys]
