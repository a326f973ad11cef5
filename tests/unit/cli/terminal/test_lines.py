"""Long lines end between words; ids, addresses and what a pipe reads stay whole."""

import shlex
from pathlib import Path

import pytest

from services.cli.terminal.lines import command_lines, shell_path, wrapped, wrapped_command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a short line", "a short line"),
        ("FAIL  mailbox a: cannot connect", "FAIL  mailbox a: cannot\n      connect"),
        ("\n    two words and two more", "\n    two words and two\n          more"),
        ("  zaneta.swiatek@supplier-of-heating.example", None),
        ("", ""),
        ("FAIL  a disk of 52.4 MB, 1 kB", "FAIL  a disk of 52.4 MB,\n      1 kB"),
        ("here: http://localhost/a_token", "here:\nhttp://localhost/a_token"),
        ("FAIL  it: run `mailcase up`", "FAIL  it: run\n      `mailcase up`"),
        ("written: /srv/mail/office/a.password", "written:\n/srv/mail/office/a.password"),
    ],
)
def test_a_line_is_broken_between_words_and_indented(text: str, expected: str | None) -> None:
    assert wrapped(text, 6, width=24) == (text if expected is None else expected)


def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert wrapped("word " * 100) == "word " * 100
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, wrapped("word " * 100).splitlines())) <= 80


def test_commands_to_copy_stay_whole_and_what_they_do_goes_below() -> None:
    short = [("mailcase up", "start"), ("mailcase case list", "look")]
    assert command_lines(short, 80) == [
        "  mailcase up         start",
        "  mailcase case list  look",
    ]
    long = f"mailcase up --config {shell_path(Path('/srv/our mail') / ('office' * 12))}"
    command, what = command_lines([(long, "start")], 80)
    assert command == f"  {long}".replace(" --config", " \\\n--config")
    assert what == "      start"
    assert "'/srv/our mail/" in long  # as a shell takes it


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80])
@pytest.mark.parametrize(
    "path",
    [
        "/srv/it's here, in the office's mail/mailcase.toml",
        '/srv/our "own" mail/a  b\tc\nd/mailcase.toml',
        "/srv/mail\\'/office $HOME `pwd`/mailcase.toml",
    ],
)
def test_a_wrapped_command_names_the_same_path(width: int, path: str) -> None:
    quoted = shell_path(Path(path))
    command = f"  echo Thanks | mailcase reply 2 --text-file - --config {quoted} --data {quoted}"
    printed = wrapped_command(command, width)
    assert shlex.split(printed.replace(" \\\n", " ")) == shlex.split(command)
    assert printed.count(quoted) == 2
    bare = [line for line in printed.replace(quoted, "").splitlines() if len(line) > width]
    assert bare == []
