"""How many files may wait for their note or answer, of each user."""

import asyncio
from collections.abc import Callable

import pytest

from services.casework.refusals import ActionRefusedError
from services.desk.composing import uploads
from services.desk.desk import Desk
from services.runtime.store.blobs import FILES
from tests.asgi import Answer, Client
from tests.integration.desk.conftest import OpenCase

Clients = Callable[[str], Client]
ANNA = "anna@office.example"


async def upload(client: Client, content: bytes, case: int = 1) -> Answer:
    return await client.ask("POST", f"/api/v1/cases/{case}/uploads?name=a.txt", content=content)


async def add_note(client: Client, revision: int, uploaded: list[str]) -> int:
    note = {"text": "See the file.", "uploads": uploaded}
    headers = {"if-match": f'"r{revision}"'}
    return (await client.ask("POST", "/api/v1/cases/1/notes", note, headers=headers)).status


async def test_a_user_has_only_so_many_unused_files(
    client: Clients, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED", 2)
    await opened(1)
    await opened(2)
    anna = client("anna")
    first = (await upload(anna, b"one")).json()["id"]
    assert (await upload(anna, b"two", case=2)).status == 201
    refused = await upload(anna, b"three")
    assert (refused.status, refused.json()["reason"]) == (409, "too-many-uploads")
    assert "two days" in refused.json()["detail"]
    assert (await upload(client("maria"), b"three")).status == 201
    assert await add_note(anna, 1, [first]) == 201
    assert (await upload(anna, b"three")).status == 201


async def test_a_user_has_only_so_many_unused_bytes_with_all_their_tokens(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED_BYTES", 10)
    for owner in (ANNA, "tok_1"):
        await desk.uploads.add(owner, 1, "a.txt", "text/plain", owner[:4].encode(), user=ANNA)
    with pytest.raises(ActionRefusedError, match="MB"):
        await desk.uploads.add("tok_2", 1, "a.txt", "text/plain", b"third", user=ANNA)
    await desk.uploads.add("tok_2", 1, "a.txt", "text/plain", b"3", user=ANNA)


async def test_uploads_at_the_same_moment_do_not_exceed_the_limit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED", 3)

    async def add(number: int) -> None:
        await desk.uploads.add(ANNA, 1, "a.txt", "text/plain", b"%d" % number)

    await asyncio.gather(*map(add, range(12)), return_exceptions=True)
    assert await desk.store.collection("uploads").count({}) <= 3
    assert await desk.store.collection(FILES).count({}) <= 3


async def test_a_refused_file_is_not_stored(
    client: Clients, opened: OpenCase, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED_BYTES", 3)
    await opened(1)
    assert (await upload(client("anna"), b"four")).status == 409
    assert await desk.store.collection(FILES).count({}) == 0
    assert await desk.store.collection("uploads").count({}) == 0
