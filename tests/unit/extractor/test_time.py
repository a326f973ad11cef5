"""The time limit for the documents of a mail, and how time in the database counts."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from schemas.flags import InvoiceFlag
from services.extractor.mail import File, RecordedMail
from services.extractor.reading.invoice import ReadDocument
from services.extractor.service import Extractor
from services.runtime.errors import TransientError
from services.runtime.settings import Field, FieldSource, Process, Settings, Stage

LIMIT_S = 4.0
FILES = tuple(File(f"{name}.xml", "text/xml", 10, name * 64, name) for name in "ab")


class SlowServers:
    """A database that takes `content_s` for each file, and a reader that takes no time."""

    def __init__(self, content_s: float) -> None:
        self.now_s = 0.0
        self.content_s = content_s
        self.allowed_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    async def find(self, mail_key: str) -> RecordedMail | None:
        now = datetime(2026, 11, 29, tzinfo=UTC)
        return RecordedMail(mail_key, 1, "invoices", now, "", "", "", "", FILES)

    async def content(self, blob: str) -> bytes | None:
        self.now_s += self.content_s
        return blob.encode()

    async def read(
        self, name: str, content_type: str, data: bytes, *, max_seconds: float
    ) -> list[ReadDocument]:
        assert (name, content_type, data) != ("", "", b"")
        self.allowed_s.append(max_seconds)
        return []


def extractor(servers: SlowServers, monkeypatch: pytest.MonkeyPatch) -> Extractor:
    monkeypatch.setattr("services.extractor.service.time.monotonic", servers.monotonic)
    number = Field(name="n", sources=(FieldSource(source="invoice", value="number"),))
    stages = (Stage(name="new", initial=True),)
    process = Process(name="invoices", title="Invoices", stages=stages, fields=(number,))
    limits = SimpleNamespace(max_seconds=LIMIT_S, max_document_bytes=1_000)
    settings = SimpleNamespace(processes={"invoices": process}, mailboxes={}, extractor=limits)
    return Extractor(servers, servers, cast("Settings", settings))


async def test_a_slow_database_leaves_some_time_for_each_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = SlowServers(content_s=0.9 * LIMIT_S)
    read = await extractor(servers, monkeypatch).read("mail")
    assert read is None or InvoiceFlag.EXTRACTION_LIMIT.value not in read.flags
    assert [allowed_s >= 0.1 for allowed_s in servers.allowed_s] == [True, True]


async def test_an_outage_of_the_database_says_nothing_of_a_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = SlowServers(content_s=LIMIT_S + 1)
    with pytest.raises(TransientError, match="the database took"):
        await extractor(servers, monkeypatch).read("mail")
