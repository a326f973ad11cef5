"""Hostile documents, from the mailbox to the case: no value is taken, and every service keeps
running.
"""

import gzip
import io
import re
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.services import ServiceProcess
from tests.e2e import fields
from tests.e2e.test_fields import address, case_of, until_case, until_extracted
from tests.invoices.hostile import PDF, XML
from tests.invoices.ksef import NAMESPACES
from tests.pipeline import Pipeline

SERVICES = {"fetcher": 1, "router": 1, "case_writer": 1, "extractor": 1}
MAX_BYTES = 300_000_000
MAX_SECONDS = 5.0
GIGABYTE = 1_000_000_000
SHORT = (
    "doctype in UTF-16", "doctype in UTF-16 big-endian", "doctype in UTF-7", "doctype in EBCDIC",
    "billion laughs", "external entity", "200,000 levels", "50,000 corrected invoices",
    "1 GB by compression", "10,000 attachments", "encrypted", "references in a circle",
)  # fmt: skip


def _zip() -> bytes:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("invoice.xml", "w") as entry,
    ):
        for _ in range(GIGABYTE // 10_000_000):
            entry.write(b" " * 10_000_000)
    return target.getvalue()


def _gzip() -> bytes:
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb") as stream:
        for _ in range(GIGABYTE // 10_000_000):
            stream.write(b" " * 10_000_000)
    return target.getvalue()


# Archives are not opened, so nothing is flagged either.
ARCHIVES: dict[str, Callable[[], bytes]] = {"1 GB in a zip": _zip, "1 GB in a gz": _gzip}


@contextmanager
def watched_memory(process: ServiceProcess) -> Iterator[list[int]]:
    """Record the peak memory of each process of a service, in bytes, while it runs."""
    peaks: dict[int, int] = {}
    largest: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            for pid in process.pids:
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue  # it has ended
                if found := re.search(r"VmHWM:\s+(\d+)", status):
                    peaks[pid] = int(found[1]) * 1024

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        is_over.set()
        thread.join()
        largest += sorted(peaks.values())


def slow_extractions(process: ServiceProcess) -> tuple[int, int]:
    """How many mails were read, and how many of them took longer than MAX_SECONDS."""
    _, page = process.get("/metrics")
    (family,) = (
        family
        for family in text_string_to_metric_families(page)
        if family.name == "mailcase_extraction_seconds"
    )
    counts = {sample.labels.get("le"): int(sample.value) for sample in family.samples
              if sample.name.endswith("_bucket")}  # fmt: skip
    return counts["+Inf"], counts["+Inf"] - counts["5.0"]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([*SHORT], id="short"),
        pytest.param([*XML, *PDF, *ARCHIVES, "10,000 files"], id="all", marks=pytest.mark.slow),
    ],
)
def test_hostile_documents_are_flagged_and_everything_stands(
    pipeline: Pipeline, names: list[str]
) -> None:
    fields.declare_fields(pipeline, "invoices")
    good = fields.mail(address(pipeline), "Good", files=[fields.document(fields.facts(1), "cii")])
    mails = {name: hostile_mail(pipeline, name) for name in names}
    with pipeline.services(**SERVICES) as services:
        services.wait_until_ready()
        (extractor,) = services.named("extractor")
        with watched_memory(extractor) as peaks:
            started = time.monotonic()
            pipeline.append("invoices", [*mails.values(), good])
            pipeline.until_recorded(len(mails) + 1, patience_s=300)
            until_case(pipeline, good, fields=True)
            until_extracted(pipeline)
            elapsed_s = time.monotonic() - started
        assert extractor.get("/readyz")[0] == 200
        read, slow = slow_extractions(extractor)
        assert not [line for line in extractor.log_file.read_text().splitlines()
                    if "extraction_failed" in line]  # fmt: skip
    cases = {name: case_of(pipeline, "invoices", raw) for name, raw in mails.items()}
    assert [name for name, case in cases.items() if case is None] == []
    taken = {name: case["fields"] for name, case in cases.items() if case and case["fields"]}
    assert taken == {}
    quiet = {name for name, case in cases.items() if case and not case["flags"]}
    assert quiet - set(ARCHIVES) == set()
    assert read >= len(mails) + 1
    assert slow == 0
    assert peaks[-1] < MAX_BYTES
    sys.stdout.write(f"{len(mails)} hostile mails in {elapsed_s:.0f} s; peak {peaks[-1]:,} bytes\n")


def hostile_mail(pipeline: Pipeline, name: str) -> bytes:
    makers = XML | PDF | ARCHIVES
    if name == "10,000 files":
        head = f'<Faktura xmlns="{NAMESPACES[3]}"><Fa><P_2>FV/1</P_2>{"<a>" * 100}'
        files = [(f"{head}{n}".encode(), "invoice.xml") for n in range(10_000)]
    else:
        files = [(makers[name](), "invoice.pdf" if name in PDF else "invoice.xml")]
    sender = f"eve{abs(hash(name))}@evil.example"
    return fields.mail(address(pipeline), name, files=files, sender=sender)
