"""The `mailcase` program: parses the command line, runs one command, and exits with its status."""

import logging
import os
import signal
import sys

from services.cli.errors import InvalidArgumentsError
from services.cli.service_process import plain_service
from services.cli.terminal.quiet import set_quiet
from services.runtime.errors import MailcaseError, SettingsError, TransientError

WORK_FAILED = 1
INVALID_USE = 2


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 for success, 1 if work failed, 2 if settings or arguments are
    invalid.
    """
    logging.getLogger("aiormq.connection").addFilter(_is_not_raised)
    try:
        words = _without_global_options(sys.argv[1:] if arguments is None else arguments)
        status = _run(words)
    except (InvalidArgumentsError, SettingsError) as error:
        _print_error(str(error))
        status = INVALID_USE
    except TransientError as error:
        _print_error(f"{error}; run `mailcase check` to see which servers answer")
        status = WORK_FAILED
    except MailcaseError as error:
        _print_error(str(error))
        status = WORK_FAILED
    except KeyboardInterrupt:
        status = 130  # the status that shells use for SIGINT
    except BrokenPipeError:
        status = WORK_FAILED
    except OSError as error:  # a full disk or an unwritable file, for example
        _print_error(_system_error(error))
        status = WORK_FAILED
    if arguments is None:
        # Only ending threads are left, so that Ctrl-C ends the program at once, without a
        # traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_flushed(status if isinstance(status, int) else 0))


def _run(words: list[str]) -> object:
    service = plain_service(words)
    if service is not None:
        return service()
    from services.cli.application import run_command  # noqa: PLC0415 - it takes 6 MB

    return run_command(words)


def _without_global_options(arguments: list[str]) -> list[str]:
    """Apply the options that every command takes, and remove them. After `--` there are none."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = arguments[:end]
    if "--quiet" in given:
        set_quiet()
    if "--no-color" in given:
        os.environ["NO_COLOR"] = "1"
    return [word for word in given if word not in {"--quiet", "--no-color"}] + arguments[end:]


def _flushed(status: int) -> int:
    """The status; WORK_FAILED if standard output cannot be written (a full disk, a closed pipe)."""
    if sys.stdout is None:  # it was closed before the program started
        return status
    try:
        sys.stdout.flush()
    except OSError as error:
        if status == 0 and not isinstance(error, BrokenPipeError):
            _print_error(_system_error(error))
        # Otherwise Python would flush the buffer again at exit, and report the error itself.
        sys.stdout = None
        return status or WORK_FAILED
    return status


def _system_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _is_not_raised(record: logging.LogRecord) -> bool:
    """False for connection failures that aiormq logs before it raises them; they would be reported
    twice.
    """
    return not record.getMessage().startswith("error when creating transport")


def _print_error(text: str) -> None:
    """One line for each line of `text`: what failed and how to fix it. Only a terminal wraps it:
    programs read whole lines, whatever COLUMNS they export.
    """
    from services.cli.terminal.lines import print_line  # noqa: PLC0415 - most runs have no error

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    for line in text.splitlines():
        if is_terminal:
            print_line(f"mailcase: {line}", stream=sys.stderr)
        else:
            print(f"mailcase: {line}", file=sys.stderr, flush=True)
