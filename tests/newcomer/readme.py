"""The commands that README.md gives a new user, in order. Pure."""

import re

_INSTALL = ("## Install", "**To develop**")
_RUN = ("### On one machine", "Next, ")


def install_commands(readme: str) -> list[str]:
    """The lines of the code blocks that install Mailcase. Raises ValueError if there are none."""
    return _commands(_between(readme, *_INSTALL))


def run_commands(readme: str) -> list[str]:
    """The lines of the code blocks that run it. Raises ValueError if there are none."""
    return _commands(_between(readme, *_RUN))


def _between(text: str, start: str, end: str) -> str:
    """The text between two parts of the page. Raises ValueError if one of them is missing."""
    if text.count(f"\n{start}") != 1 or end not in text.partition(start)[2]:
        raise ValueError(f"README.md has no part from {start!r} to {end!r}: adapt tests/newcomer")
    return text.partition(f"\n{start}")[2].partition(end)[0]


def _commands(text: str) -> list[str]:
    """Lines that follow an empty line and are indented deeper than the text of a list, without
    comments.
    """
    found = []
    in_block = False
    previous = ""
    depth = 4
    for line in text.splitlines():
        if item := re.match(r"(\d+\. +)", line):
            depth = 4 + len(item[1])
        indented = line.startswith(" " * depth)
        in_block = indented and (in_block or not previous.strip())
        if in_block:
            found.append(re.sub(r"\s+# .*", "", line).strip())
        previous = line
    if not found:
        raise ValueError("README.md has no code block there: adapt tests/newcomer")
    return found
