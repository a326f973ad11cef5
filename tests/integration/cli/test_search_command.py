"""`mailcase search rebuild` on a real database."""

import asyncio
import uuid
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from schemas.stored.search import SearchEntry
from services.cli import main
from services.desk.search.query import CaseSearch
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import mail_key, open_case
from tests.integration.cli.test_case_commands import SETTINGS


def test_a_rebuild_finds_everything_again_and_says_how_much(
    servers: PrivateServers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = f"test_{uuid.uuid4().hex[:12]}"
    config = tmp_path / "mailcase.toml"
    config.write_text(SETTINGS.format(database=database))
    monkeypatch.setenv("MAILCASE_STORE_URL", servers.store.url)

    async def prepare() -> None:
        async with Store.opened(servers.store.url, database) as store:
            for number in (1, 2):
                await open_case(store, number)

    async def found() -> tuple[list[str | None], int]:
        async with Store.opened(servers.store.url, database) as store:
            hits = (await CaseSearch(store).search("hello", ["invoices"])).hits
            count = await store.collection(SearchEntry.COLLECTION).count({})
            return [hit.comment for hit in hits], count

    asyncio.run(prepare())
    for arguments, printed in (
        ([], "indexed 4 cases and comments\n"),
        (["--json"], '{"entries":4}\n'),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["search", "rebuild", *arguments, "--config", str(config)])
        assert not ended.value.code
        assert capsys.readouterr().out == printed
    comments, count = asyncio.run(found())
    assert sorted(map(str, comments)) == [mail_key(1, "a"), mail_key(2, "a")]
    assert count == 4
