"""The benchmarks run and measure something. Their figures are not checked here."""

import json
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from benchmarks.baseline import work
from benchmarks.environment import Ground
from benchmarks.latency import latencies
from benchmarks.mails import mail_set
from benchmarks.report.chart import chart
from benchmarks.report.results import empty_results
from benchmarks.report.tables import table
from benchmarks.search import searches
from benchmarks.speed import speeds
from benchmarks.touched.trial import touched
from benchmarks.volume.programs import run_module
from benchmarks.volume.records import fill_with_records
from benchmarks.volume.trial import volume_figures
from deploy.local import PrivateServers
from services.case_writer.reading import read_mail


@pytest.fixture
def ground(servers: PrivateServers, server_folder: Path) -> Ground:
    server_folder.mkdir(mode=0o711)
    return Ground(servers, server_folder)


def test_every_mail_of_a_set_is_another_mail_with_an_attachment_of_its_own() -> None:
    mails = list(mail_set("mix").mails(100))

    readings = [read_mail(mail) for mail in mails]
    contents = [attachment.content for reading in readings for attachment in reading.attachments]
    assert len({reading.message_id for reading in readings}) == len({*mails}) == 100
    assert len({*contents}) == len(contents) > 10
    assert [reading.defects for reading in readings if reading.defects] == []


@pytest.mark.parametrize("name", ["text", "html", "pdf", "mix"])
def test_the_necessary_work_gives_the_files_of_every_mail(name: str) -> None:
    for mail, sample in zip(mail_set(name).mails(50), cycle(mail_set(name).samples), strict=False):
        files = work.read(mail, work.pieces_of(sample))
        assert files == [file.content for file in read_mail(mail).attachments]


@pytest.mark.parametrize("trial", ["router", pytest.param("whole path", marks=pytest.mark.slow)])
async def test_a_trial_is_measured_next_to_its_baselines(ground: Ground, trial: str) -> None:
    results = empty_results()

    async for speed in speeds(ground, trial, ["text"], rounds=1, round_s=0.1):
        results.speed.append(speed)

    (speed,) = results.speed
    assert speed.mailcase.rate.median > 0
    assert speed.floor.rate.median > 0
    assert speed.work.rate.median > 0
    assert {"RabbitMQ", "mongod", "Dovecot"} < set(speed.mailcase.cpu_ms) == set(speed.floor.cpu_ms)
    assert trial in table(results)
    assert trial in chart(results)


async def test_searches_are_measured_for_readers_of_all_and_of_one_process(ground: Ground) -> None:
    results = empty_results()
    async for latency in searches(ground, [300]):
        results.search.append(latency)
    assert [row.processes for row in results.search] == [8, 1]
    assert all(0 < row.p50_ms <= row.p95_ms <= row.p99_ms for row in results.search)
    assert "search" in table(results)


@pytest.mark.slow
async def test_the_touches_of_a_mail_are_counted_in_each_service(ground: Ground) -> None:
    results = empty_results()
    results.touched = await touched(ground, 1)

    services = ["fetcher", "router", "case-writer"]
    assert [(row.side, row.service) for row in results.touched] == [
        (side, service) for side in ("mailcase", "work") for service in services
    ]
    fetcher, _, writer, *_ = [row.per_byte for row in results.touched]
    assert fetcher["decrypted"] == pytest.approx(1.0, abs=0.05)
    assert fetcher["hashed"] == pytest.approx(2.0, abs=0.05)  # its key, and its blob
    assert writer["received"] > 1
    assert "mailcase, whole path" in table(results)


@pytest.mark.slow
async def test_a_bare_client_notices_each_mail_before_it_is_recorded(ground: Ground) -> None:
    results = empty_results()
    async for latency in latencies(ground, [0, 0.1], seconds=1):
        results.latency.append(latency)
    for row in results.latency:
        assert 0 < row.notice.p50 < row.total.p50
        assert 0 < row.beyond_notice.p50 < row.total.p50
    assert table(results).count("the mail server's notice") == 2


@pytest.mark.slow
async def test_a_mailbox_and_a_database_of_two_sizes_are_compared(ground: Ground) -> None:
    results = empty_results()
    async for figure in volume_figures(ground, [20, 60], recorded=10, requests_s=0.3):
        results.volume.append(figure)
    small, large = ([row.what for row in results.volume if row.size == size] for size in (20, 60))
    assert small == large
    assert all(row.value > 0 for row in results.volume if row.unit == "MB")
    assert "mailcase audit, s" in table(results)


def test_the_sweeps_are_measured_although_cases_have_become_overdue(
    servers: PrivateServers,
) -> None:
    url, database = servers.store.url, "sweeps"
    fill_with_records(url, database, ["bench"], 20)
    with MongoClient[dict[str, Any]](url, tz_aware=True) as client:
        cases = client[database]["cases"]
        overdue = {"due_at": datetime.now(UTC) - timedelta(seconds=1), "overdue_at": None}
        changed = cases.update_many({"status": "open"}, {"$set": overdue}).modified_count
        assert changed > 0

        ran = run_module(["benchmarks.volume.sweeps", url, database], {})

        assert cases.count_documents({"overdue_at": {"$ne": None}, "status": "open"}) == changed
    assert "overdue sweep" in json.loads(ran.output.splitlines()[-1])
