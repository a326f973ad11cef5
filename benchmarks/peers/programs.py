"""Another help desk as a child process that empties a mailbox whenever it is asked to."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import Ground
from benchmarks.meter import cpu_s
from deploy.local.guardian import descendants
from tests.pipeline import PASSWORD


class PeerRound(NamedTuple):
    """Mails per second, and the processor time of a mail in ms, with that of the mail server."""

    rate: float
    cpu_ms: float


class PeerProgram:
    """A program of this folder. Its answers are `ready`, and then, after each run, the seconds that
    it took and the number of its tickets.
    """

    def __init__(
        self,
        ground: Ground,
        name: str,
        address: str,
        process: asyncio.subprocess.Process,
        log: Path,
    ) -> None:
        self.name = name
        self._ground = ground
        self._log = log
        self._address = address
        self._process = process
        self._tickets = 0

    async def run(self, mails: Sequence[bytes]) -> PeerRound:
        """Raises RuntimeError unless every mail became a ticket."""
        for mail in mails:
            self._ground.servers.mail.deliver(self._address, mail)
        before_s = self._cpu_s()
        seconds, tickets = (await self.ask("go")).split()
        cpu_ms = (self._cpu_s() - before_s) * 1000 / len(mails)
        if int(tickets) != self._tickets + len(mails):
            raise RuntimeError(
                f"{self.name}: {int(tickets) - self._tickets} tickets of {len(mails)} mails"
            )
        self._tickets = int(tickets)
        return PeerRound(len(mails) / float(seconds), cpu_ms)

    def _cpu_s(self) -> float:
        """Of the program, its servers and the mail server."""
        pid = self._process.pid
        return cpu_s([pid, *descendants(pid), *self._ground.servers.mail.pids])

    async def ask(self, line: str = "") -> str:
        """The next answer, after this line if there is one. Raises RuntimeError if the program
        ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        if line:
            self._process.stdin.write(f"{line}\n".encode())
        answer = await self._process.stdout.readline()
        if not answer:
            end = self._log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{self.name} ended; its log ends with:\n{end}")
        return answer.decode()


@asynccontextmanager
async def running(
    ground: Ground, name: str, command: Sequence[str | Path]
) -> AsyncIterator[PeerProgram]:
    """The program with a mailbox of its own. It gets the arguments FOLDER, IMAP_PORT, USER and
    PASSWORD; what it prints to standard error is in FOLDER.log.
    """
    mail, folder = ground.servers.mail, ground.fresh_folder("peer")
    address = f"{folder.name}@example.test"
    mail.add_user(address, PASSWORD)
    log_file = folder.with_suffix(".log")
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *map(str, [*command, folder, mail.imap_port, address, PASSWORD]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            program = PeerProgram(ground, name, address, process, log_file)
            await program.ask()  # `ready`
            yield program
        finally:
            if process.stdin is not None:
                process.stdin.close()  # it ends with its input, and its servers with it
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await process.wait()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
