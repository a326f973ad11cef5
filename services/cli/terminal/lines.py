"""Long lines on a terminal: broken between words, the rest below the beginning."""

import textwrap

from services.cli.terminal.tables import terminal_width


def wrapped(text: str, hang: int = 0, width: int | None = None) -> str:
    """The text, in lines of at most `width` columns; default: those of the terminal, no limit in a
    pipe.

    What follows is indented like the line itself, and by `hang` more. Words are never broken, so
    that addresses and ids can be copied.
    """
    width = width or terminal_width()
    if width is None:
        return text
    return "\n".join(_wrapped(line, hang, width) for line in text.split("\n"))


def _wrapped(line: str, hang: int, width: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines = textwrap.wrap(
        line.lstrip(" "),
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) if lines else line
