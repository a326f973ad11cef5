"""A small office that runs `mailcase up` under its own user, with the commands that people use."""

import asyncio
import getpass
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.programs import PROGRAMS_VARIABLE
from deploy.local.servers.mail import MailServer
from services.runtime.errors import TransientError
from services.runtime.store.mongo import Store

ROOT = Path(__file__).parents[3]
ADDRESS = "invoices@office.test"
PASSWORD = "secret"
PATIENCE_S = 180.0
SETTINGS = """
[server.private]
protocol = "imap"
host = "localhost"
port = {port}
ca_file = "ca.pem"
delete_after_fetch = false
{more}
[process.invoices]
max_new_cases_per_sender = 0
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "private"
address = "{address}"
password_file = "password"
"""


class Office:
    """A folder with the settings of an office. Everything in it belongs to `user`."""

    def __init__(self, folder: Path, user: str, mail: MailServer, more: str = "") -> None:
        self.folder, self.user = folder, user
        self.config = folder / "mailcase.toml"
        folder.mkdir(mode=0o755)
        self.mail, self._more = mail, more
        self._own(folder)

    def write_settings(self) -> None:
        """Write the settings, with a mailbox on the private mail server."""
        self.mail.add_user(ADDRESS, PASSWORD)
        text = SETTINGS.format(port=self.mail.imaps_port, address=ADDRESS, more=self._more)
        self.config.write_text(text)
        (self.folder / "password").write_text(PASSWORD)
        shutil.copyfile(self.mail.ca_file, self.folder / "ca.pem")
        for file in self.folder.iterdir():
            file.chmod(0o600)
            self._own(file)

    def _own(self, path: Path) -> None:
        entry = pwd.getpwnam(self.user)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def own_all(self, folder: Path) -> None:
        """Make a folder and everything in it the property of the user."""
        for path in (folder, *folder.rglob("*")):
            self._own(path)

    def command(self, *arguments: str | Path) -> list[str]:
        return [interpreter(self.user), "-m", "services.cli", *map(str, arguments)]

    def options(self) -> dict[str, Any]:
        """Options for `subprocess` that run a program as the user of the office."""
        entry = pwd.getpwnam(self.user)
        inherited = {"PATH", "LANG", PROGRAMS_VARIABLE}
        kept = {name: value for name, value in os.environ.items() if name in inherited}
        packages = sysconfig.get_path("purelib")
        own = {"HOME": str(self.folder), "USER": self.user, "PYTHONPATH": f"{ROOT}:{packages}"}
        options: dict[str, Any] = {"cwd": ROOT, "env": {**kept, **own}}
        if self.user != getpass.getuser():
            options |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return options

    def run(self, *arguments: str | Path, timeout_s: float = 1800.0) -> str:
        """Run a command with these settings and return its output. AssertionError if it fails."""
        done = self.attempt(*arguments, timeout_s=timeout_s)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def attempt(
        self, *arguments: str | Path, timeout_s: float = 1800.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with these settings, whether it fails or not."""
        known = () if "restore" in arguments else ("--config", self.config)
        return subprocess.run(
            self.command(*arguments, *known),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            **self.options(),
        )

    @contextmanager
    def up(self, *arguments: str) -> Iterator["RunningOffice"]:
        """Run `mailcase up` until the end of the block; yields when it is ready."""
        output = self.folder / "printed"
        with output.open("ab") as file:
            start = file.tell()
            process = subprocess.Popen(
                self.command("up", *arguments, "--config", self.config),
                stdout=file,
                stderr=subprocess.STDOUT,
                **self.options(),
            )
        running = RunningOffice(self, process, output, start)
        try:
            until(lambda: '"event":"up_ready"' in running.printed, lambda: running.printed[-3000:])
            yield running
        except BaseException:
            print(running.state())
            raise
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE_S)


class RunningOffice:
    """A running `mailcase up`; `printed` is its output so far."""

    def __init__(
        self, office: Office, process: subprocess.Popen[bytes], output: Path, start: int
    ) -> None:
        self.office, self.process = office, process
        self._output, self._start = output, start

    @property
    def printed(self) -> str:
        with self._output.open("rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")

    def state(self) -> str:
        """The end of each server's log, for the report of a failed test."""
        free_mb = shutil.disk_usage(self.office.folder).free // 1_000_000
        lines = [f"up: status {self.process.poll()}; {free_mb} MB of the disk are free"]
        for file in sorted((self.office.folder / "mailcase-data" / "logs").glob("*.log")):
            lines += [f"== {file.name}", file.read_text(errors="replace")[-1500:]]
        return "\n".join(lines)

    @property
    def note(self) -> dict[str, Any]:
        """The file in which `up` publishes its URLs for other commands."""
        note: dict[str, Any] = json.loads(
            (self.office.folder / "mailcase-data" / "up.json").read_bytes()
        )
        return note

    def documents(self, name: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Documents of a collection."""

        async def find() -> list[dict[str, Any]]:
            async with Store.opened(self.note["urls"]["MAILCASE_STORE_URL"], "mailcase") as store:
                return list(await store.collection(name).find(query or {}))

        return asyncio.run(find())

    def count(self, name: str) -> int:
        """The number of documents in a collection; -1 while the database does not respond."""

        async def ask() -> int:
            async with Store.opened(self.note["urls"]["MAILCASE_STORE_URL"], "mailcase") as store:
                return await store.collection(name).count({})

        try:
            return asyncio.run(ask())
        except TransientError:
            return -1

    def until_recorded(self, mails: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this many mails have an outcome."""
        until(
            lambda: self.count("mails") >= mails,
            lambda: f"{self.count('mails')} of {mails} mails; {self.printed[-2000:]}",
            timeout_s,
        )

    def die(self) -> None:
        """Kill `up` like a power failure: no process gets a chance to finish."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


def until(
    condition: Callable[[], object], state: Callable[[], str], timeout_s: float = PATIENCE_S
) -> None:
    """Wait until `condition` holds. AssertionError with the text of `state` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, state()
        time.sleep(0.2)  # another process announces nothing


def letter(number: int, subject: str = "") -> bytes:
    """A mail from a customer of this number, with a Message-ID of this number."""
    return (
        f"From: Customer {number} <customer.{number}@example.test>\r\nTo: {ADDRESS}\r\n"
        f"Subject: {subject or f'Invoice {number}/2026'}\r\nMessage-ID: <{number}@example.test>\r\n"
        f"Date: Mon, 23 Nov 2026 09:15:00 +0100\r\n\r\nInvoice {number} over {number}.00 EUR.\r\n"
    ).encode()


def mbox(path: Path, letters: Sequence[bytes]) -> Path:
    """Write the letters to an mbox file that everyone can read."""
    with path.open("wb") as file:
        for raw in letters:
            file.write(b"From sender Mon Nov 23 09:15:00 2026\n")
            file.write(raw.replace(b"\r\n", b"\n") + b"\n")
    path.chmod(0o644)
    return path


def interpreter(user: str) -> str:
    """A Python of this version that the user may run; that of the tests may be in a private home
    folder.
    """
    if user == getpass.getuser():
        return sys.executable
    return f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
