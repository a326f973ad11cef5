"""Mailboxes and databases of several sizes, the smallest first, to see what grows with them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from benchmarks.baseline.mails import BENCH
from benchmarks.desk.trial import DeskTrial, request_figures
from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.meter import cpu_s, peak_rss_mb
from benchmarks.report.results import VolumeFigure
from benchmarks.speed import Feed
from benchmarks.volume.mailbox import mailbox_figures
from benchmarks.volume.programs import run_module
from benchmarks.volume.records import fill_with_records
from schemas.mails import mail_key

PARTS = ("mailbox", "cases")
_RECORDED = 2_000  # mails that a replay repeats
_REQUESTS_S = 15.0  # of each kind
_PATIENCE_S = 7_200.0
_LOOK_S = 0.2


async def volume_figures(
    ground: Ground,
    sizes: Sequence[int],
    parts: Sequence[str] = PARTS,
    *,
    recorded: int = _RECORDED,
    requests_s: float = _REQUESTS_S,
) -> AsyncIterator[VolumeFigure]:
    """The figures of each size: a mailbox with so many mails, a database with so many cases.

    With each database, the services record and replay `recorded` mails, and people make each kind
    of request for `requests_s` seconds.
    """
    for part in parts:
        for size in sizes:
            figures = (
                mailbox_figures(ground, size)
                if part == "mailbox"
                else _case_figures(ground, size, recorded, requests_s)
            )
            async for figure in figures:
                yield figure


async def _case_figures(
    ground: Ground, cases: int, recorded: int, requests_s: float
) -> AsyncIterator[VolumeFigure]:
    trial = DeskTrial(ground, cases, fill_with_records)
    try:
        load = await trial.load()
        yield VolumeFigure("cases: writing them", cases, load.load_s, "s")
        yield VolumeFigure("cases: the desk's indexes", cases, load.index_s, "s")
        async for figure in _recording(trial, recorded):
            yield figure
        async with trial.running() as desk:
            async for request in request_figures(desk, requests_s):
                yield VolumeFigure(f"{request.what}, p50", cases, request.p50, "ms")
                yield VolumeFigure(f"{request.what}, p95", cases, request.p95, "ms")
            yield VolumeFigure("peak memory of the desk", cases, peak_rss_mb(trial.pids()), "MB")
        async for figure in _sweeps(trial):
            yield figure
        async for figure in _replay(trial):
            yield figure
        async for figure in _command(trial, "audit"):
            yield figure
    finally:
        trial.pipeline.close()


async def _recording(trial: DeskTrial, count: int) -> AsyncIterator[VolumeFigure]:
    """The case writer makes its indexes, then mails pass through all services."""
    pipeline, feed = trial.pipeline, Feed(mail_set("text"))
    writer = pipeline.services(case_writer=1)
    started = asyncio.get_running_loop().time()
    with writer:
        await asyncio.to_thread(writer.wait_until_ready, _PATIENCE_S)
        seconds = asyncio.get_running_loop().time() - started
        yield VolumeFigure("cases: the case writer's indexes", trial.cases, seconds, "s")
    mails = feed.take(count)
    for mail in mails:
        pipeline.servers.mail.deliver(pipeline.mailboxes[BENCH], mail)
    keys = [mail_key(BENCH, mail) for mail in mails]
    services = pipeline.services(fetcher=1, router=1, case_writer=1)
    started = asyncio.get_running_loop().time()
    with services:
        await asyncio.to_thread(services.wait_until_ready, _PATIENCE_S)
        recorded, of_these = pipeline.database["mails"], {"_id": {"$in": keys}}
        async with asyncio.timeout(_PATIENCE_S):
            while recorded.count_documents(of_these) < len(keys):  # noqa: ASYNC110 - the server's state
                await asyncio.sleep(_LOOK_S)
        (pids,) = (process.pids for process in services.all if process.name == "case-writer")
        peak, used_s = peak_rss_mb(pids), cpu_s(pids)
    seconds = asyncio.get_running_loop().time() - started
    what = f"recording {count:,} mails"
    yield VolumeFigure(f"{what}, with the start", trial.cases, seconds, "s")
    yield VolumeFigure(f"{what}: processor time of the case writer", trial.cases, used_s, "s")
    yield VolumeFigure("peak memory of the case writer", trial.cases, peak, "MB")


async def _sweeps(trial: DeskTrial) -> AsyncIterator[VolumeFigure]:
    pipeline = trial.pipeline
    arguments = ["benchmarks.volume.sweeps", pipeline.servers.store.url, pipeline.database_name]
    ran = await asyncio.to_thread(run_module, arguments, pipeline.env)
    printed = ran.output.splitlines()[-1]
    for what, seconds in msgspec.json.decode(printed, type=dict[str, float]).items():
        yield VolumeFigure(what, trial.cases, seconds * 1000, "ms")
    yield VolumeFigure("peak memory of the sweeps", trial.cases, ran.peak_mb, "MB")


async def _replay(trial: DeskTrial) -> AsyncIterator[VolumeFigure]:
    services = trial.pipeline.services(router=1, case_writer=1)
    with services:
        await asyncio.to_thread(services.wait_until_ready, _PATIENCE_S)
        async for figure in _command(trial, "replay", "--rederive", "--rate", "0"):
            yield figure
    async for figure in _command(trial, "replay"):
        yield figure


async def _command(trial: DeskTrial, *words: str) -> AsyncIterator[VolumeFigure]:
    """`mailcase`, which must succeed."""
    pipeline, name = trial.pipeline, f"mailcase {' '.join(words)}"
    arguments = ["services.cli", *words, "--config", str(pipeline.config)]
    ran = await asyncio.to_thread(run_module, arguments, pipeline.env)
    yield VolumeFigure(name, trial.cases, ran.seconds, "s")
    yield VolumeFigure(f"peak memory of {name}", trial.cases, ran.peak_mb, "MB")
