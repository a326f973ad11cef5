"""Files are read from the database while they are sent."""

import asyncio
import random
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from services.desk.desk import Desk
from services.desk.http.downloads import file_response
from services.runtime.errors import PermanentError
from services.runtime.store.blobs import CHUNK_BYTES, CHUNKS, Blobs
from tests.asgi import Client
from tests.integration.desk.conftest import OpenCase

Clients = Callable[[str], Client]
CONTENT = random.Random(5).randbytes(3 * CHUNK_BYTES + 17)


@pytest.fixture
async def url(desk: Desk, client: Clients, opened: OpenCase) -> str:
    """A file of four chunks."""
    await opened(1)
    anna = client("anna")
    kept = await anna.ask("POST", "/api/v1/cases/1/uploads?name=a.bin", content=CONTENT)
    note = {"text": "See the file.", "uploads": [kept.json()["id"]]}
    noted = await anna.ask("POST", "/api/v1/cases/1/notes", note, headers={"if-match": '"r1"'})
    address: str = noted.json()["comment"]["attachments"][0]["url"]
    return address


async def test_a_file_arrives_whole_and_in_any_part(client: Clients, url: str) -> None:
    whole = await client("anna").ask("GET", url)
    assert (whole.status, whole.body) == (200, CONTENT)
    assert whole.headers["content-length"] == str(len(CONTENT))
    assert whole.headers["vary"] == "Cookie, Authorization"  # no other user's browser cache
    edge = CHUNK_BYTES
    for first, last in ((0, 0), (edge - 1, edge), (edge, 2 * edge - 1), (5, len(CONTENT) - 1)):
        headers = {"range": f"bytes={first}-{last}"}
        part = await client("anna").ask("GET", url, headers=headers)
        assert part.status == 206
        assert part.body == CONTENT[first : last + 1]
        assert part.headers["content-length"] == str(last + 1 - first)
    assert (await client("anna").ask("GET", url, headers={"range": "bytes=-17"})).body == CONTENT[
        -17:
    ]


async def test_an_incomplete_file_is_refused_and_a_damaged_one_does_not_look_complete(
    client: Clients, url: str, desk: Desk
) -> None:
    chunks = desk.store.collection(CHUNKS)
    await chunks.update_all({"n": 1}, {"$set": {"data": b"x" * CHUNK_BYTES}})
    with pytest.raises(PermanentError, match="incomplete"):
        await client("anna").ask("GET", url)
    await chunks.delete({"n": 1})
    assert (await client("anna").ask("GET", url)).status == 409


async def test_of_a_file_that_someone_reads_slowly_little_is_in_memory(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    blob = await desk.blobs.put(CONTENT)
    data = Blobs._data

    async def counted(self: Blobs, *args: Any, **named: Any) -> Any:
        nonlocal read
        async for piece in data(self, *args, **named):
            read += 1
            yield piece

    monkeypatch.setattr(Blobs, "_data", counted)
    response = await file_response(desk.blobs, blob.sha256, "a.bin", "application/pdf")
    reads = asyncio.Event()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await reads.wait()

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    sending = asyncio.create_task(response({"type": "http", "method": "GET"}, receive, send))
    await asyncio.sleep(0.3)
    assert read <= 2
    reads.set()
    await sending
    assert read == 4
