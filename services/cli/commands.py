"""The commands of `mailcase`, in the order in which help lists them.

Commands are named by their import path, so that a service does not load what it does not need.
"""

from dataclasses import dataclass

from cyclopts import Group

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
            "Show what runs, whether it works, and how much disk it uses.",
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
        Family("mail", "Save a mail, or fetch mails again.", "mail save 5f1d0c2a"),
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
            "Process archived mails again.",
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
