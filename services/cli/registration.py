"""Adds the commands to the application, with their places and examples in help."""

import inspect
from collections.abc import Sequence

from cyclopts import App, Group

from services.cli.commands import COMMANDS, OPTIONS, Command
from services.cli.subcommands import SUBCOMMANDS


def register_commands(app: App) -> None:
    """Add every command to `app`."""
    commands = [(group, command) for group, members in COMMANDS.items() for command in members]
    for position, (group, command) in enumerate(commands):
        if isinstance(command, Command):
            _add(app, command, position, group)
            continue
        family = App(
            name=command.name,
            help=command.summary,
            help_epilogue=_epilogue(command.example),
            group=group,
            sort_key=position,
        )
        family["--help"].group = OPTIONS
        for number, subcommand in enumerate(SUBCOMMANDS[command.name]):
            _add(family, subcommand, number)
        app.command(family)


def document_command(app: App, arguments: Sequence[str]) -> None:
    """Describe the command in `arguments` by its whole docstring, for its own help.

    Lists of commands show only summaries, which need no import.
    """
    for part in app.parse_commands(arguments)[1]:
        if inspect.isfunction(part.default_command):
            part.help = inspect.getdoc(part.default_command)


def _add(app: App, command: Command, position: int, group: Group | None = None) -> None:
    app.command(
        f"services.cli.{command.function}",
        name=command.name,
        help=command.summary,
        help_epilogue=_epilogue(command.example),
        group=group,
        sort_key=position,
    )


def _epilogue(example: str) -> str:
    return f"Example: `mailcase {example}`"
