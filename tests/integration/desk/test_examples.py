"""The program in docs/api.md, with a running desk."""

import asyncio
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.stored import Case
from services.desk.accounts.web.wiring import http_authenticator
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.server import serve
from services.runtime.process.lifecycle import Stop
from tests.integration.desk.conftest import OpenCase

PROGRAM = Path(__file__).parents[3] / "docs/examples/note_overdue.py"


async def test_overdue_cases_get_one_note_however_often_the_program_runs(
    desk: Desk, opened: OpenCase
) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for number in (1, 2):
        await opened(number, due_at=past)
    await desk.store.collection(Case.COLLECTION).update({"_id": 1}, {"$set": {"overdue_at": past}})
    made = await desk.accounts.make_token(
        "overdue-bot",
        ["cases:read", "cases:work"],
        owner=None,
        processes=None,
        roles=None,
        lifetime=None,
        by="test",
    )
    stop = Stop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(
            serve(build_app(desk, http_authenticator(desk)), listener, stop)
        )
        env = os.environ | {"MAILCASE_URL": f"http://127.0.0.1:{port}", "MAILCASE_TOKEN": made[0]}
        try:
            for _ in range(2):
                ran = await asyncio.to_thread(
                    subprocess.run,
                    [sys.executable, str(PROGRAM)],
                    env=env,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert "[#1]" in ran.stdout + ran.stderr
        finally:
            stop.request()
            await serving
    notes = [
        comment
        for number in (1, 2)
        for comment in await desk.reader.comments(number, [], limit=10)
        if comment.kind == "note"
    ]
    assert [(note.case, note.text) for note in notes] == [(1, f"Overdue since {past:%Y-%m-%d}.")]
