"""The mailbox: its server, its log-in, and the test of both."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from msgspec.structs import replace as with_fields

from services.cli.init.credentials import CredentialDraft, ask_password, ask_tokens
from services.cli.init.dialog import StoppedError
from services.cli.init.discovery.finder import find_servers
from services.cli.init.discovery.providers import by_host
from services.cli.init.discovery.servers import FoundServer
from services.cli.init.draft import Draft, MailboxDraft, ProcessDraft, ServerDraft
from services.cli.init.existing import free_name, name_from
from services.cli.init.files import tried
from services.cli.init.setup import Place, Setup, place, valid_address
from services.cli.init.templates import StageDraft
from services.fetcher.mail_source import create_mail_source
from services.fetcher.ports import FailureKind, MailboxError
from services.runtime.errors import Mistake, PermanentError, SettingsError

LOGIN_TIMEOUT_S = 20.0
_TRIAL = "login-test"
# What corrects a failure in most cases: an index of the labels in `_change`.
_LIKELY_CHANGES = {FailureKind.CONNECTION: 2, FailureKind.CERTIFICATE: 4}


@dataclass(frozen=True)
class Incoming:
    """A mailbox that works, or that a person wants to keep although it does not.

    `found` are the servers of its domain, including those for outgoing mail.
    """

    address: str
    server: ServerDraft
    user: str
    credential: CredentialDraft
    folder: str
    found: tuple[FoundServer, ...]


def ask_mailbox(setup: Setup) -> Incoming:
    """Raises SettingsError, StoppedError, and PermanentError if a script's log-in fails."""
    address = setup.dialog.value(
        "Mail address to read", "--address", setup.answers.address, None, valid_address
    )
    _reject_known(setup, address)
    found = _search(setup, address)
    incoming = [server for server in found if server.protocol != "smtp"]
    chosen = _choose_server(setup, address, incoming)
    user = _ask_user(setup, chosen.user or address)
    credential = _ask_credential(setup, chosen, address, user)
    delete = _ask_delete(setup)
    draft = _server_draft(setup, chosen, address, delete=delete)
    folder = (setup.answers.folder or "INBOX") if chosen.protocol == "imap" else "INBOX"
    return _until_it_works(setup, Incoming(address, draft, user, credential, folder, tuple(found)))


def _reject_known(setup: Setup, address: str) -> None:
    settings = setup.existing.settings
    for mailbox in settings.mailboxes.values() if settings else ():
        if mailbox.address.lower() == address.lower() and setup.answers.folder is None:
            problem = f"{address} is in {setup.config} already, as mailbox {mailbox.name}"
            hint = "`mailcase check` tests it; for another folder of it, give --folder"
            raise SettingsError([Mistake("--address", problem, hint)])


def _search(setup: Setup, address: str) -> list[FoundServer]:
    if setup.answers.server is not None and setup.answers.smtp is None:
        return []
    domain = address.rpartition("@")[2]
    setup.dialog.say(f"Looking for the mail servers of {domain} …")
    found = find_servers(address, setup.network)
    for server in found:
        setup.dialog.say(f"  {server.protocol.upper():<5} {server.place}, {server.source}")
    if not found:
        setup.dialog.say("  none is published")
    return found


def _choose_server(setup: Setup, address: str, found: list[FoundServer]) -> FoundServer:
    answers, dialog = setup.answers, setup.dialog
    if answers.protocol is not None:
        found = [server for server in found if server.protocol == answers.protocol]
    if answers.server is not None or not found:
        return _named_server(setup)
    chosen = found[0]
    if len(found) > 1:
        labels = [f"{server.protocol.upper()} {server.place}" for server in found]
        number = dialog.choice("Which server?", [*labels, "another one"])
        if number == len(found):
            return _named_server(setup)
        chosen = found[number]
    elif not dialog.yes(f"Use {chosen.place}?", default=True):
        return _named_server(setup)
    return chosen if _consent(setup, address, chosen) else _named_server(setup)


def _consent(setup: Setup, address: str, server: FoundServer) -> bool:
    """Whether the password may go to this server. Raises SettingsError if nobody can be asked."""
    if server.vouched:
        return True
    domain = address.rpartition("@")[2]
    problem = f"{server.host} is outside {domain}, and DNS records can be forged"
    if not setup.dialog.interactive:
        hint = f"if it is your provider's server, give --server {server.host}:{server.port}"
        raise SettingsError([Mistake("--server", problem, hint)])
    return setup.dialog.yes(f"{problem}. Is it your provider's server?", default=False)


def _named_server(setup: Setup) -> FoundServer:
    answers, dialog = setup.answers, setup.dialog
    protocol: Literal["imap", "pop3"] | None = answers.protocol
    if protocol is None:
        labels = ("IMAP (better: new mail is reported at once)", "POP3")
        protocol = "pop3" if dialog.choice("Protocol?", labels) else "imap"
    named: Place = dialog.value(
        "Server (HOST or HOST:PORT)",
        "--server",
        answers.server,
        None,
        place(protocol, answers.security),
    )
    provider = by_host(named.host)
    return FoundServer(
        protocol, named.host, named.port, named.security, "named by hand", oauth2=provider
    )


def _ask_user(setup: Setup, default: str) -> str:
    return setup.dialog.text("User name", "--user", setup.answers.user, default)


def _ask_credential(setup: Setup, server: FoundServer, address: str, user: str) -> CredentialDraft:
    provider = setup.answers.oauth2 or server.oauth2
    given = setup.answers.password_file
    if provider is not None and given is None:
        return ask_tokens(setup, provider, address.rpartition("@")[2])
    name = name_from(address.partition("@")[0], "mailbox")
    return ask_password(setup, user, name, given, "--password-file")


def _ask_delete(setup: Setup) -> bool:
    question = "Delete mails on the server once their case is written? (No: flag them)"
    return setup.dialog.yes(question, default=False, given=setup.answers.delete)


def _server_draft(setup: Setup, server: FoundServer, address: str, *, delete: bool) -> ServerDraft:
    """A new section, or an existing one with the same treatment of mails."""
    like = setup.existing.server_like(server.protocol, server.host, server.port, delete=delete)
    domain = address.rpartition("@")[2]
    name = (
        like
        if like is not None
        else free_name(name_from(domain.partition(".")[0], "mail"), setup.existing.servers)
    )
    ca_file = setup.answers.ca_file.absolute() if setup.answers.ca_file else None
    return ServerDraft(
        "server",
        name,
        server.protocol,
        server.host,
        server.port,
        server.security,
        ca_file,
        delete=delete,
        exists=like is not None,
    )


def _until_it_works(setup: Setup, incoming: Incoming) -> Incoming:
    while True:
        setup.dialog.say(f"Logging in to {incoming.server.host} …")
        try:
            setup.dialog.say(f"  {log_in(setup, incoming)}", "green")
        except MailboxError as error:
            if not setup.dialog.interactive:
                raise PermanentError(f"{error}; {error.hint}; nothing was written") from error
            setup.dialog.say(f"  {error}", "red")
            setup.dialog.say(f"  {error.hint}")
            changed = _change(setup, incoming, error.failure_kind)
            if changed is None:
                return incoming
            incoming = changed
        else:
            return incoming


def _change(setup: Setup, incoming: Incoming, failed: FailureKind) -> Incoming | None:
    """The next attempt; None to keep the current one. Raises StoppedError."""
    labels = (
        "another password",
        "another user name",
        "another server",
        "another folder",
        "trust the authority in a file of certificates (PEM)",
        "write the settings anyway",
        "stop",
    )
    likely = _LIKELY_CHANGES.get(failed, 0)
    match setup.dialog.choice("What do you want to change?", labels, likely):
        case 0:
            return replace(incoming, credential=_again(setup, incoming))
        case 1:
            user = setup.dialog.text("User name", "--user", None, incoming.user)
            return replace(incoming, user=user)
        case 2:
            unanswered = replace(setup.answers, server=None, protocol=None, security=None)
            asked = replace(setup, answers=unanswered)
            named = _named_server(asked)
            delete = incoming.server.delete
            draft = _server_draft(asked, named, incoming.address, delete=delete)
            return replace(incoming, server=draft)
        case 3:
            folder = setup.dialog.text("Folder", "--folder", None, incoming.folder)
            return replace(incoming, folder=folder)
        case 4:
            return replace(incoming, server=_with_authority(setup, incoming.server))
        case 5:
            return None
        case _:
            raise StoppedError("stopped; nothing was written")


def _with_authority(setup: Setup, server: ServerDraft) -> ServerDraft:
    """The server with certificates of an authority that the system does not know."""
    ca_file = setup.dialog.value("File", "--ca-file", None, None, _readable_file)
    name = free_name(server.name, setup.existing.servers) if server.exists else server.name
    return replace(server, ca_file=ca_file, name=name, exists=False)


def _readable_file(text: str) -> Path:
    """The absolute path. Raises ValueError if there is no such file."""
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _again(setup: Setup, incoming: Incoming) -> CredentialDraft:
    """Ask for another password, which replaces the previous one."""
    setup.secrets.pop(incoming.credential.password_file, None)
    name = name_from(incoming.address.partition("@")[0], "mailbox")
    return ask_password(setup, incoming.user, name, None, "--password-file")


def mailbox_draft(incoming: Incoming, process: str, name: str = "") -> MailboxDraft:
    """The entry of the mailbox in a process."""
    return MailboxDraft(
        process,
        incoming.server.name,
        incoming.address,
        incoming.user,
        name,
        incoming.credential.password_file,
        incoming.credential.oauth2,
        incoming.folder,
    )


def log_in(setup: Setup, incoming: Incoming) -> str:
    """Log in as the fetcher will; returns the server's description. Raises MailboxError."""
    process = free_name(_TRIAL, [*setup.existing.processes, *setup.existing.mailboxes])
    name = free_name(
        name_from(incoming.address.partition("@")[0], "mailbox"), setup.existing.mailboxes
    )
    draft = Draft(
        mailbox_draft(incoming, process, name),
        None if incoming.server.exists else incoming.server,
        ProcessDraft(process, process, (StageDraft("new", "New"),)),
        incoming.credential.section,
    )
    with tried(draft, setup.existing, setup.secrets) as settings:
        server = settings.servers[draft.mailbox.server]
        servers = {draft.mailbox.server: with_fields(server, timeout_s=LOGIN_TIMEOUT_S)}
        mailbox = settings.mailboxes[name]
        source = create_mail_source(with_fields(settings, servers=servers), mailbox)
        try:
            source.connect()
            return source.describe()
        finally:
            source.close()
