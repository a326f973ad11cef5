"""Outgoing mail: an SMTP server, the test of its log-in, and a test mail."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from services.cli.init.credentials import CredentialDraft, ask_password
from services.cli.init.dialog import StoppedError
from services.cli.init.discovery.servers import FoundServer
from services.cli.init.draft import Draft, ServerDraft
from services.cli.init.existing import free_name
from services.cli.init.files import tried
from services.cli.init.incoming import Incoming
from services.cli.init.setup import Place, Setup, place, valid_address
from services.runtime.errors import MailcaseError, PermanentError
from services.sender.smtp import transports

FOUND = "found"  # the value of --smtp that takes what discovery found


@dataclass(frozen=True)
class Outgoing:
    """The SMTP server of a new process: a name, and its section if that is new."""

    name: str
    section: ServerDraft | None


def ask_smtp(setup: Setup, incoming: Incoming) -> Outgoing | None:
    """The server for acknowledgements and answers; None if the process sends none."""
    for name in setup.existing.smtp:
        question = f"Send acknowledgements and answers through [smtp.{name}]?"
        if setup.answers.smtp is None and setup.dialog.yes(question, default=True):
            return Outgoing(name, None)
    offer = next((server for server in incoming.found if server.protocol == "smtp"), None)
    named = _named(setup, offer)
    if named is None:
        return None
    user = setup.answers.smtp_user or incoming.user
    credential = incoming.credential
    if setup.answers.smtp_password_file is not None:
        credential = _other_password(setup, user)
    name = free_name(incoming.server.name, setup.existing.smtp)
    ca_file = setup.answers.ca_file.absolute() if setup.answers.ca_file else None
    if named.host == incoming.server.host:
        ca_file = incoming.server.ca_file
    return Outgoing(name, _section(name, named, user, credential, ca_file))


def _section(
    name: str, named: Place, user: str, credential: CredentialDraft, ca_file: Path | None
) -> ServerDraft:
    return ServerDraft(
        "smtp",
        name,
        "smtp",
        named.host,
        named.port,
        named.security,
        ca_file if named.security != "none" else None,
        user=user if named.security != "none" else "",
        password_file=credential.password_file,
        oauth2=credential.oauth2,
    )


def _named(setup: Setup, offer: FoundServer | None) -> Place | None:
    check = place("smtp", None)
    given = setup.answers.smtp
    if given is not None and given != FOUND:
        return setup.dialog.value("SMTP server", "--smtp", given, None, check)
    if offer is not None and offer.vouched:
        question = f"Send acknowledgements and answers through {offer.place}?"
        if setup.dialog.yes(question, default=given == FOUND or setup.dialog.interactive):
            return Place(offer.host, offer.port, offer.security)
        return None
    if given == FOUND:
        raise PermanentError("no SMTP server was found: name one with --smtp HOST:PORT")
    if not setup.dialog.yes("Send acknowledgements and answers by mail?", default=False):
        return None
    return setup.dialog.value("SMTP server (HOST or HOST:PORT)", "--smtp", None, None, check)


def _other_password(setup: Setup, user: str) -> CredentialDraft:
    given = setup.answers.smtp_password_file
    return ask_password(setup, f"{user} (SMTP)", "smtp", given, "--smtp-password-file")


def try_smtp(setup: Setup, draft: Draft, name: str) -> bool:
    """Log in to the server, and send a test mail if a person wants one.

    Returns False if it does not work and the person continues without outgoing mail. Raises
    StoppedError, and PermanentError if nobody can be asked.
    """
    sender = draft.mailbox.address
    setup.dialog.say(f"Logging in to the SMTP server [smtp.{name}] …")
    try:
        with tried(draft, setup.existing, setup.secrets) as settings:
            transport = transports(settings)[name]
            setup.dialog.say(f"  {asyncio.run(transport.check())} accepts the log-in", "green")
            recipient = _recipient(setup)
            if recipient:
                result = asyncio.run(
                    transport.send(sender, [recipient], _test_mail(sender, recipient))
                )
                refusals = [*result.rejected.values(), *result.deferred.values()]
                if refusals:
                    raise PermanentError(f"the test mail is refused: {refusals[0]}")
                setup.dialog.say(f"  a test mail is on its way to {recipient}", "green")
    except MailcaseError as error:
        if not setup.dialog.interactive:
            raise PermanentError(f"{error}; nothing was written") from error
        setup.dialog.say(f"  {error}", "red")
        setup.dialog.say(f"  check host, port, user and password of the server for [smtp.{name}]")
        return _keep_although_it_fails(setup)
    return True


def _keep_although_it_fails(setup: Setup) -> bool:
    """Whether the server goes into the settings. Raises StoppedError."""
    labels = (
        "continue without outgoing mail (you can add it later)",
        "write the settings anyway",
        "stop",
    )
    match setup.dialog.choice("What do you want to do?", labels):
        case 0:
            return False
        case 1:
            return True
        case _:
            raise StoppedError("stopped; nothing was written")


def _recipient(setup: Setup) -> str:
    """The address for a test mail; empty for none."""

    def address_or_nothing(text: str) -> str:
        return valid_address(text) if text != "-" else ""

    question = "Your own address, for a test mail (- for none)"
    return setup.dialog.value(
        question, "--test-mail", setup.answers.test_mail, "-", address_or_nothing
    )


def _test_mail(sender: str, recipient: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = "Mailcase can send mail"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834
    mail.set_content(f"This test mail of `mailcase init` was sent from {sender}.\n")
    return mail.as_bytes()
