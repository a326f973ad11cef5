"""Typical mistakes of the first days: how each is made, what is reported, and how it is fixed."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

GOOD = """\
[broker]
url = "{broker}"
[store]
url = "{store}"
database = "{database}"
[server.corp]
protocol = "imap"
host = "localhost"
port = {port}
ca_file = "ca.pem"
[process.invoices]
title = "Invoices"
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "{address}"
password_file = "password"
"""


@dataclass(frozen=True)
class Office:
    """A folder with settings that work; `plain_port` speaks IMAP with STARTTLS."""

    folder: Path
    good: str
    password: str
    plain_port: int

    @property
    def config(self) -> Path:
        return self.folder / "mailcase.toml"

    def change(self, before: str, after: str) -> None:
        """Change one line of the settings."""
        text = self.config.read_text()
        assert text.count(before) == 1, before
        self.config.write_text(text.replace(before, after))


Step = Callable[[Office], object]


@dataclass(frozen=True)
class Slip:
    """A mistake in `command`, or made before it.

    One line of the output contains the `cause` and the `fix`. After `follow`, `then` succeeds; by
    default this is the command itself.
    """

    name: str
    make: Step
    cause: str
    fix: str
    follow: Step
    command: Sequence[str] = ("check",)
    then: Sequence[str] = ()


def nothing(_office: Office) -> None:
    """Do nothing: the mistake, or its fix, is in the command itself."""


def edited(before: str, after: str) -> Step:
    return lambda office: office.change(before, after)


def in_settings(name: str, line: str, slip: str, fix: str, followed: str = "") -> Slip:
    """A mistake in one line of the settings."""
    return Slip(
        name, edited(line, slip), "mailcase.toml: line", fix, edited(slip, followed or line)
    )


def as_password(text: str) -> Step:
    return lambda office: (office.folder / "password").write_text(text)


def right_password(office: Office) -> None:
    (office.folder / "password").write_text(office.password)


def without(name: str) -> Step:
    return lambda office: (office.folder / name).unlink()


def good_settings(office: Office) -> None:
    office.config.write_text(office.good)


def variable(name: str, value: str) -> Step:
    """Set an environment variable."""
    return lambda _: os.environ.update({name: value})


def port_of_starttls(office: Office) -> None:
    line = next(line for line in office.good.splitlines() if line.startswith("port = "))
    office.change(line, f"port = {office.plain_port}")


SLIPS = [
    in_settings("no quotes", 'host = "localhost"', "host = localhost", 'in quotes: host = "…"'),
    in_settings("open quotes", 'host = "localhost"', 'host = "localhost', "close the quotes"),
    in_settings("curly quotes", 'host = "localhost"', "host = “localhost”", "straight quotes"),
    in_settings("a colon", 'host = "localhost"', 'host: "localhost"', "= between name and value"),
    in_settings("no value", 'host = "localhost"', "host =", "write a value after host ="),
    in_settings("yes for true", "initial = true", "initial = yes", "write true without quotes"),
    in_settings("an odd letter", 'title = "Invoices"', 'tytuł = "x"', "ASCII letters"),
    in_settings("an open bracket", "[server.corp]", "[server.corp\n", "as many ] as ["),
    in_settings(
        "one bracket for two",
        "[[process.invoices.stage]]",
        "[process.invoices.stage]",
        "with double brackets",
    ),
    in_settings("a value misspelled", '"imap"', '"imapp"', 'did you mean "imap"?'),
    in_settings("a name misspelled", "protocol =", "protocoll =", 'did you mean "protocol"?'),
    in_settings("a server misspelled", '"corp"', '"crop"', 'did you mean "corp"?'),
    in_settings(
        "a password in the settings",
        'password_file = "password"',
        'password = "hunter2"',
        "name its file in password_file",
    ),
    Slip(
        "UTF-16",
        lambda office: office.config.write_bytes(office.good.encode("utf-16")),
        "is UTF-16",
        "save it as UTF-8",
        good_settings,
    ),
    Slip(
        "Latin-2",
        lambda office: office.config.write_bytes(b"# za\xbf\xf3\xb3\xe6\n" + office.good.encode()),
        "line 1, column 5: is not UTF-8",
        "save it as UTF-8",
        good_settings,
    ),
    Slip(
        "no settings",
        without("mailcase.toml"),
        "there is no such file",
        "create it with `mailcase init`",
        good_settings,
    ),
    Slip(
        "a folder for the settings",
        nothing,
        "is a directory",
        "name the file in it",
        nothing,
        command=("check", "--config", "."),
        then=("check", "--config", "./mailcase.toml"),
    ),
    Slip(
        "a wrong password",
        as_password("wrong"),
        "the log-in is refused",
        "check user and password of mailbox invoices",
        right_password,
    ),
    Slip(
        "an empty password",
        as_password("\n"),
        "is empty",
        "put the password into it",
        right_password,
    ),
    Slip(
        "no password file",
        without("password"),
        "cannot be read: No such file or directory",
        "put the password into this file",
        right_password,
    ),
    Slip(
        "a password for all to read",
        lambda office: (office.folder / "password").chmod(0o644),
        "every user of this machine can read",
        "chmod 600",
        lambda office: (office.folder / "password").chmod(0o600),
    ),
    Slip(
        "a port where nothing listens",
        lambda office: office.config.write_text(
            "\n".join(
                "port = 1" if line.startswith("port") else line for line in office.good.split("\n")
            )
        ),
        "Connection refused",
        "check that server.corp.host and server.corp.port",
        good_settings,
    ),
    Slip(
        "a host that does not exist",
        edited('host = "localhost"', 'host = "imap.nowhere.test"'),
        "imap.nowhere.test",
        "correct server.corp.host",
        edited('host = "imap.nowhere.test"', 'host = "localhost"'),
    ),
    Slip(
        "an unknown authority",
        edited('ca_file = "ca.pem"\n', ""),
        "certificate",
        "set server.corp.ca_file to the authority's certificate",
        edited('host = "localhost"\n', 'host = "localhost"\nca_file = "ca.pem"\n'),
    ),
    Slip(
        "TLS on the port of STARTTLS",
        port_of_starttls,
        "mailbox invoices",
        'set server.corp.security = "starttls"',
        edited('host = "localhost"\n', 'host = "localhost"\nsecurity = "starttls"\n'),
    ),
    Slip(
        "a folder that does not exist",
        edited('server = "corp"\n', 'server = "corp"\nfolder = "Faktury"\n'),
        "Faktury",
        "INBOX",
        edited('folder = "Faktury"', 'folder = "INBOX"'),
    ),
    Slip(
        "a variable of long ago",
        variable("MAILCASE_STORE_URL", "mongodb://127.0.0.1:1/"),
        "store: ",
        "check MAILCASE_STORE_URL",
        variable("MAILCASE_STORE_URL", ""),
    ),
    Slip(
        "a broker that does not run",
        variable("MAILCASE_BROKER_URL", "amqp://x:y@127.0.0.1:1/"),
        "broker: ",
        "check MAILCASE_BROKER_URL",
        variable("MAILCASE_BROKER_URL", ""),
    ),
    Slip(
        "settings without their option",
        nothing,
        "takes no mailcase.toml",
        "write --config mailcase.toml",
        nothing,
        command=("check", "mailcase.toml"),
        then=("check", "--config", "mailcase.toml"),
    ),
    Slip(
        "a command misspelled",
        nothing,
        'Unknown command "chek"',
        'Did you mean "check"?',
        nothing,
        command=("chek",),
        then=("check",),
    ),
    Slip(
        "a list of a process that is not there",
        nothing,
        "there is no process 'invoice'",
        "the settings have: invoices",
        nothing,
        command=("case", "list", "--process", "invoice"),
        then=("case", "list", "--process", "invoices"),
    ),
    Slip(
        "mails for a process that is not there",
        lambda office: (office.folder / "letter.eml").write_text("Subject: x\n\ntext\n"),
        "there is no process 'invoice'",
        "the settings have: invoices",
        nothing,
        command=("ingest", "letter.eml", "--process", "invoice", "--no-wait"),
        then=("ingest", "letter.eml", "--process", "invoices", "--no-wait"),
    ),
    Slip(
        "an address without its domain",
        nothing,
        "'office' is not a full domain",
        "it has no dot",
        nothing,
        command=("init", "--yes", "--address", "anna@office"),
        then=("check",),
    ),
    Slip(
        "a mailbox added twice",
        nothing,
        "is in mailcase.toml already",
        "`mailcase check` tests it",
        nothing,
        command=("init", "--yes", "--address", "ADDRESS"),
        then=("check",),
    ),
    Slip(
        "a service as root",
        nothing,
        "must not run as root",
        "useradd --system",
        nothing,
        command=("service", "install", "--unit", "unit", "--user", "root"),
        then=("service", "install", "--unit", "unit", "--user", "daemon"),
    ),
]
