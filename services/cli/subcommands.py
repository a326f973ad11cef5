"""The subcommands of each family of commands, in the order in which help lists them."""

from services.cli.commands import Command

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
            "Fetch again the mails that stayed in their mailboxes.",
            "mail refetch --since 2d",
        ),
    ),
    "search": (
        Command(
            "rebuild",
            "search:rebuild",
            "Rebuild the search index.",
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
