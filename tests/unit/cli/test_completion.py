"""The completion scripts, loaded in the shells that are installed here."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from services.cli.application import app

BASH = """
source "$0"
COMP_WORDS=(mailcase {words}) COMP_CWORD={at}
_mailcase
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
fpath=("${0:h}" $fpath)
autoload -Uz compinit
compinit -u -d "${0:h}/dump"
print -r -- "$_comps[mailcase]"
autoload +X _mailcase && print loaded
"""


@functools.cache
def generated(shell: Literal["bash", "zsh", "fish"]) -> str:
    """What `mailcase completion` prints."""
    return app.generate_completion(prog_name="mailcase", shell=shell)


def script(shell: Literal["bash", "zsh", "fish"], file: Path) -> Path:
    """The script in a file; skips if the shell is not installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    file.write_text(generated(shell))
    return file


def run(*command: str | Path) -> list[str]:
    """The lines that a shell prints; fails if it complains."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ca", "case"),
        ("case sh", "show"),
        ("up --re", "--replicas"),
        ("backup --w", "--with-archive"),
    ],
)
def test_bash_completes_commands_and_options(tmp_path: Path, words: str, found: str) -> None:
    file = script("bash", tmp_path / "mailcase")
    text = BASH.format(words=words, at=len(words.split()))
    assert found in run("bash", "--norc", "-c", text, file)


@pytest.mark.parametrize(
    ("words", "found"), [("ca", "case"), ("case sh", "show"), ("up --re", "--replicas")]
)
def test_fish_completes_commands_and_options(tmp_path: Path, words: str, found: str) -> None:
    file = script("fish", tmp_path / "mailcase.fish")
    lines = run("fish", "--no-config", "-c", f"source {file}; complete -C 'mailcase {words}'")
    assert found in [line.partition("\t")[0] for line in lines]


def test_zsh_takes_the_script_from_its_path_of_functions(tmp_path: Path) -> None:
    file = script("zsh", tmp_path / "_mailcase")
    assert run("zsh", "-f", "-c", ZSH, file) == ["_mailcase", "loaded"]
