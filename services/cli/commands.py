"""The commands of `mailcase`, in the order in which help lists them.

Commands are named by their import path, so that a service does not load what it does not need.
"""

from dataclasses import dataclass

from cyclopts import App, Group

FIRST_STEPS = Group("First steps", sort_key=1)
CASE_WORK = Group("Case work", sort_key=2)
MAIL = Group("Mail", sort_key=3)
OPERATIONS = Group("Operations", sort_key=4)
SERVICES = Group("Services", sort_key=5)
OPTIONS = Group("Options", sort_key=9)


@dataclass(frozen=True)
class Family:
    """A command with subcommands; `example` is a command line without the program's name."""

    name: str
    summary: str
    example: str


@dataclass(frozen=True)
class Command:
    """One command. `function` is a module below `services.cli` and a function in it."""

    name: str
    function: str
    summary: str
    example: str


COMMANDS: dict[Group, tuple[Command | Family, ...]] = {
    FIRST_STEPS: (
        Command(
            "init",
            "init.command:init",
            "Set up a mailbox: find its servers and write the settings.",
            "init",
        ),
        Command(
            "check",
            "check:check",
            "Check the settings and every server that they name.",
            "check --config mailcase.toml",
        ),
        Command(
            "up",
            "up.command:up",
            "Run all services on this machine until Ctrl-C.",
            "up --config mailcase.toml --data mailcase-data",
        ),
        Command(
            "status",
            "up.status:status",
            "Show what runs, whether it works, and its disk use.",
            "status",
        ),
        Command("down", "up.down:down", "Stop a running `mailcase up`.", "down"),
        Command(
            "demo", "demo.command:demo", "Demonstrate Mailcase on private servers.", "demo --keep"
        ),
    ),
    CASE_WORK: (
        Family("case", "List, show and work on cases.", "case show 235"),
        Command(
            "reply",
            "answer.reply:reply",
            "Send a mail from a case.",
            "reply 235 --text-file accepted.txt --attach order.pdf",
        ),
        Command(
            "recall",
            "answer.recall:recall",
            "Take back an answer before it is sent.",
            "recall 'answer 5f1d0c2a-…'",
        ),
    ),
    MAIL: (
        Family("parked", "List, show, retry and discard parked mails.", "parked list"),
        Family("mail", "Save mails, or fetch them again.", "mail save 5f1d0c2a"),
        Command(
            "ingest",
            "mail.ingest:ingest",
            "Import mails from files.",
            "ingest letters/*.eml --process invoices",
        ),
    ),
    OPERATIONS: (
        Command(
            "backup",
            "backup.backup:backup",
            "Copy database, settings and keys while everything runs.",
            "backup --to /srv/backups --keep 14",
        ),
        Command(
            "restore",
            "backup.restore:restore",
            "Restore a backup into a new folder.",
            "restore backups/mailcase-backup-20261129T120000Z --to office",
        ),
        Family("user", "Add, list, disable and enable users of the desk.", "user list"),
        Family("token", "Create, list and revoke tokens of programs.", "token list"),
        Family("dead", "List, show, retry and discard dead letters.", "dead list"),
        Command(
            "audit",
            "audit.command:audit",
            "Check that no mail or change is lost, duplicated or incomplete.",
            "audit --deep",
        ),
        Command(
            "replay",
            "replay.command:replay",
            "Replay archived mails to restore or rederive.",
            "replay --since 7d --dry-run",
        ),
        Family("search", "Maintain the search index.", "search rebuild"),
        Command(
            "erase", "erase:erase", "Erase a person's data.", "erase jan@example.com --dry-run"
        ),
        Command(
            "retention",
            "erase:retention",
            "Erase the content of cases that were closed long ago.",
            "retention --dry-run",
        ),
        Family(
            "service",
            "Run Mailcase as a service of this machine.",
            "service install --user mailcase",
        ),
        Command(
            "completion",
            "completion:completion",
            "Print the completion script of a shell.",
            "completion fish > ~/.config/fish/completions/mailcase.fish",
        ),
    ),
    SERVICES: (
        Command(
            "fetcher",
            "services:fetcher",
            "Fetch mails from the mailboxes.",
            "fetcher --http-port 9401",
        ),
        Command(
            "router",
            "services:router",
            "Decide which case each mail belongs to.",
            "router --http-port 9402",
        ),
        Command(
            "case-writer",
            "services:case_writer",
            "Write cases and comments.",
            "case-writer --http-port 9403",
        ),
        Command(
            "sender",
            "services:sender",
            "Send acknowledgements and answers.",
            "sender --http-port 9404",
        ),
        Command(
            "extractor",
            "services:extractor",
            "Extract fields from mails and invoices.",
            "extractor --http-port 9405",
        ),
        Command(
            "desk",
            "services:desk",
            "Serve the pages and the HTTP API.",
            "desk --listen 127.0.0.1:8080",
        ),
    ),
}
SUBCOMMANDS: dict[str, tuple[Command, ...]] = {
    "case": (
        Command(
            "list",
            "case.listing:list_cases",
            "List cases.",
            "case list --process invoices --overdue",
        ),
        Command(
            "show",
            "case.show:show",
            "Show a case with its comments and attachments.",
            "case show 235",
        ),
        Command(
            "history",
            "case.history:history",
            "Show who changed what in a case.",
            "case history 235",
        ),
        Command(
            "save",
            "case.save:save",
            "Save a case's files to a folder.",
            "case save 235 --to downloads",
        ),
        Command("add", "case.add:add", "Add a parked mail to a case.", "case add 235 5f1d0c2a"),
        Command(
            "move", "case.work:move", "Move a case to a stage or process.", "case move 235 approval"
        ),
        Command("assign", "case.work:assign", "Assign a case.", "case assign 235 anna@example.com"),
        Command(
            "note", "case.work:note", "Add a note to a case.", "case note 235 --text-file note.txt"
        ),
        Command(
            "set",
            "case.work:set_fields",
            "Set fields of a case.",
            "case set 235 invoice_number=12/2026",
        ),
        Command(
            "title", "case.work:title", "Change a case's title.", "case title 235 'Invoice 12/2026'"
        ),
        Command("due", "case.work:due", "Set a case's due date.", "case due 235 2026-12-24T12:00"),
        Command("close", "case.work:close", "Close a case.", "case close 235"),
        Command("reopen", "case.work:reopen", "Reopen a closed case.", "case reopen 235"),
        Command("merge", "case.work:merge", "Merge a case into another.", "case merge 236 235"),
        Command("unmerge", "case.work:unmerge", "Undo a merge.", "case unmerge 236"),
        Command(
            "split",
            "case.work:split",
            "Move comments into a new case.",
            "case split 235 --comment 5f1d0c2a",
        ),
    ),
    "parked": (
        Command(
            "list",
            "parked:list_mails",
            "List parked mails, the oldest first.",
            "parked list --reason spam",
        ),
        Command(
            "show",
            "parked:show",
            "Show why a mail is parked, or its exact bytes.",
            "parked show 5f1d0c2a --raw > mail.eml",
        ),
        Command(
            "retry",
            "parked:retry",
            "Route parked mails again with the current settings.",
            "parked retry --all --reason spam",
        ),
        Command(
            "discard",
            "parked:discard",
            "Discard parked mails.",
            "parked discard 5f1d0c2a --why 'an advertisement'",
        ),
    ),
    "service": (
        Command(
            "install",
            "service.install:install",
            "Write a systemd unit that runs `mailcase up`.",
            "service install --user mailcase",
        ),
    ),
    "mail": (
        Command(
            "save",
            "mail.save:save",
            "Save the exact bytes of a mail.",
            "mail save 5f1d0c2a --to mail.eml",
        ),
        Command(
            "refetch",
            "mail.refetch:refetch",
            "Fetch mails again that stayed in their mailboxes.",
            "mail refetch --since 2d",
        ),
    ),
    "search": (
        Command(
            "rebuild",
            "search:rebuild",
            "Write the search index again.",
            "search rebuild",
        ),
    ),
    "user": (
        Command(
            "add",
            "accounts.users:add",
            "Add a user and print a one-time link for them.",
            "user add anna@example.com --name 'Anna Nowak'",
        ),
        Command("list", "accounts.users:list_users", "List all users.", "user list"),
        Command(
            "disable",
            "accounts.users:disable",
            "Prevent a user from signing in.",
            "user disable anna@example.com",
        ),
        Command(
            "enable",
            "accounts.users:enable",
            "Let a disabled user sign in again.",
            "user enable anna@example.com",
        ),
        Command(
            "link",
            "accounts.users:link",
            "Print a one-time link for setting a new password.",
            "user link anna@example.com",
        ),
        Command(
            "detach",
            "accounts.users:detach",
            "Detach a user from their identity at the OpenID provider.",
            "user detach anna@example.com",
        ),
    ),
    "token": (
        Command(
            "create",
            "accounts.tokens:create",
            "Create a token and print it.",
            "token create reports --scope cases:read --process invoices",
        ),
        Command("list", "accounts.tokens:list_tokens", "List all tokens.", "token list"),
        Command(
            "revoke",
            "accounts.tokens:revoke",
            "Revoke a token.",
            "token revoke tok_5f1d0c2a7b3e9d10",
        ),
    ),
    "dead": (
        Command(
            "list",
            "dead.command:list_messages",
            "List dead letters.",
            "dead list --queue router.mail",
        ),
        Command(
            "show",
            "dead.command:show",
            "Show why a message is a dead letter, or its bytes.",
            "dead show 5f1d0c2a9b7e",
        ),
        Command(
            "retry", "dead.command:retry", "Requeue dead letters.", "dead retry --all --before 2h"
        ),
        Command(
            "discard",
            "dead.command:discard",
            "Remove dead letters from their queues.",
            "dead discard 5f1d0c2a9b7e --why 'a test'",
        ),
    ),
}


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
