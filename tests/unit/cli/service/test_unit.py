"""The systemd unit has few rights, handles unusual paths, never runs as root, and replaces only its
own file.
"""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from services.cli.service import install as command
from services.cli.service.unit import MARK, UnitOptions, quoted, retention_texts, unit_text
from services.cli.up.systemd import notify
from services.runtime.errors import PermanentError, SettingsError

SETTINGS = '[process.a]\n[[process.a.stage]]\nname = "a"\ninitial = true\n'
OPTIONS = UnitOptions(
    ("/usr/bin/python3", "-m", "services.cli"),
    Path("/srv/office/mailcase.toml"),
    Path("/srv/office/mailcase-data"),
    "mailcase",
    "2G",
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailcase.toml"
    file.write_text(SETTINGS)
    return file


def test_the_service_may_write_its_data_and_nothing_else() -> None:
    lines = unit_text(OPTIONS).splitlines()
    assert "ReadWritePaths=/srv/office/mailcase-data" in lines
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryMax=2G", "User=mailcase"):
        assert line in lines
    assert "ProtectHome=yes" in lines


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/srv/office", "/srv/office"),
        ("/srv/my office", '"/srv/my office"'),
        ("50%", "50%%"),
        ("$HOME", '"$$HOME"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("", '""'),
    ],
)
def test_odd_paths_are_quoted_for_systemd(word: str, expected: str) -> None:
    assert quoted(word) == expected


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    unit = tmp_path / "mailcase.service"
    texts = {unit: unit_text(OPTIONS)}
    for ending, text in retention_texts(OPTIONS, unit.stem).items():
        texts[unit.with_name(unit.stem + ending)] = text
    for file, text in texts.items():
        file.write_text(text.replace("User=mailcase", "User=daemon"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *texts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_never_runs_as_root(config: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must not run as root; create a user"):
        command.install(config=config, unit=tmp_path / "unit", user="root")
    with pytest.raises(SettingsError, match="there is no user nobody-of-this-name"):
        command.install(config=config, unit=tmp_path / "unit", user="nobody-of-this-name")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_the_data_folder_belongs_to_the_user_of_the_service(config: Path, tmp_path: Path) -> None:
    unit = tmp_path / "unit.service"
    for _ in range(2):  # the second run replaces its own file
        command.install(config=config, unit=unit, user="daemon")
    assert unit.read_text().startswith(MARK)
    data = tmp_path / "mailcase-data"
    assert data.stat().st_uid == pwd.getpwnam("daemon").pw_uid
    unit.write_text("[Unit]\n")
    with pytest.raises(PermanentError, match="not written by Mailcase"):
        command.install(config=config, unit=unit, user="daemon")
    os.chown(data, 0, 0)
    unit.unlink()
    with pytest.raises(PermanentError, match="does not belong to daemon: chown"):
        command.install(config=config, unit=unit, user="daemon")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
@pytest.mark.parametrize("days", [0, 365])
def test_retention_runs_daily_if_a_process_has_it(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int
) -> None:
    config.write_text(SETTINGS.replace("[process.a]\n", f"[process.a]\nretention_days = {days}\n"))
    command.install(config=config, unit=tmp_path / "office.service", user="daemon")
    written = {file.name for file in tmp_path.glob("office*")}
    beside = {"office-retention.service", "office-retention.timer"} if days else set()
    assert written == {"office.service", *beside}
    assert ("enable --now office-retention.timer" in capsys.readouterr().out) == bool(days)
    for name in beside - {"office-retention.timer"}:
        lines = (tmp_path / name).read_text().splitlines()
        assert "User=daemon" in lines
        assert "NoNewPrivileges=yes" in lines
        [start] = [line for line in lines if line.startswith("ExecStart=")]
        assert start.endswith(f"-m services.cli retention --config {config}")
    for name in beside - {"office-retention.service"}:
        assert "OnCalendar=daily" in (tmp_path / name).read_text().splitlines()


@pytest.mark.parametrize("size", ["", "2 G", "-1", "2G\nExecStartPre=x"])
def test_a_size_that_is_none_is_refused(config: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(SettingsError, match="is not a size"):
        command.install(config=config, unit=tmp_path / "u", user="daemon", memory=size)


def test_systemd_hears_of_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert link.recv(100) == b"READY=1"
    notify("STOPPING=1")  # nobody listens
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")
