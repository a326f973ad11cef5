"""The program and the commands in docs/api.md, with a running desk."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.stored import Case
from services.desk.accounts.web.wiring import http_authenticator
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.server import serve
from services.runtime.process.lifecycle import Stop
from tests.integration.desk.conftest import OpenCase

DOCS = Path(__file__).parents[3] / "docs"
PROGRAM = DOCS / "examples/note_overdue.py"
URL = "http://127.0.0.1:8080"  # of the page
COMMANDS = re.findall(r"^curl (?:.*\\\n)*.*$", (DOCS / "api.md").read_text(), re.MULTILINE)


@asynccontextmanager
async def running(desk: Desk, scopes: Sequence[str]) -> AsyncIterator[dict[str, str]]:
    """Serve the desk during the block. Yields its URL and a token as environment variables."""
    token, _ = await desk.accounts.make_token(
        "overdue-bot", scopes, owner=None, processes=None, roles=None, lifetime=None, by="test"
    )
    stop = Stop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = build_app(desk, http_authenticator(desk))
        serving = asyncio.ensure_future(serve(app, listener, stop))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield os.environ | {"MAILCASE_URL": url, "MAILCASE_TOKEN": token, "token": token}
        finally:
            stop.request()
            await serving


async def output_of(command: Sequence[str], env: dict[str, str]) -> str:
    ran = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, check=True
    )
    return ran.stdout + ran.stderr


async def test_overdue_cases_get_one_note_however_often_the_program_runs(
    desk: Desk, opened: OpenCase
) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for number in (1, 2):
        await opened(number, due_at=past)
    await desk.store.collection(Case.COLLECTION).update({"_id": 1}, {"$set": {"overdue_at": past}})
    async with running(desk, ["cases:read", "cases:work"]) as env:
        for _ in range(2):
            assert "[#1]" in await output_of([sys.executable, str(PROGRAM)], env)
    notes = [
        comment
        for number in (1, 2)
        for comment in await desk.reader.comments(number, [], limit=10)
        if comment.kind == "note"
    ]
    assert [(note.case, note.text) for note in notes] == [(1, f"Overdue since {past:%Y-%m-%d}.")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_commands_of_the_page_do_what_it_says(desk: Desk, opened: OpenCase) -> None:
    await opened(235)
    answers = []
    async with running(desk, ["cases:read", "cases:work"]) as env:
        for command in COMMANDS:
            ready = command.replace(URL, env["MAILCASE_URL"]).replace("r17", "r1")
            answers.append(json.loads(await output_of(["sh", "-c", ready], env)))
    listed, shown, moved = answers
    assert [case["number"] for case in listed["items"]] == [235]
    assert (shown["number"], shown["revision"]) == (235, 1)
    assert (moved["stage"], moved["revision"]) == ("approval", 2)
