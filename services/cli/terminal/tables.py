"""Tables: fitted to a terminal, one line a row; in a pipe, nothing is cut."""

import os
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from services.cli.terminal.output import printable

_GAP = 2
_LEAST = 8  # columns of a cell that is cut: less says nothing


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
    out, the first one first. With `wrap_last`, the last column goes on below itself instead.
    """
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    natural = {
        heading: max(cell_len(heading), *(cell_len(row[position]) for row in cells), 0)
        for position, heading in enumerate(headings)
    }
    widths = fitted(natural, terminal_width(), whole, spare)
    kept = [position for position, heading in enumerate(headings) if heading in widths]
    for row in (headings, ["─" * width for width in natural.values()], *cells):
        shown = [(row[at], widths[headings[at]]) for at in kept]
        start = "".join(_cut(*cell) + " " * _GAP for cell in shown[:-1])
        text, width = shown[-1]
        parts = textwrap.wrap(text, width) if wrap_last and "─" not in text else [_cut(text, width)]
        for number, part in enumerate(parts or [""]):
            print(f"{start if number == 0 else ' ' * cell_len(start)}{part}".rstrip())


def fitted(
    natural: dict[str, int], width: int | None, whole: Collection[str], spare: Sequence[str]
) -> dict[str, int]:
    """The width of each column that is shown; None for `width` is without limit. Pure."""
    widths = dict(natural)
    if width is None:
        return widths
    for heading in (*spare, ""):
        least = [size if name in whole else min(size, _LEAST) for name, size in widths.items()]
        if sum(least) + _GAP * (len(widths) - 1) <= width:
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
    """Exactly so wide; an ellipsis stands for what is left out."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return text[:width] if set(text) == {"─"} else f"{set_cell_size(text, width - 1)}…"


def terminal_width() -> int | None:
    """That of the terminal, or of COLUMNS; None in a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return Console().width
    return None


def short_keys(keys: Sequence[str], shortest: int) -> list[str]:
    """The first digits of each key: as few as distinguish them, at least `shortest`."""
    length = shortest
    longest = max((len(key) for key in keys), default=0)
    while length < longest and len({key[:length] for key in keys}) < len(set(keys)):
        length += 1
    return [key[:length] for key in keys]
