"""`mailcase init`: asks for an address, tests its log-in, and writes working settings."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from services.cli.init.conversation import run
from services.cli.init.dialog import Dialog, on_terminal
from services.cli.init.discovery.network import Network
from services.cli.init.existing import Existing
from services.cli.init.setup import Answers, Setup
from services.cli.terminal.output import DEFAULT_CONFIG, Config
from services.runtime.errors import Mistake, SettingsError

Yes = Annotated[
    bool,
    Parameter(name="--yes", negative="", help="Ask nothing; use the options and defaults."),
]
Text = str | None
Delete = Annotated[
    bool | None,
    Parameter(
        name="--delete",
        negative="--keep",
        help="Delete mails on the server once their case is written, or keep them there, flagged "
        "(the default).",
    ),
]


def _option(name: str, text: str) -> Parameter:
    return Parameter(name=name, help=text)


def init(
    *,
    address: Annotated[Text, _option("--address", "The mail address to read.")] = None,
    server: Annotated[Text, _option("--server", "Its server, as HOST or HOST:PORT.")] = None,
    protocol: Annotated[
        Literal["imap", "pop3"] | None, _option("--protocol", "Default: the better one found.")
    ] = None,
    security: Annotated[
        Literal["tls", "starttls", "none"] | None,
        _option("--security", "Encryption of --server; default: by the port."),
    ] = None,
    user: Annotated[Text, _option("--user", "The log-in name; default: the address.")] = None,
    password_file: Annotated[
        Path | None,
        _option("--password-file", "A file with the password; `-` reads standard input."),
    ] = None,
    folder: Annotated[Text, _option("--folder", "The IMAP folder; default: INBOX.")] = None,
    delete: Delete = None,
    ca_file: Annotated[
        Path | None, _option("--ca-file", "Certificates of a private authority, in PEM.")
    ] = None,
    oauth2: Annotated[
        Literal["microsoft", "google"] | None, _option("--oauth2", "Log in with tokens.")
    ] = None,
    tenant: Annotated[Text, _option("--tenant", "Microsoft: the directory.")] = None,
    client_id: Annotated[Text, _option("--client-id", "Microsoft: the application.")] = None,
    secret_file: Annotated[
        Path | None, _option("--secret-file", "The client secret, or Google's JSON.")
    ] = None,
    token_url: Annotated[
        Text, _option("--token-url", "Another token endpoint, such as that of a national cloud.")
    ] = None,
    process: Annotated[Text, _option("--process", "The name of the process.")] = None,
    template: Annotated[Text, _option("--template", "invoices, help-center or own.")] = None,
    title: Annotated[Text, _option("--title", "The title of a new process.")] = None,
    stages: Annotated[
        Text, _option("--stages", "Stages in order, such as `new,check,done`.")
    ] = None,
    smtp: Annotated[Text, _option("--smtp", "Outgoing mail: HOST, HOST:PORT, or `found`.")] = None,
    smtp_user: Annotated[Text, _option("--smtp-user", "Default: that of the mailbox.")] = None,
    smtp_password_file: Annotated[
        Path | None, _option("--smtp-password-file", "Default: that of the mailbox.")
    ] = None,
    test_mail: Annotated[Text, _option("--test-mail", "Send a test mail there.")] = None,
    yes: Yes = False,
    config: Config = DEFAULT_CONFIG,
) -> int:
    """Ask for a mail address, find its servers, test the log-in, and write the settings.

    The first run writes a new settings file; later ones add a mailbox to it. Nothing is
    overwritten, and nothing is written before the log-in works.
    """
    answers = Answers(
        address=address,
        protocol=protocol,
        server=server,
        security=security,
        user=user,
        password_file=password_file,
        folder=folder,
        delete=delete,
        ca_file=ca_file,
        oauth2=oauth2,
        tenant=tenant,
        client_id=client_id,
        secret_file=secret_file,
        token_url=token_url,
        process=process,
        template=template,
        title=title,
        stages=stages,
        smtp=smtp,
        smtp_user=smtp_user,
        smtp_password_file=smtp_password_file,
        test_mail=test_mail,
    )
    if not yes and not on_terminal():
        hint = "run it in a terminal, or give --yes with the options that answer"
        raise SettingsError([Mistake("init", "there is no terminal to ask on", hint)])
    dialog = Dialog(interactive=not yes)
    return run(Setup(dialog, answers, Existing.read(config), Network(ca_file=ca_file), config))
