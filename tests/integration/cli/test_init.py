"""`mailcase init` with a real mail server that a private DNS and HTTPS server announce."""

import json
import os
import shlex
import ssl
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import trustme
from aiosmtpd.smtp import AuthResult

from deploy.local import PrivateServers
from deploy.local.servers.smtp import SmtpSink
from deploy.local.tokens import TokenEndpoint
from services.cli.init.conversation import run
from services.cli.init.dialog import Dialog, StoppedError
from services.cli.init.discovery.finder import find_servers
from services.cli.init.discovery.network import Network
from services.cli.init.existing import Existing
from services.cli.init.setup import Answers, Setup
from services.runtime.errors import PermanentError, SettingsError
from services.runtime.settings import load_settings
from tests.integration.published_mail_servers import autoconfig, dns_server, https_server

ADDRESS = "invoices@office.test"
PASSWORD = "Zażółć gęślą 1"
AUTOCONFIG_HOST = "autoconfig.office.test"
PATH = "/mail/config-v1.1.xml"


def accept(*_: object) -> AuthResult:
    return AuthResult(success=True)


class Office:
    """A domain with a mail server; `answers` are what a person would type, in order."""

    def __init__(self, servers: PrivateServers, folder: Path, smtp: SmtpSink, ca: Path) -> None:
        servers.mail.add_user(ADDRESS, PASSWORD)
        self.servers, self.smtp, self.ca_file = servers, smtp, ca
        self.config = folder / "mailcase.toml"
        self.password = folder / "given"
        self.password.write_text(PASSWORD + "\n")
        self.network = Network()

    def setup(self, answers: Answers, *, interactive: bool = False) -> Setup:
        dialog = Dialog(interactive=interactive)
        return Setup(dialog, answers, Existing.read(self.config), self.network, self.config)

    def answers(self, **more: object) -> Answers:
        given = {"address": ADDRESS, "password_file": self.password, "ca_file": self.ca_file}
        return Answers(**(given | more))  # type: ignore[arg-type] # the fields of a test


@pytest.fixture
def office(servers: PrivateServers, tmp_path: Path) -> Iterator[Office]:
    authority = trustme.CA()
    both = tmp_path / "ca.pem"
    both.write_bytes(authority.cert_pem.bytes() + servers.mail.ca_file.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with SmtpSink(tls=context, authenticator=accept, auth_require_tls=False) as smtp:
        one = Office(servers, tmp_path, smtp, both)
        files = {PATH: autoconfig(servers.mail.imaps_port, smtp.port)}
        records = {(AUTOCONFIG_HOST, "A"): ["127.0.0.1"]}
        with (
            https_server(tmp_path, AUTOCONFIG_HOST, files) as (port, ca_file),
            dns_server(records) as dns,
        ):
            one.network = Network(dns, ca_file, port, 2.0)
            yield one


def test_servers_are_found_by_the_autoconfig_file_and_the_settings_work(office: Office) -> None:
    answers = office.answers(template="help-center", smtp="found", test_mail="nadia@example.test")
    assert run(office.setup(answers)) == 0
    settings = load_settings(office.config, os.environ)
    [mailbox] = settings.mailboxes.values()
    server = settings.servers[mailbox.server]
    assert (mailbox.address, mailbox.process) == (ADDRESS, "help-center")
    assert (server.host, server.port) == ("localhost", office.servers.mail.imaps_port)
    assert not server.delete_after_fetch
    assert settings.processes["help-center"].smtp is not None
    [mail] = office.smtp.mails
    assert (mail.sender, mail.recipients) == (ADDRESS, ("nadia@example.test",))
    assert b"Auto-Submitted: auto-generated" in mail.raw


def test_the_commands_at_the_end_name_the_settings_on_a_narrow_terminal_too(
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    office.config = tmp_path / "it's here, in the office's mail" / "mailcase.toml"
    office.config.parent.mkdir()
    assert run(office.setup(office.answers())) == 0
    printed = capsys.readouterr().out.replace(" \\\n", " ")
    commands = [line for line in printed.splitlines() if line.startswith("  mailcase ")]
    assert [shlex.split(command)[-1] for command in commands] == [str(office.config)] * 2


def test_a_typed_password_becomes_a_file_that_only_its_owner_reads(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["", "n", "1", "", "", "n"])
    secrets = iter(["wrong", PASSWORD])
    lines = iter([ADDRESS, "", *typed])
    asked: list[str] = []

    def line(prompt: str) -> str:
        asked.append(prompt)
        if prompt.startswith("Number") and "another password" in capsys.readouterr().out:
            return "1"
        return next(lines)

    monkeypatch.setattr("builtins.input", line)
    monkeypatch.setattr("getpass.getpass", lambda _: next(secrets))
    answers = Answers(ca_file=office.ca_file)
    assert run(office.setup(answers, interactive=True)) == 0, asked
    [file] = office.config.parent.glob("*.password")
    assert file.read_text() == PASSWORD + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in office.config.read_text()
    [mailbox] = load_settings(office.config, os.environ).mailboxes.values()
    assert mailbox.password(os.environ) == PASSWORD


def test_an_unknown_authority_is_trusted_after_the_log_in_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter([ADDRESS, "", "", "n", "", "none.pem", str(office.ca_file), "1", "", "", "n"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    assert run(office.setup(Answers(), interactive=True)) == 0
    printed = capsys.readouterr().out
    assert "CERTIFICATE_VERIFY_FAILED" in printed
    assert "there is no file" in " ".join(printed.split())
    [server] = load_settings(office.config, os.environ).servers.values()
    assert server.ca_file == office.ca_file


def test_a_second_run_adds_a_mailbox_and_leaves_the_rest_as_it_is(office: Office) -> None:
    run(office.setup(office.answers(template="invoices")))
    before = office.config.read_text() + "# a remark of mine"
    office.config.write_text(before)
    office.config.chmod(0o640)
    office.servers.mail.add_user("orders@office.test", PASSWORD)
    run(office.setup(office.answers(address="orders@office.test", process="invoices")))
    text = office.config.read_text()
    assert text.startswith(before)
    assert stat.S_IMODE(office.config.stat().st_mode) == 0o640
    settings = load_settings(office.config, os.environ)
    assert set(settings.mailboxes) == {"invoices", "orders"}
    assert len(settings.servers) == 1
    with pytest.raises(SettingsError, match="already, as mailbox orders"):
        run(office.setup(office.answers(address="Orders@office.test")))


def test_a_refused_log_in_writes_nothing(office: Office) -> None:
    office.password.write_text("wrong")
    with pytest.raises(PermanentError, match=r"the log-in is refused: .*check user and password"):
        run(office.setup(office.answers()))
    assert not office.config.exists()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("jan@office", "'office' is not a full domain: it has no dot"),
        ("jan@-office.test", "'-office.test' is not a valid domain"),
        ("jan@office..test", "'office..test' is not a valid domain"),
        ("jan@192.0.2.1", "'192.0.2.1' is not a valid domain"),
        ("jan@of_fice.test", "'of_fice.test' is not a valid domain"),
        ("jan kowalski@office.test", "needs an address such as"),
    ],
)
def test_an_address_that_nobody_can_have_is_refused_before_anything_is_looked_up(
    office: Office, address: str, problem: str
) -> None:
    office.network = Network(("192.0.2.1", 1), timeout_s=0.0)
    with pytest.raises(SettingsError, match=problem):
        run(office.setup(office.answers(address=address)))


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_tokens_of_a_real_endpoint_log_in_and_a_wrong_secret_writes_nothing(
    office: Office, provider: Literal["microsoft", "google"]
) -> None:
    secret = office.config.parent / "secret"
    with TokenEndpoint(office.servers.mail.token_port, {"app": ("hush", ADDRESS)}) as endpoint:

        def answers(hush: str) -> Answers:
            key = {"type": "authorized_user", "client_id": "app", "refresh_token": "again"}
            google = json.dumps(key | {"client_secret": hush})
            secret.write_text(google if provider == "google" else hush)
            return office.answers(
                password_file=None,
                oauth2=provider,
                tenant="office.test",
                client_id="app",
                secret_file=secret,
                token_url=endpoint.url,
            )

        with pytest.raises(PermanentError, match="wrong secret"):
            run(office.setup(answers("wrong")))
        assert not office.config.exists()
        assert run(office.setup(answers("hush"))) == 0
        assert endpoint.introspected  # Dovecot asked about the token
        settings = load_settings(office.config, os.environ)
        [mailbox] = settings.mailboxes.values()
        assert mailbox.oauth2 == provider
        assert str(settings.oauth2[provider].token_url) == endpoint.url
        office.servers.mail.add_user("orders@office.test", PASSWORD)
        with pytest.raises(PermanentError, match="log-in is refused"):  # another's mailbox
            run(office.setup(replace(answers("hush"), address="orders@office.test")))


def test_dns_records_that_lead_elsewhere_need_consent_before_a_password_goes_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = office.servers.mail.imaps_port
    records = {
        ("_imaps._tcp.office.test", "SRV"): [
            f"20 0 {port} mail.office.test.",
            f"0 0 {port} localhost.",
        ],
        ("_pop3s._tcp.office.test", "SRV"): ["0 0 0 ."],
    }
    with dns_server(records) as dns:
        office.network = Network(dns, timeout_s=2.0)
        found = find_servers(ADDRESS, office.network)
        assert [(server.host, server.vouched) for server in found] == [
            ("localhost", False),
            ("mail.office.test", True),
        ]
        with pytest.raises(SettingsError, match="localhost is outside"):
            run(office.setup(office.answers()))
        monkeypatch.setattr("builtins.input", lambda _: (_ for _ in ()).throw(EOFError))
        with pytest.raises(StoppedError):
            run(office.setup(office.answers(), interactive=True))
        assert run(office.setup(office.answers(server=f"localhost:{port}"))) == 0


def test_a_domain_whose_mail_is_received_by_a_large_provider_uses_its_servers() -> None:
    records = {("firm.test", "MX"): ["10 firm-test.mail.protection.outlook.com."]}
    with dns_server(records) as dns:
        found = find_servers("jan@firm.test", Network(dns, timeout_s=2.0))
    assert found[0].host == "outlook.office365.com"
    assert {server.oauth2 for server in found} == {"microsoft"}
