"""Output on a real terminal of 80 columns: words stay whole, and paths can be copied."""

import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.newcomer.terminal import WIDTH, Terminal
from tests.unit.cli.test_typical_mistakes import SETTINGS

MAILCASE = f"{shlex.quote(sys.executable)} -m services.cli"
FRAME = re.compile("[\u2500-\u257f]+")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A shell in a folder with a long name and with settings whose mail server does not exist."""
    folder = tmp_path_factory.mktemp("an-office-with-a-long-name") / "customer-mail"
    folder.mkdir()
    (folder / "mailcase.toml").write_text(SETTINGS)
    (folder / "password").write_text("secret")
    with Terminal(["bash", "--norc", "--noprofile"]) as shell:
        shell.run(f"export PYTHONPATH={shlex.quote(str(ROOT))}", 20)
        shell.run(f"cd {shlex.quote(str(folder))}; folder=$PWD", 20)
        shell.run(f'mailcase() {{ {MAILCASE} "$@"; }}', 20)
        yield shell


@pytest.mark.parametrize(
    "command",
    [
        "mailcase --help",
        "mailcase init --help",
        "mailcase reply --help",
        "mailcase check",
        "mailcase check --config $folder/none.toml",
        "mailcase case show 1",
        "mailcase status",
        "mailcase restore $folder --to $folder/restored",
    ],
)
def test_no_line_is_broken_within_a_word(terminal: Terminal, command: str) -> None:
    lines = printed_by(terminal, f"{command} || true")
    assert [line for line in lines if len(line) > WIDTH and " " in line.strip()] == []
    unbroken = printed_by(terminal, f"COLUMNS=2000 {command} 2>&1 | cat")
    assert words(lines) == words(unbroken)


def words(lines: list[str]) -> Counter[str]:
    """The words of the lines, without the frames of the help; columns may change their order."""
    return Counter(FRAME.sub(" ", " ".join(lines)).split())


def printed_by(terminal: Terminal, command: str) -> list[str]:
    """The lines that a command prints on the terminal."""
    lines = terminal.run(command, 60).splitlines()[1:]  # the first is the command
    assert lines
    return lines


def test_a_path_stays_whole(terminal: Terminal) -> None:
    printed = terminal.run("mailcase check --config $folder/none.toml || true", 60)
    folder = terminal.run("echo $folder", 20).splitlines()[-1]
    assert any(f"{folder}/none.toml" in line for line in printed.splitlines())
