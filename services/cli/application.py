"""The commands of `mailcase` as an application of cyclopts."""

import shlex

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError, UnusedCliTokensError

from services.cli.commands import OPTIONS
from services.cli.errors import InvalidArgumentsError
from services.cli.registration import document_command, register_commands


def _version() -> str:
    from services.cli.version import version_text  # noqa: PLC0415 - it asks programs

    return version_text()


def _shown_default(value: object) -> str | None:
    """Show no default in the help for a switch that is off and for an option without a value."""
    if value is False or value is None:
        return None
    return "on" if value is True else str(value)


app = App(
    name="mailcase",
    default_parameter=Parameter(show_default=_shown_default),
    help="Turns mail into cases. `mailcase up` runs every service on this machine.",
    help_epilogue="Every command takes `--quiet` (no progress, errors only) and `--no-color` (or the variable "
    "`NO_COLOR`). Start with `mailcase init`, then `mailcase up`.",
    version=_version,
    version_format="plaintext",
    version_flags=["--version"],
    help_format="markdown",
)
for option in ("--help", "--version"):
    app[option].group = OPTIONS
register_commands(app)


def run_command(words: list[str]) -> object:
    """Run the command in `words`; returns its status. Raises InvalidArgumentsError."""
    if not {"--help", "-h"}.isdisjoint(words):
        document_command(app, words)
    try:
        return app(
            words,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        raise InvalidArgumentsError(_argument_error(error)) from error


def _argument_error(error: CycloptsError) -> str:
    text = str(error)
    command = " ".join(("mailcase", *(error.command_chain or ())))
    if isinstance(error, UnknownCommandError):
        text = text.partition(" Available commands:")[0]  # cyclopts lists only the first eight
    if isinstance(error, UnusedCliTokensError):
        words = error.unused_tokens or []
        text = f"{command} takes no {shlex.join(words)}"
        if len(words) == 1 and words[0].endswith(".toml"):
            text += f": write --config {shlex.quote(words[0])}"
    see = " See" if text.endswith("?") else "; see"
    return f"{text.rstrip('.')}{see} `{command} --help`"
