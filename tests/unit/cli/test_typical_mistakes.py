"""Typical mistakes of a first day, each reported in one line with its cause and a fix.

Mistakes in the settings file are in tests/unit/runtime/settings/toml/test_hints.py; those of mail
servers and passwords in tests/integration/fetcher/test_fetcher_check.py and
tests/integration/cli/test_init.py.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.single_instance import only_launcher_of
from services.cli import main

SETTINGS = """\
[server.corp]
protocol = "imap"
host = "127.0.0.1"
port = 1
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_file = "password"
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and a password; the current folder."""
    for variable in ("MAILCASE_BROKER_URL", "MAILCASE_STORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "mailcase.toml").write_text(SETTINGS)
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status, and everything that was printed."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out + err


Prepare = Callable[[Path], object]


def nothing(_office: Path) -> None:
    """Prepare nothing."""


MISTAKES: list[tuple[Prepare, list[str], str, str]] = [
    (
        lambda o: (o / "mailcase.toml").unlink(),
        ["check"],
        "there is no such file",
        "create it with `mailcase init`",
    ),
    (nothing, ["check", "--config", "."], "is a directory", "name the file in it"),
    (
        lambda o: (o / "mailcase.toml").write_bytes(SETTINGS.encode("utf-16")),
        ["check"],
        "is UTF-16",
        "save it as UTF-8",
    ),
    (
        lambda o: (o / "mailcase.toml").write_bytes(b"# za\xbf\xf3\xb3\xe6\n" + SETTINGS.encode()),
        ["check"],
        "line 1, column 5: is not UTF-8",
        "save it as UTF-8",
    ),
    (nothing, ["check"], "Connection refused", "check that server.corp.host and server.corp.port"),
    (
        lambda o: (o / "password").chmod(0o644),
        ["check"],
        "every user of this machine can read",
        "chmod 600",
    ),
    (
        lambda o: (o / "mailcase-data").write_text(""),
        ["up"],
        "cannot be created",
        "choose a folder",
    ),
    (nothing, ["up", "--without", "fetch"], "there is no service 'fetch'", "give one of fetcher"),
    (nothing, ["up", "extra"], "up takes no extra", "see `mailcase up --help`"),
    (
        nothing,
        ["check", "mailcase.toml"],
        "check takes no mailcase.toml",
        "write --config mailcase.toml",
    ),
    (nothing, ["case", "show", "eight"], "is not a case number", "give it as 235"),
    (nothing, ["case", "show", "1"], "store.url: missing", "start `mailcase up`"),
    (nothing, ["case", "split", "1", "--comment", ""], "--comment: is empty", "case show"),
    (nothing, ["erase", "jan@"], "is not an address", "give one address"),
    (nothing, ["erase", "@example.com"], "is not an address", "give one address"),
    (
        nothing,
        ["erase", "Invoices+7@example.com"],
        "is a mailbox of ours",
        "give the address of a person",
    ),
    (nothing, ["cases"], "cases", "See `mailcase --help`"),
    (nothing, ["status"], "nothing runs for mailcase.toml", "start it with `mailcase up`"),
    (nothing, ["init"], "there is no terminal to ask on", "--yes with the options"),
    (nothing, ["init", "--yes"], "--address: needed without a terminal", "mail address to read"),
    (nothing, ["init", "--yes", "--address", "jan"], "--address", 'such as "invoices@'),
    (
        nothing,
        ["init", "--yes", "--address", "invoices@example.com"],
        "is in mailcase.toml already",
        "`mailcase check` tests it",
    ),
    (
        nothing,
        ["restore", ".", "--to", "new"],
        "is not a backup",
        "give a folder that `mailcase backup` wrote",
    ),
    (
        lambda o: (o / "file").write_text(""),
        ["service", "install", "--unit", "file/unit", "--user", "daemon"],
        "cannot be written",
        "as root",
    ),
    (
        nothing,
        ["service", "install", "--unit", "unit", "--user", "root"],
        "must not run as root",
        "useradd --system",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_its_cause_and_a_fix(
    office: Path,
    capsys: pytest.CaptureFixture[str],
    mistake: tuple[Prepare, list[str], str, str],
) -> None:
    prepare, arguments, cause, fix = mistake
    prepare(office)
    status, printed = run(capsys, *arguments)
    [line] = [line for line in printed.splitlines() if cause in line]
    assert fix in line
    assert "Traceback" not in printed
    assert "secret" not in printed
    assert status in {1, 2} or line.startswith("warn")


def test_a_second_up_names_the_first(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_launcher_of(office / "mailcase.toml"):
        status, printed = run(capsys, "up")
    [line] = printed.splitlines()
    assert (status, "stop that one first" in line) == (1, True)
    assert f"as process {os.getpid()}" in line


def test_data_that_is_elsewhere_is_pointed_out(
    office: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings were moved without their data."""
    (office / "mailcase-data").mkdir()
    (office / "mailcase-data" / "ports.json").write_text("{}")
    (office / "moved").mkdir()
    (office / "mailcase.toml").rename(office / "moved" / "mailcase.toml")
    status, printed = run(capsys, "up", "--config", "moved/mailcase.toml")
    [line] = printed.splitlines()
    assert status == 2
    assert "move that folder to" in line


def test_missing_servers_are_named_with_the_command_that_installs_them(
    office: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.programs._find", lambda _: None)
    status, printed = run(capsys, "up")
    line = printed.splitlines()[-1]
    assert status == 1
    assert "apt-get install rabbitmq-server erlang-base" in line
    assert "pip install" in line
