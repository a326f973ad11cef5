"""Compares Mailcase with django-helpdesk's `get_email`, over IMAP into SQLite, on the same mails in
turns.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Figure, Peer
from benchmarks.speed import Feed
from benchmarks.trials import Everything
from tests.pipeline import PASSWORD

NAME = "django-helpdesk get_email"
_PROGRAM = Path(__file__).with_name("django_helpdesk.py")
_ADDRESS = "helpdesk@example.test"
_MAILS, _OWN_MAILS = 40, 600  # in a round


async def peer(ground: Ground, rounds: int, python: str = sys.executable) -> Peer:
    """`python` is an interpreter that may have django-helpdesk. If it does not, the result says
    so.
    """
    if await asyncio.to_thread(_lacks_helpdesk, python):
        return Peer(NAME, missing=f"{python} has no django-helpdesk: pip install -e '.[bench]'")
    feed = Feed(mail_set("text"))
    rates: list[float] = []
    ratios: list[float] = []
    async with Everything.on(ground.side("mailcase")) as ours, _helpdesk(ground, python) as theirs:
        await ours.run(feed.take(_OWN_MAILS // 4))
        for _ in range(rounds):
            rates.append(await theirs.rate(feed.take(_MAILS)))
            ratios.append((await ours.run(feed.take(_OWN_MAILS))).rate / rates[-1])
    return Peer(NAME, Figure.of(rates), Figure.of(ratios))


def _lacks_helpdesk(python: str) -> bool:
    return (
        subprocess.run(
            [python, "-c", "import helpdesk"], check=False, capture_output=True
        ).returncode
        != 0
    )


class _Helpdesk:
    def __init__(self, ground: Ground, process: asyncio.subprocess.Process) -> None:
        self._ground = ground
        self._process = process
        self._tickets = 0

    async def rate(self, mails: Sequence[bytes]) -> float:
        """Mails per second. Raises RuntimeError unless every mail became a ticket."""
        for mail in mails:
            self._ground.servers.mail.deliver(_ADDRESS, mail)
        seconds, tickets = (await self.ask("go")).split()
        if int(tickets) != self._tickets + len(mails):
            raise RuntimeError(f"{int(tickets) - self._tickets} tickets of {len(mails)} mails")
        self._tickets = int(tickets)
        return len(mails) / float(seconds)

    async def ask(self, line: str = "") -> str:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        if line:
            self._process.stdin.write(f"{line}\n".encode())
        answer = await self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{NAME} ended")
        return answer.decode()


@asynccontextmanager
async def _helpdesk(ground: Ground, python: str) -> AsyncIterator[_Helpdesk]:
    servers = ground.servers
    servers.mail.add_user(_ADDRESS, PASSWORD)
    arguments = [
        str(ground.fresh_folder("helpdesk")),
        str(servers.mail.imap_port),
        _ADDRESS,
        PASSWORD,
    ]
    process = await asyncio.create_subprocess_exec(
        python,
        str(_PROGRAM),
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        helpdesk = _Helpdesk(ground, process)
        await helpdesk.ask()  # `ready`
        yield helpdesk
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
