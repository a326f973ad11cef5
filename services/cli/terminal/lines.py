"""Wraps long lines on a terminal between words, and indents the rest."""

import re
import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from services.cli.terminal.tables import terminal_width

HANG = 2
# What belongs together: a command in backticks, a number and its unit, `2 in router.mail.dead`.
_TOGETHER = re.compile(r"`[^`\n]{1,70}`|\b[\d.]+ (?:B|kB|MB|GB|s|min|h)\b|\b\d+ in [\w.]+")
# A word as a shell reads it, with all its quotes: 'it'"'"'s here' is one.
_SHELL_WORD = r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+"""
# A word, or an option and its value, unless that is another option.
_ARGUMENT = re.compile(rf"--[\w-]+ +(?!-){_SHELL_WORD}|{_SHELL_WORD}", re.DOTALL)
_GLUE = "\ue000"  # of the private use area, which `printable` lets through nowhere


def wrapped(text: str, hang: int = 0, width: int | None = None) -> str:
    """The text, in lines of at most `width` columns; default: those of the terminal, no limit in a
    pipe.

    What follows is indented like the line itself, and by `hang` more. Words are never broken, so
    that paths, addresses and ids can be copied. Commands in backticks and numbers with their units
    stay together.
    """
    width = width or terminal_width()
    if width is None:
        return text
    return "\n".join(_wrapped(line, hang, width) for line in text.split("\n"))


def print_line(text: str, hang: int = HANG, stream: TextIO | None = None) -> None:
    """Print a line for people; default: on standard output."""
    stream = stream or sys.stdout
    print(wrapped(text, hang, terminal_width(stream)), file=stream, flush=True)


def command_lines(commands: Sequence[tuple[str, str]], width: int | None = None) -> list[str]:
    """Commands to copy, each with what it does behind it, or below it if the line is too narrow."""
    width = width or terminal_width()
    longest = max(len(command) for command, _ in commands)
    if width is None or all(2 + longest + 2 + len(what) <= width for _, what in commands):
        return [f"  {command:<{longest}}  {what}" for command, what in commands]
    return [
        line
        for command, what in commands
        for line in (wrapped_command(f"  {command}", width), f"      {what}")
    ]


def wrapped_command(command: str, width: int | None = None) -> str:
    """A command line to copy, for a POSIX shell. If it is too long, it continues after a backslash
    between two arguments. Quoted arguments stay whole.
    """
    width = width or terminal_width()
    if width is None or len(command) <= width:
        return command
    indent = command[: len(command) - len(command.lstrip(" "))]
    first, *others = _ARGUMENT.findall(command)
    lines = [indent + first]
    for argument in others:
        if len(f"{lines[-1]} {argument}") <= width - len(" \\"):
            lines[-1] += f" {argument}"
        else:
            lines.append(_hanging(argument, indent + " " * 4, width - len(" \\")))
    return " \\\n".join(lines)


def _hanging(part: str, indent: str, width: int) -> str:
    """A long path or link gets all the width there is, so that it need not be broken at all."""
    return f"{indent}{part}" if len(indent) + len(part) <= width else part


def _glued(found: re.Match[str]) -> str:
    return found[0].replace(" ", _GLUE)


def shell_path(path: Path) -> str:
    """The path as an argument of a command line that can be copied."""
    return shlex.quote(str(path))


def _wrapped(line: str, hang: int, width: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    whole = _TOGETHER.sub(_glued, line.lstrip(" "))
    lines = textwrap.wrap(
        whole,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    fitting = [_hanging(part.lstrip(" "), indent + " " * hang, width) for part in lines[1:]]
    return "\n".join([*lines[:1], *fitting]).replace(_GLUE, " ")
