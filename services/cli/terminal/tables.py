"""Prints tables that fit the terminal, with one line per row. In a pipe, nothing is cut."""

import os
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from services.cli.terminal.output import printable

_GAP = 2
_LEAST = 8  # columns of a cell that is cut; less would be useless
_LEAST_WRAPPED = 24  # of a column that is wrapped; less would break every few words


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    whole: Collection[str] = (),
    spare: Sequence[str] = (),
    wrap_last: bool = False,
) -> None:
    """Print a table. Control characters in cells are replaced.

    Columns named in `whole`, such as ids that people copy, are never cut; the others share the rest
    of the width, and are cut to it. Where that is too little, columns named in `spare` are left
    out: those without any value, then the first one first. With `wrap_last`, the last column goes
    on below itself instead.
    """
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    natural = {
        heading: max(cell_len(heading), *(cell_len(row[position]) for row in cells), 0)
        for position, heading in enumerate(headings)
    }
    empty = [heading for heading in spare if not any(row[headings.index(heading)] for row in cells)]
    least = {headings[-1]: _LEAST_WRAPPED} if wrap_last else {}
    widths = fitted(natural, terminal_width(), whole, spare, empty=empty, least=least)
    kept = [position for position, heading in enumerate(headings) if heading in widths]
    for row in (headings, ["─" * width for width in natural.values()], *cells):
        shown = [(row[at], widths[headings[at]]) for at in kept]
        start = "".join(_cut(*cell) + " " * _GAP for cell in shown[:-1])
        text, width = shown[-1]
        parts = textwrap.wrap(text, width) if wrap_last and "─" not in text else [_cut(text, width)]
        for number, part in enumerate(parts or [""]):
            print(f"{start if number == 0 else ' ' * cell_len(start)}{part}".rstrip())


def fitted(
    natural: Mapping[str, int],
    width: int | None,
    whole: Collection[str],
    spare: Sequence[str],
    *,
    empty: Collection[str] = (),
    least: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The width of each column that is shown. `width` None means no limit. Pure.

    Columns in `empty` are left out as soon as something else would be cut. `least` is the least
    width of some columns, where it is more than that of the others.
    """
    widths = dict(natural)
    if width is None or sum(widths.values()) + _GAP * (len(widths) - 1) <= width:
        return widths
    widths = {name: size for name, size in widths.items() if name not in empty}
    for heading in (*spare, ""):
        needed = [
            size if name in whole else min(size, (least or {}).get(name, _LEAST))
            for name, size in widths.items()
        ]
        if sum(needed) + _GAP * (len(widths) - 1) <= width:
            break
        widths.pop(heading, None)
    room = width - _GAP * (len(widths) - 1)
    while sum(widths.values()) > room:
        cut = {name: size for name, size in widths.items() if name not in whole and size > 1}
        if not cut:
            break  # ids are more important than the width
        widths[max(cut, key=cut.__getitem__)] -= 1
    return widths


def _cut(text: str, width: int) -> str:
    """The text in exactly this width; an ellipsis marks a cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return text[:width] if set(text) == {"─"} else f"{set_cell_size(text, width - 1)}…"


def terminal_width(stream: TextIO | None = None) -> int | None:
    """The width of the terminal, or the value of COLUMNS; None in a pipe. Default: of standard
    output.
    """
    stream = stream or sys.stdout
    if stream.isatty() or os.environ.get("COLUMNS"):
        return Console(file=stream).width
    return None


def short_keys(keys: Sequence[str], shortest: int) -> list[str]:
    """The first digits of each key: as few as distinguish them, at least `shortest`."""
    length = shortest
    longest = max((len(key) for key in keys), default=0)
    while length < longest and len({key[:length] for key in keys}) < len(set(keys)):
        length += 1
    return [key[:length] for key in keys]
