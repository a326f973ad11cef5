"""docs/commands.md matches the program: every command and option is on the page, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from services.cli.application import app

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
SECTION = re.compile(
    r"^### (mailcase [^\n]+)$\n\n```\n(.*?)```\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL
)
SECTIONS = {title: (synopsis, text) for title, synopsis, text in SECTION.findall(PAGE)}


def commands(group: App, path: tuple[str, ...] = ("mailcase",)) -> Iterator[tuple[str, App]]:
    """Every command by its full name, those of groups included."""
    for name in group:
        if name.startswith("-"):
            continue
        command = group[name]
        within = [inner for inner in command if not inner.startswith("-")]
        if within:
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(app))


def options(command: App) -> set[str]:
    return {
        name
        for argument in command.assemble_argument_collection()
        for name in argument.names
        if name[0] == "-"
    }


def test_the_page_has_every_command_and_no_other() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_synopsis_of_a_command_has_every_option_and_no_other(name: str) -> None:
    synopsis, text = SECTIONS[name]
    assert set(re.findall(r"--[a-z0-9-]+", synopsis)) == options(COMMANDS[name])
    assert synopsis.startswith(f"{name} ")
    assert text.strip()


def test_every_option_is_explained() -> None:
    explained = set(re.findall(r"`(--[a-z0-9-]+)", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))
    assert set().union(*map(options, COMMANDS.values())) <= explained
