"""The sources of another suite are those of the machine, with the name of that suite."""

from pathlib import Path

import pytest

from tests.matrix import suites
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
