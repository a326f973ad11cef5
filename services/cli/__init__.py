"""The `mailcase` command: one program, a command a stage, and what an operator needs around them.

Commands are named by their import path, so that a stage does not load what it does not need.
"""

import logging
import signal
import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError, UnknownCommandError

from services.runtime.errors import MailcaseError, SettingsError, TransientError

WORK_FAILED = 1
BAD_SETTINGS = 2

app = App(
    name="mailcase",
    help="Turns mail into cases. Each stage is a command; `mailcase up` runs them all on this machine.",
    help_epilogue="Example: `mailcase up --config mailcase.toml --data mailcase-data`",
    version=lambda: version("mailcase"),
    version_flags=["--version"],
    help_format="markdown",
)
_GROUPS = {
    "": app,
    "case": App(name="case", help="Look at cases and work them.", help_epilogue="Example: `mailcase case show 235`"),
    "dead": App(
        name="dead",
        help="Messages that no stage could take: see, retry, discard them.",
        help_epilogue="Example: `mailcase dead list`",
    ),
    "mail": App(
        name="mail",
        help="Single mails, by their keys.",
        help_epilogue="Example: `mailcase mail save 5f1d0c2a`",
    ),
    "parked": App(
        name="parked",
        help="Mails that went to no case: see, retry, discard them.",
        help_epilogue="Example: `mailcase parked list`",
    ),
}
# group, name, where it is, what it does, an example
for group, name, where, summary, example in (
    (
        "",
        "up",
        "up.command:up",
        "Run every stage on this machine, until Ctrl-C.",
        "up --config mailcase.toml --data mailcase-data",
    ),
    ("", "fetcher", "services:fetcher", "Read the mailboxes and publish every mail.", "fetcher --http-port 9401"),
    ("", "router", "services:router", "Decide which case each mail opens or belongs to.", "router --http-port 9402"),
    ("", "case-writer", "services:case_writer", "Write cases and comments.", "case-writer --http-port 9403"),
    ("", "sender", "services:sender", "Mail acknowledgements and answers.", "sender --http-port 9404"),
    ("", "check", "check:check", "Check the settings and log in everywhere.", "check --config mailcase.toml"),
    ("", "ingest", "ingest:ingest", "Bring in mails from files.", "ingest letters/*.eml --process invoices"),
    (
        "",
        "replay",
        "replay.command:replay",
        "Replay mails of the archive: what is missing, or what reads otherwise now.",
        "replay --since 7d --dry-run",
    ),
    ("", "reply", "reply:reply", "Mail from a case.", "reply 235 --text-file accepted.txt --attach order.pdf"),
    ("", "recall", "recall:recall", "Take back an answer before it goes out.", "recall 'answer 5f1d0c2a-…'"),
    ("", "demo", "demo.command:demo", "See the main path at work on private servers.", "demo --keep"),
    ("case", "show", "case.show:show", "Show a case with its comments and attachments.", "case show 235"),
    ("case", "list", "case.listing:list_cases", "List cases.", "case list --process invoices --overdue"),
    ("case", "history", "case.history:history", "Show who did what to a case.", "case history 235"),
    ("case", "save", "case.save:save", "Save a case's files to a folder.", "case save 235 --to downloads"),
    ("case", "move", "case.work:move", "Move a case to a stage or process.", "case move 235 approval"),
    ("case", "assign", "case.work:assign", "Assign a case.", "case assign 235 anna@example.com"),
    ("case", "note", "case.work:note", "Add a note to a case.", "case note 235 --text-file note.txt"),
    ("case", "set", "case.work:set_fields", "Set fields of a case.", "case set 235 invoice_number=12/2026"),
    ("case", "title", "case.work:title", "Give a case another title.", "case title 235 'Invoice 12/2026'"),
    ("case", "due", "case.work:due", "Set a case's due date.", "case due 235 2026-12-24T12:00"),
    ("case", "close", "case.work:close", "Close a case.", "case close 235"),
    ("case", "reopen", "case.work:reopen", "Open a closed case again.", "case reopen 235"),
    ("case", "merge", "case.work:merge", "Merge a case into another.", "case merge 236 235"),
    ("case", "unmerge", "case.work:unmerge", "Undo a merge.", "case unmerge 236"),
    ("case", "split", "case.work:split", "Open a new case with some comments.", "case split 235 --comment 5f1d0c2a"),
    ("", "erase", "erase:erase", "Erase a person's data.", "erase jan@example.com --dry-run"),
    ("", "retention", "erase:retention", "Empty cases closed long ago.", "retention --dry-run"),
    ("", "audit", "audit.command:audit", "Check that nothing is lost, doubled or torn.", "audit --deep"),
    ("dead", "list", "dead:list_messages", "List dead letters.", "dead list --queue router.mail"),
    ("dead", "show", "dead:show", "Show why a message died, or its bytes.", "dead show 5f1d0c2a9b7e"),
    ("dead", "retry", "dead:retry", "Put messages back where they died.", "dead retry --all --before 2h"),
    ("dead", "discard", "dead:discard", "Take messages out for good.", "dead discard 5f1d0c2a9b7e --why 'a test'"),
    ("mail", "save", "mail:save", "Save the exact bytes of a mail.", "mail save 5f1d0c2a --to mail.eml"),
    ("parked", "list", "parked:list_mails", "List parked mails, the oldest first.", "parked list --reason spam"),
    ("parked", "show", "parked:show", "Show why, or the whole mail.", "parked show 5f1d0c2a --raw > mail.eml"),
    ("parked", "retry", "parked:retry", "Decide again, by today's settings.", "parked retry --all --reason spam"),
    (
        "parked",
        "discard",
        "parked:discard",
        "Set mails aside for good.",
        "parked discard 5f1d0c2a --why 'an advertisement'",
    ),
):
    _GROUPS[group].command(
        f"services.cli.{where}", name=name, help=summary, help_epilogue=f"Example: `mailcase {example}`"
    )
for name in ("case", "dead", "mail", "parked"):
    app.command(_GROUPS[name])


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 for success, 1 for work that failed, 2 for settings or arguments of no use."""
    logging.getLogger("aiormq.connection").addFilter(_is_news)
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        _complain(_argument_error(error))
        status = BAD_SETTINGS
    except SettingsError as error:
        _complain(str(error))
        status = BAD_SETTINGS
    except TransientError as error:
        _complain(f"{error}; `mailcase check` tells what answers and what does not")
        status = WORK_FAILED
    except MailcaseError as error:
        _complain(str(error))
        status = WORK_FAILED
    except KeyboardInterrupt:
        status = 130  # what shells give for SIGINT
    except BrokenPipeError:
        status = WORK_FAILED
    except OSError as error:  # a full disk, a file that may not be written: whatever it is, one line says it
        _complain(_system_error(error))
        status = WORK_FAILED
    if arguments is None:
        # All that is left is threads that end: Ctrl-C ends the program at once, without a word of how Python ends.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_flushed(status if isinstance(status, int) else 0))


def _flushed(status: int) -> int:
    """The status, or that of failed work where what was printed cannot be written: to a full disk, a closed pipe."""
    if sys.stdout is None:  # it was closed before the start
        return status
    try:
        sys.stdout.flush()
    except OSError as error:
        if status == 0 and not isinstance(error, BrokenPipeError):
            _complain(_system_error(error))
        # What is left in the buffer would be written once more at the end, with a complaint of Python's own.
        sys.stdout = None
        return status or WORK_FAILED
    return status


def _system_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _argument_error(error: CycloptsError) -> str:
    text = str(error)
    if isinstance(error, UnknownCommandError):
        text = text.partition(" Available commands:")[0]  # the first eight, which are not all
    command = " ".join(("mailcase", *(error.command_chain or ())))
    return f"{text.rstrip('.')}; see `{command} --help`"


def _is_news(record: logging.LogRecord) -> bool:
    """The library logs a connection that fails, and then raises it: it would be told twice."""
    return not record.getMessage().startswith("error when creating transport")


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"mailcase: {line}", file=sys.stderr)
