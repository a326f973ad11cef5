"""The conversation of `init`, in its order: mailbox, process, outgoing mail, files."""

import secrets
from dataclasses import replace

from services.cli.init.credentials import keep_secret
from services.cli.init.draft import Draft, ProcessDraft
from services.cli.init.existing import free_name, name_from
from services.cli.init.files import tried, write
from services.cli.init.incoming import Incoming, ask_mailbox, mailbox_draft
from services.cli.init.outgoing import ask_smtp, try_smtp
from services.cli.init.processes import ask_process
from services.cli.init.setup import Setup
from services.cli.terminal.lines import command_lines, shell_path
from services.cli.terminal.output import DEFAULT_CONFIG


def run(setup: Setup) -> int:
    """Hold the conversation and write the files; returns the exit status.

    Raises SettingsError, PermanentError and StoppedError; nothing is written then.
    """
    dialog = setup.dialog
    if setup.existing.text is None:
        dialog.say("Mailcase reads a mailbox and turns its mail into cases.")
        dialog.say("Nothing is written before the end; Ctrl-C stops.")
    else:
        dialog.say(f"{setup.config} exists: this adds a mailbox to it.")
    dialog.say()
    incoming = ask_mailbox(setup)
    process = ask_process(setup)
    draft = _with_smtp(setup, incoming, _draft(setup, incoming, process))
    with tried(draft, setup.existing, setup.secrets):  # raises the errors that `check` would report
        pass
    _write(setup, draft, deletes=incoming.server.delete)
    return 0


def _draft(setup: Setup, incoming: Incoming, process: ProcessDraft | str) -> Draft:
    name = process if isinstance(process, str) else process.name
    taken = setup.existing.mailboxes
    local = name_from(incoming.address.partition("@")[0], "mailbox")
    mailbox_name = free_name(local, taken) if isinstance(process, str) or name in taken else ""
    return Draft(
        mailbox_draft(incoming, name, mailbox_name),
        None if incoming.server.exists else incoming.server,
        None if isinstance(process, str) else process,
        incoming.credential.section,
    )


def _with_smtp(setup: Setup, incoming: Incoming, draft: Draft) -> Draft:
    """With outgoing mail if the process is new and a person wants it."""
    dialog = setup.dialog
    if draft.process is None:
        return draft
    if setup.existing.has_reference_table and not setup.existing.has_keys:
        dialog.say("For outgoing mail, add key_file to [case_reference] first (docs/sending.md).")
        return draft
    outgoing = ask_smtp(setup, incoming)
    if outgoing is None:
        return draft
    process = replace(draft.process, smtp=outgoing.name)
    question = "Confirm every new case to its sender, with the case number?"
    process = replace(process, acknowledge=dialog.yes(question, default=False))
    complete = replace(draft, process=process, smtp=outgoing.section, key_file=_key_file(setup))
    if outgoing.section is None:
        return complete
    if try_smtp(setup, complete, outgoing.name):
        return complete
    setup.secrets.pop(complete.key_file, None)
    return draft


def _key_file(setup: Setup) -> str:
    """The file for a new key that signs Message-IDs; empty if there is already one."""
    if setup.existing.has_keys:
        return ""
    return keep_secret(setup, "message-id.keys", secrets.token_hex(32))


def _write(setup: Setup, draft: Draft, *, deletes: bool) -> None:
    dialog = setup.dialog
    written = write(setup.config, draft, setup.existing, setup.secrets)
    dialog.say()
    for file in written:
        dialog.say(f"written: {file}", "green")
        if file != setup.config:
            dialog.say("  only you can read it")
    dialog.say()
    dialog.say("Next:")
    is_default = str(setup.config) == DEFAULT_CONFIG.name
    config = "" if is_default else f" --config {shell_path(setup.config)}"
    commands = (
        (f"mailcase up{config}", "start everything, and print the link to the desk"),
        (f"mailcase case list{config}", "the cases, in another terminal"),
    )
    for line in command_lines(commands):
        dialog.say_whole(line)
    kept = "are deleted there" if deletes else "stay there"
    dialog.say(f"Every mail in the mailbox becomes a case. Recorded mails {kept}.")
