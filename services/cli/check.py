"""`mailcase check`: validates the settings, and connects to every server that they name."""

import asyncio
import os
import stat
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from services.cli.broker_nodes import NodesUnknownError, nodes_of
from services.cli.terminal.lines import print_line
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, counted
from services.cli.up.running import with_running_servers
from services.cli.up.server_urls import origin
from services.desk.accounts.accounts import utc_now
from services.desk.accounts.oidc.provider import Provider, callback_of
from services.fetcher.mail_source import create_mail_source
from services.fetcher.ports import MailboxError
from services.runtime.broker.configured import connection_name
from services.runtime.broker.connection import Broker
from services.runtime.errors import MailcaseError, SettingsError
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import Broker as BrokerSettings
from services.runtime.settings import Desk, Mailbox, Settings, Smtp, load_settings
from services.runtime.store.mongo import Store
from services.sender.smtp import SmtpTransport, transports
from services.sender.templates import Templates


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    A finding that is `ok` and has a `hint` is a warning: it works, but should be changed.
    """

    subject: str
    ok: bool
    detail: str
    hint: str = ""

    def __str__(self) -> str:
        mark = "FAIL" if not self.ok else "warn" if self.hint else "ok  "
        return f"{mark}  {self.subject}: {self.detail}" + (f"; {self.hint}" if self.hint else "")


def check(*, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Check the settings, then log in to the broker, the database, every mailbox, every SMTP
    server, and check the OpenID provider as far as that is possible without a person. Prints a line
    for each. Exits with 1 if one fails, and with 2 if the settings are invalid.
    """
    own = load_settings(config, os.environ)
    settings = with_running_servers(own, config)
    Templates(settings)  # raises SettingsError if one is invalid
    is_private = own.broker.url is None
    findings = asyncio.run(_findings(settings, config, is_private_broker=is_private))
    for finding in findings:
        if json:
            print(msgspec.json.encode(asdict(finding)).decode())
        else:
            print_line(str(finding), 6)
    return 0 if all(finding.ok for finding in findings) else 1


async def _findings(settings: Settings, config: Path, *, is_private_broker: bool) -> list[Finding]:
    processes = counted(len(settings.processes), "process", "processes")
    mailboxes_named = counted(len(settings.mailboxes), "mailbox", "mailboxes")
    good = Finding("settings", ok=True, detail=f"{config} is valid: {processes}, {mailboxes_named}")
    servers = [_check_broker(settings, is_private=is_private_broker), _check_store(settings)]
    mailboxes = [
        asyncio.to_thread(check_mailbox, settings, mailbox)
        for mailbox in settings.mailboxes.values()
    ]
    smtp = [
        _check_smtp(settings, name, transport) for name, transport in transports(settings).items()
    ]
    return [
        good,
        *check_keys(settings),
        *await asyncio.gather(*servers, *mailboxes, *smtp, *_provider(settings)),
    ]


async def _check_broker(settings: Settings, *, is_private: bool) -> Finding:
    if settings.broker.url is None:
        return Finding("broker", ok=True, detail="no URL: `mailcase up` runs a private one")
    try:
        async with Broker.connected(settings.broker.url, connection_name("check")) as broker:
            detail = broker.server()
    except MailcaseError as error:
        return Finding(
            "broker",
            ok=False,
            detail=str(error),
            hint=f"check {origin('broker', os.environ)} and that the server runs",
        )
    if is_private:  # it is a single node, and has no management plugin to ask
        return Finding("broker", ok=True, detail=f"{detail}, the private one of `mailcase up`")
    return await asyncio.to_thread(_count_nodes, settings.broker, detail)


def _count_nodes(settings: BrokerSettings, detail: str) -> Finding:
    """Add the number and health of the broker's nodes to `detail`."""
    try:
        nodes = nodes_of(settings.url or "", settings.management_url)
    except NodesUnknownError as error:
        return Finding("broker", ok=True, detail=f"{detail}; nodes unknown ({error})")
    kind = "a single node" if nodes.count == 1 else f"a cluster of {nodes.count} nodes"
    wrong = [f"{name} is down" for name in nodes.down] + nodes.alarms
    hint = "start the node, or free memory or disk: alarms block publishing" if wrong else ""
    return Finding(
        "broker", ok=not wrong, detail=", ".join([f"{detail}: {kind}", *wrong]), hint=hint
    )


async def _check_store(settings: Settings) -> Finding:
    if settings.store.url is None:
        return Finding("store", ok=True, detail="no URL: `mailcase up` runs a private one")
    try:
        async with Store.opened(settings.store.url, settings.store.database) as store:
            server = await store.server()
    except MailcaseError as error:
        return Finding(
            "store",
            ok=False,
            detail=str(error),
            hint=f"check {origin('store', os.environ)} and that the server runs",
        )
    version = f"MongoDB {server['version']}"
    if server["setName"] is None:
        hint = "run it as a replica set: transactions need one"
        return Finding("store", ok=False, detail=f"{version}, a single server", hint=hint)
    members = len(server["hosts"])
    kind = "a single member" if members == 1 else f"{members} members"
    return Finding("store", ok=True, detail=f"{version}, replica set {server['setName']}: {kind}")


def check_keys(settings: Settings) -> list[Finding]:
    """A finding on the signing keys; none if the settings name no key file."""
    file = settings.case_reference.key_file
    if file is None:
        return []
    try:
        message_id_signer(settings)
    except SettingsError as error:
        return [Finding("keys", ok=False, detail=str(error))]
    return [
        with_file_warning(Finding("keys", ok=True, detail=f"{file} signs our Message-IDs"), file)
    ]


def with_file_warning(finding: Finding, file: Path | None) -> Finding:
    """The finding, with a warning if every user of this machine can read the secret file.

    A missing file is not reported here, because the check that needs the file reports it.
    """
    try:
        closed = file is None or not file.stat().st_mode & stat.S_IROTH
    except OSError:
        closed = True
    if closed:
        return finding
    detail = f"{finding.detail}; every user of this machine can read {file}"
    hint = f"chmod 600 {file}, as the user that Mailcase runs as"
    return replace(finding, detail=detail, hint=f"{finding.hint}; {hint}" if finding.hint else hint)


def _provider(settings: Settings) -> list[Awaitable[Finding]]:
    """The finding about the OpenID provider, if people sign in with one."""
    return [_check_provider(settings.desk)] if settings.desk.login == "oidc" else []


async def _check_provider(desk: Desk) -> Finding:
    try:
        detail = await Provider(desk.oidc, callback_of(desk.base_url), utc_now).check()
    except MailcaseError as error:
        hint = "check issuer, ca_file and client_secret_file of [desk.oidc]"
        return Finding("provider", ok=False, detail=str(error), hint=hint)
    finding = Finding("provider", ok=True, detail=detail)
    return with_file_warning(finding, desk.oidc.client_secret_file)


async def _check_smtp(settings: Settings, name: str, transport: SmtpTransport) -> Finding:
    finding = await _log_in(name, transport)
    return with_file_warning(finding, _secret_file(settings, settings.smtp[name]))


async def _log_in(name: str, transport: SmtpTransport) -> Finding:
    subject = f"smtp {name}"
    try:
        detail = await transport.check()
    except MailcaseError as error:
        hint = f"check host, port, security, user and password of [smtp.{name}]"
        return Finding(subject, ok=False, detail=str(error), hint=hint)
    return Finding(subject, ok=True, detail=detail)


def _secret_file(settings: Settings, account: Mailbox | Smtp) -> Path | None:
    """The file with the secret of the account: its own, or that of its `[oauth2.NAME]`."""
    if account.oauth2 is not None:
        return settings.oauth2[account.oauth2].secret_file
    return account.password_file


def check_mailbox(settings: Settings, mailbox: Mailbox) -> Finding:
    return with_file_warning(_open_mailbox(settings, mailbox), _secret_file(settings, mailbox))


def _open_mailbox(settings: Settings, mailbox: Mailbox) -> Finding:
    subject = f"mailbox {mailbox.name}"
    try:
        return Finding(subject, ok=True, detail=open_mailbox(settings, mailbox))
    except MailboxError as error:
        return Finding(subject, ok=False, detail=str(error), hint=error.hint)


def open_mailbox(settings: Settings, mailbox: Mailbox) -> str:
    """Log in and open the folder; returns what was found there. Raises MailboxError."""
    source = create_mail_source(settings, mailbox)
    try:
        source.connect()
        return source.describe()
    finally:
        source.close()
