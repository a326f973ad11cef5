"""Other help desks are compared only if each mail became a ticket, and named with the reason if
they are missing.
"""

import sys
from pathlib import Path
from typing import cast

import pytest

from benchmarks.environment import Ground
from benchmarks.peers import installed
from benchmarks.peers.programs import running
from benchmarks.report.chart import chart
from benchmarks.report.results import Figure, Peer, empty_results
from benchmarks.report.tables import table

# Takes two seconds, by its own account, for the mails in its folder; it loses those named "lost".
PROGRAM = """
import sys
from pathlib import Path

print("ready", flush=True)
for _ in sys.stdin:
    mails = [file.read_text() for file in Path(sys.argv[1]).iterdir()]
    if "fatal" in mails:
        sys.exit("no space left")
    print(2.0, len([mail for mail in mails if mail != "lost"]), flush=True)
"""


class Mail:
    """A mail server whose only mailbox is a folder."""

    imap_port = 143
    pids: tuple[int, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mails = 0

    def add_user(self, address: str, password: str) -> None:
        assert (address, bool(password)) == ("peer@example.test", True)

    def deliver(self, address: str, mail: bytes) -> None:
        assert address == "peer@example.test"
        self._mails += 1
        (self._folder / f"{self._mails}").write_bytes(mail)


class FakeGround:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "peer"
        self._folder.mkdir()
        self.mail = Mail(self._folder)
        self.servers = self

    def fresh_folder(self, name: str) -> Path:
        assert name == "peer"
        return self._folder


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return cast("Ground", FakeGround(tmp_path))


@pytest.fixture
def command(tmp_path: Path) -> list[str | Path]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return [sys.executable, program]


async def test_a_rate_is_that_of_the_mails_of_its_run(
    ground: Ground, command: list[str | Path]
) -> None:
    async with running(ground, "Desk", command) as program:
        first, second = await program.run([b"one", b"two", b"three"]), await program.run([b"four"])
    assert (first.rate, second.rate) == (1.5, 0.5)
    assert first.cpu_ms >= 0


async def test_a_help_desk_that_loses_a_mail_has_no_rate(
    ground: Ground, command: list[str | Path]
) -> None:
    async with running(ground, "Desk", command) as program:
        with pytest.raises(RuntimeError, match="Desk: 1 tickets of 2 mails"):
            await program.run([b"one", b"lost"])


async def test_a_help_desk_that_ends_shows_the_end_of_its_log(
    ground: Ground, command: list[str | Path]
) -> None:
    async with running(ground, "Desk", command) as program:
        with pytest.raises(RuntimeError, match=r"(?s)Desk ended; .*no space left"):
            await program.run([b"fatal"])


def test_packages_that_cannot_be_installed_are_an_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "ROOT", tmp_path)
    monkeypatch.setattr(installed, "PLACE", tmp_path / "peers")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "desk.lock").touch()
    with pytest.raises(installed.PeerMissingError, match=r"^/bin/false -m venv .* failed: "):
        installed.interpreter("desk")
    assert not (tmp_path / "peers" / "desk" / "installed").exists()


def test_the_report_names_each_help_desk_measured_or_missing() -> None:
    results = empty_results()
    ratio = Figure.of([12.0, 14.0, 13.0])
    desk = Peer("Desk", Figure.of([40.0]), ratio, Figure.of([9.0]))
    results.peers = [desk, Peer("Other", missing="it is offline")]
    text, picture = table(results), chart(results)
    assert (
        "Desk: 40.0 mails/s; Mailcase has  13.00 (12.00-14.00) times that, at 1/  9.00 (9.00-9.00)"
        in text
    )
    assert "Other: not measured: it is offline" in text
    assert "holds  whole path, 5 kB mails: times Desk: 13.00, at least 10" in text
    assert "13.0 times" in picture
    assert "Other" not in picture
