"""Each typical mistake is reported in one line with its cause and a fix, and the fix works."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from services.cli import main
from tests.integration.cli.mistakes import GOOD, SLIPS, Office, Slip

_offices = itertools.count(1)
PASSWORD = "hunter3"


@pytest.fixture
def office(servers: PrivateServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The current folder, in which `mailcase check` finds nothing wrong."""
    number = next(_offices)
    address = f"invoices.{number}@mistakes.test"
    servers.mail.add_user(address, PASSWORD)
    good = GOOD.format(
        broker=servers.broker.url,
        store=servers.store.url,
        database=f"mistakes-{number}",
        port=servers.mail.imaps_port,
        address=address,
    )
    (tmp_path / "ca.pem").write_bytes(servers.mail.ca_file.read_bytes())
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "mailcase.toml").write_text(good)
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    for variable in ("MAILCASE_BROKER_URL", "MAILCASE_STORE_URL"):
        monkeypatch.setenv(variable, "x")  # restored afterwards, whatever the test does with it
        monkeypatch.delenv(variable)
    return Office(tmp_path, good, PASSWORD, servers.mail.imap_port)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command; returns the exit status and all output."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out + err


def test_the_table_has_thirty_mistakes() -> None:
    assert len(SLIPS) >= 30
    assert len({slip.name for slip in SLIPS}) == len(SLIPS)


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name.replace(" ", "-"))
def test_following_the_fix_works(
    office: Office, capsys: pytest.CaptureFixture[str], slip: Slip
) -> None:
    slip.make(office)
    address = next(line for line in office.good.splitlines() if "address" in line).split('"')[1]
    command = [address if word == "ADDRESS" else word for word in slip.command]
    status, printed = run(capsys, *command)
    lines = [line for line in printed.splitlines() if slip.cause in line and slip.fix in line]
    assert lines, printed
    assert "Traceback" not in printed
    assert "hunter" not in printed  # neither the old password nor the new one
    assert status in {1, 2} or lines[0].startswith("warn")
    slip.follow(office)
    status, printed = run(capsys, *(slip.then or command))
    assert status == 0, printed
    assert not any(slip.cause in line and slip.fix in line for line in printed.splitlines())


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system without free space."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    (folder / "filler").write_bytes(b"x" * 60_000)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_named_and_room_or_another_folder_helps(
    office: Office, capsys: pytest.CaptureFixture[str], full_disk: Path
) -> None:
    run(capsys, "user", "add", "anna@example.test", "--name", "Anna")
    status, printed = run(capsys, "backup", "--to", str(full_disk))
    [line] = printed.splitlines()
    assert status == 1
    assert "No space left on device; free some room or give --to" in line
    assert list(full_disk.iterdir()) == [full_disk / "filler"]  # nothing incomplete is left
    status, printed = run(capsys, "backup", "--to", str(office.folder / "backups"))
    assert status == 0, printed
    (full_disk / "filler").unlink()
    status, printed = run(capsys, "backup", "--to", str(full_disk))
    assert status == 0, printed
