"""`mailcase up` as a person starts it: other commands find it, it is the only one, recovers from
crashes, and can move.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.guardian import descendants
from deploy.local.processes import living
from deploy.local.programs import PROGRAMS_VARIABLE
from services.cli.up.cores import usable_cores
from tests.integration.local.test_local_processes import cmdline, started_by
from tests.integration.local.test_local_processes import listening_addresses as listening
from tests.sample_mails import new_mails

PATIENCE_S = 90.0
ROOT = Path(__file__).parents[2]
SETTINGS = """
[server.private]
protocol = "imap"
host = "localhost"
port = {port}
ca_file = "{ca_file}"
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "private"
address = "up@example.test"
password_file = "password"
"""


class Up:
    """A running `mailcase up`, and its output."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def printed(self) -> str:
        return self._output.read_text()

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, f"{what}: {self.printed}"
            time.sleep(0.05)  # the program does not announce its output

    def until_printed(self, text: str) -> None:
        self.until(lambda: text in self.printed, f"prints {text!r}")

    def kill_9(self, program: bytes) -> None:
        """Send SIGKILL to the one process of `up` that runs this program."""
        [pid] = [
            pid
            for pid in descendants(self.process.pid)
            if program in cmdline(pid).split(b"\0")[0] and b"guardian.py" not in cmdline(pid)
        ]
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0, self.printed


@contextmanager
def up(config: Path, **environ: str) -> Iterator[Up]:
    """Started from another folder; yields when it is ready."""
    output = config.with_name("printed")
    command = [sys.executable, "-m", "services.cli", "up", "--config", str(config)]
    with (
        output.open("wb") as file,
        subprocess.Popen(
            command, env=environment(**environ), stdout=file, stderr=subprocess.STDOUT, cwd=ROOT
        ) as process,
    ):
        try:
            running = Up(process, output)
            running.until_printed('"event":"up_ready"')
            yield running
        finally:
            if process.poll() is None:
                process.terminate()


def environment(**environ: str) -> dict[str, str]:
    own = {
        name: value
        for name, value in os.environ.items()
        if name == PROGRAMS_VARIABLE or not name.startswith("MAILCASE_")
    }
    return {**own, **environ}


def mailcase(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *map(str, arguments)]
    return subprocess.run(
        command,
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def config(servers: PrivateServers, tmp_path: Path) -> Path:
    servers.mail.add_user("up@example.test", "secret")
    file = tmp_path / "here" / "mailcase.toml"
    file.parent.mkdir()
    file.write_text(SETTINGS.format(port=servers.mail.imaps_port, ca_file=servers.mail.ca_file))
    (file.parent / "password").write_text("secret")
    for number, sample in enumerate(new_mails(3), 1):
        (file.parent / f"{number}.eml").write_bytes(sample.raw)
    return file


def size_of(folder: Path) -> int:
    """The size of a folder in bytes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def ingest(config: Path, number: int, to: Path | None = None) -> str:
    """Ingest a mail from the folder of `config`, by default with these settings."""
    file = config.with_name(f"{number}.eml")
    done = mailcase("ingest", file, "--process", "invoices", "--config", to or config)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_up_listens_on_loopback_restarts_its_servers_and_resumes_in_a_moved_folder(
    config: Path, tmp_path: Path
) -> None:
    with up(config) as running:
        started = started_by(running.process.pid)
        assert "opened case 1" in ingest(config, 1)
        refused = mailcase("up", "--config", config, "--data", tmp_path / "elsewhere")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"as process {running.process.pid}" in refused.stderr
        addresses = listening(descendants(running.process.pid))
        assert len(addresses) >= 8  # AMQP, distribution, epmd, mongod, and four services
        assert set(addresses) <= {"0100007F", "00000000000000000000000001000000"}
        for program, name in ((b"mongod", "store"), (b"beam.smp", "broker")):
            running.kill_9(program)
            running.until_printed(f"{name} ended by itself (killed; ")
            running.until_printed(f"{name} runs again")
        assert "opened case 2" in ingest(config, 2)
        data = config.parent / "mailcase-data"
        assert size_of(data) < 120_000_000
        running.until(lambda: mailcase("status", "--config", config).returncode == 0, "is ready")
        status = json.loads(mailcase("status", "--json", "--config", config).stdout)
        names = {service["name"].removesuffix("-1") for service in status["services"]}
        assert names >= {"fetcher", "router", "case-writer", "sender"}
        assert (status["parked"], status["pid"]) == (0, running.process.pid)
        urls = json.loads((data / "up.json").read_bytes())["urls"]
        backups = tmp_path / "backups"
        done = mailcase("backup", "--to", backups, "--config", config)
        assert "verified" in done.stdout, done.stderr
        stopped = mailcase("down", "--config", config)
        assert stopped.stdout == f"stopped (process {running.process.pid})\n"
        assert running.process.wait(PATIENCE_S) == 0
        events = [json.loads(line) for line in running.printed.splitlines()]
        chosen = [event for event in events if event["event"] == "replicas"]
        assert [event["cores"] for event in chosen] == [usable_cores()]
    assert not living(started)
    assert mailcase("down", "--config", config).returncode == 0
    assert mailcase("status", "--config", config).returncode == 1
    secrets = [(data / "secrets" / name).read_bytes() for name in ("broker", "store", "store.key")]
    logs = b"".join(file.read_bytes() for file in (data / "logs").iterdir())
    printed = running.printed.encode()
    assert not [secret for secret in secrets if secret in logs or secret in printed]
    assert not (data / "up.json").exists()

    moved = tmp_path / "there" / "mailcase.toml"
    shutil.move(config.parent, moved.parent)
    with up(moved, **urls) as running:  # from a shell with the URLs of the run before
        assert (
            f"MAILCASE_STORE_URL names the private server of {moved.parent / 'mailcase-data'}"
            in running.printed
        )
        shown = mailcase("case", "show", "2", "--config", moved)
        assert shown.stdout.startswith("Case [#2]"), shown.stderr
        assert "opened case 3" in ingest(moved, 3)
        running.stop()
    assert not config.parent.exists()

    [backup] = backups.iterdir()
    done = mailcase("restore", backup, "--to", tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    restored = tmp_path / "restored" / "mailcase.toml"
    with up(restored) as running:
        again = mailcase("case", "show", "2", "--config", restored)
        assert again.stdout == shown.stdout
        assert "opened case 3" in ingest(moved, 3, restored)
        audit = mailcase("audit", "--config", restored)
        assert audit.returncode == 0, audit.stdout
        running.stop()
