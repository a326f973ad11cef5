"""The sources of another suite are those of the machine, with the name of that suite; its programs
run where they are.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.matrix import suites
from tests.matrix.relocation import run_by_own_loader
from tests.matrix.suites import Suite, UnpackError

STANZAS = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
LINES = """\
# deb http://old.example/debian bookworm main
deb https://packages.example/apt tool main
deb [signed-by=/a.gpg] http://mirror.example/debian bookworm main contrib
deb http://mirror.example/debian-security bookworm-security main
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(suites, "SOURCES", tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_a_stanza_keeps_everything_but_its_suites(machine: Path, tmp_path: Path) -> None:
    (machine / "sources.list.d" / "debian.sources").write_text(STANZAS)
    suite = Suite("trixie", tmp_path / "place")
    suite._configure()
    text = (suite.folder / "sources" / "suite.sources").read_text()
    assert (
        text
        == STANZAS.split("\n\n", maxsplit=1)[0].replace("bookworm bookworm-updates", "trixie")
        + "\n"
    )


def test_a_line_keeps_its_options_and_its_mirror(machine: Path, tmp_path: Path) -> None:
    (machine / "sources.list").write_text(LINES)
    suite = Suite("unstable", tmp_path / "place")
    suite._configure()
    text = (suite.folder / "sources" / "suite.list").read_text()
    assert text == "deb [signed-by=/a.gpg] http://mirror.example/debian unstable main\n"


def test_a_machine_without_a_debian_mirror_is_named(machine: Path, tmp_path: Path) -> None:
    (machine / "sources.list").write_text("deb https://packages.example/apt tool main\n")
    with pytest.raises(UnpackError, match="no Debian suite"):
        Suite("trixie", tmp_path / "place")._configure()


def test_a_program_runs_by_its_own_loader_under_the_name_it_is_called_by(tmp_path: Path) -> None:
    suite = Suite("any", tmp_path)
    libraries, programs = suite.root / "usr/lib/x86_64-linux-gnu", suite.root / "usr/bin"
    for folder in (libraries, programs):
        folder.mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").symlink_to(loader_of_this_machine())
    shell = programs / "shell"
    shutil.copy("/bin/sh", shell)
    run_by_own_loader(suite, shell)
    link = tmp_path / "link"
    link.symlink_to(shell)
    for name in (shell, link):
        done = subprocess.run([name, "-c", 'echo "$0"'], capture_output=True, text=True, check=True)
        assert done.stdout == f"{name}\n"


def loader_of_this_machine() -> Path:
    return next(Path("/").glob("lib*/ld-linux-*.so.*"))
