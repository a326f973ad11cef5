"""Hostile files: no value is taken, the file is flagged, and reading takes at most 5 s
and 300 MB.
"""

import json
import subprocess
import sys

import pytest

from services.extractor.reading.documents import read_documents
from tests.invoices.hostile import PDF, XML

MAX_SECONDS = 5.0
MAX_BYTES = 300_000_000
_PROGRAM = """
import json, re, sys, time
from pathlib import Path
from services.extractor.reading.documents import read_documents
from tests.invoices import hostile
makers = hostile.XML | hostile.PDF
for name in sys.argv[1:]:
    data = makers[name]()
    started = time.process_time()
    documents = read_documents("invoice.xml", "application/xml", data)
    print(json.dumps({
        "name": name,
        "seconds": time.process_time() - started,
        "taken": sum(document.invoice is not None for document in documents),
        "flags": [flag for document in documents for flag in document.flags],
        # Not ru_maxrss, which a process takes over from the one that started it.
        "bytes": int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024,
    }))
"""


def test_hostile_files_give_flags_and_no_value_within_5_s_and_300_mb() -> None:
    names = [*XML, *PDF]
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *names], capture_output=True, text=True, check=False
    )
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [result["name"] for result in results] == names, ran.stderr[-2000:]
    assert [result for result in results if result["taken"]] == []
    assert [result["name"] for result in results if not result["flags"]] == []
    assert [result for result in results if result["seconds"] > MAX_SECONDS] == []
    assert max(result["bytes"] for result in results) < MAX_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html><body>Invoice</body></html>",
        b'<?xml version="1.0"?><!DOCTYPE svg SYSTEM "svg.dtd"><svg/>',
        b"<html><body><p>not closed",
        b"<",
        b"",
        b"\x89PNG",
    ],
)
def test_other_files_are_no_invoices_and_are_not_flagged(data: bytes) -> None:
    assert read_documents("a", "text/html", data) == []
