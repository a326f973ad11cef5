"""The `mailcase` command: one program, a command a stage, and what an operator needs around them.

Commands are named by their import path, so that a stage does not load what it does not need.
"""

import sys

from cyclopts import App, CycloptsError

from deploy.local.errors import LocalServerError
from services.runtime.errors import MailcaseError, SettingsError

WORK_FAILED = 1
BAD_SETTINGS = 2

app = App(
    name="mailcase",
    help="Turns mail into cases. Each stage is a command; `mailcase up` runs them all on this machine.",
    version_flags=["--version"],
    help_format="markdown",
)
for name in ("fetcher", "router", "case-writer"):
    app.command(f"services.cli.stages:{name.replace('-', '_')}", name=name)
app.command("services.cli.up:up", name="up")
app.command("services.cli.demo:demo", name="demo")
app.command("services.cli.check:check", name="check")
app.command("services.cli.ingest:ingest", name="ingest")
app.command("services.cli.case:app", name="case")


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 for success, 1 for work that failed, 2 for settings or arguments of no use."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        _complain(f"{error}; see `mailcase --help`")
        status = BAD_SETTINGS
    except SettingsError as error:
        _complain(str(error))
        status = BAD_SETTINGS
    except (MailcaseError, LocalServerError) as error:
        _complain(str(error))
        status = WORK_FAILED
    except KeyboardInterrupt:
        status = 130  # what shells give for SIGINT
    except BrokenPipeError:
        status = WORK_FAILED
    sys.exit(status if isinstance(status, int) else 0)


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"mailcase: {line}", file=sys.stderr)
