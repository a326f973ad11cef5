"""A fetcher that finds a mailbox with very many mails."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.meter import peak_rss_mb
from benchmarks.report.results import VolumeFigure
from benchmarks.trials import Fetching

FETCHED = 20_000
PATIENCE_S = 1_800.0
_LOOK_S = 0.01


class _Waiting(Fetching):
    """The fetcher starts when the mailbox is full."""

    services = ()


async def mailbox_figures(ground: Ground, mails: int) -> AsyncIterator[VolumeFigure]:
    """The time to the first mail, the rate of the first `FETCHED`, and the peak memory."""
    async with _Waiting.on(ground.side("mailcase")) as trial:
        trial.side.deliver(b"")  # makes the folders
        await asyncio.to_thread(_deliver, trial.side.maildir, mail_set("text").mails(mails))
        fetched = min(mails, FETCHED)
        started = time.monotonic()
        async with trial.side.running(Fetching.services):
            while len(trial.seen) < fetched:
                if time.monotonic() > started + PATIENCE_S:
                    raise TimeoutError(f"{len(trial.seen)} mails were fetched")
                await asyncio.sleep(_LOOK_S)
            groups = trial.side.groups()
            peaks = {name: peak_rss_mb(groups[name]()) for name in ("fetcher", "Dovecot")}
    first, *_, last = sorted(trial.seen)[:fetched]
    yield VolumeFigure("mailbox: start to the first mail", mails, first - started, "s")
    yield VolumeFigure("mailbox: rate of fetching", mails, fetched / (last - first), "mails/s")
    for name, peak in peaks.items():
        yield VolumeFigure(f"mailbox: peak memory of {name}", mails, peak, "MB")


def _deliver(maildir: Path, mails: Iterable[bytes]) -> None:
    """Write mails into a Maildir that nobody reads yet."""
    (made,) = (maildir / "new").iterdir()
    owner, began_s = made.stat(), int(time.time())
    made.unlink()
    for number, mail in zip(itertools.count(), mails):
        file = f"{maildir}/new/{began_s + number // 1_000_000}.M{number % 1_000_000:06d}.localhost"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(mail)
            os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
