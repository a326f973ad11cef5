"""Every operation for every kind of caller. The test fails if the matrix lacks an operation."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.stored import Mail
from services.desk.access import Permission
from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.http.endpoint import Endpoint
from tests.asgi import Answer, Client
from tests.integration.desk.conftest import PARKED, OpenCase

Clients = Callable[[str], Client]

# For every operation: what to put into its path, and a body that its validation takes. Case 1 is of
# the process invoices.
REQUESTS: dict[str, tuple[str, Any]] = {
    "list_processes": ("/processes", None),
    "show_me": ("/me", None),
    "list_sessions": ("/sessions", None),
    "end_session": (f"/sessions/{'0' * 64}", None),
    "list_tokens": ("/tokens", None),
    "make_token": ("/tokens", {"name": "Robot", "scopes": ["cases:read"]}),
    "revoke_token": ("/tokens/tok_0", None),
    "list_users": ("/users", None),
    "add_user": ("/users", {"address": "new@office.example", "name": "New"}),
    "patch_user": ("/users/new@office.example", {"name": "Other"}),
    "make_link": ("/users/new@office.example/links", {}),
    "detach_identity": ("/users/new@office.example/identity", None),
    "list_audit_entries": ("/audit", None),
    "list_cases": ("/cases", None),
    "act_on_many": (
        "/cases/bulk",
        {"action": {"action": "close"}, "cases": [{"number": 1, "revision": 1}]},
    ),
    "show_case": ("/cases/1", None),
    "patch_case": ("/cases/1", {"title": "Another"}),
    "show_history": ("/cases/1/history", None),
    "move_case": ("/cases/1/moves", {"stage": "approval"}),
    "assign_case": ("/cases/1/assignments", {"to": "me"}),
    "close_case": ("/cases/1/closures", {}),
    "reopen_case": ("/cases/1/reopenings", {}),
    "merge_case": ("/cases/1/merges", {"into": 2}),
    "unmerge_case": ("/cases/1/merges", None),
    "split_case": ("/cases/1/splits", {"comments": ["a"]}),
    "list_comments": ("/cases/1/comments", None),
    "show_comment": ("/cases/1/comments/a", None),
    "add_note": ("/cases/1/notes", {"text": "A note"}),
    "upload_file": ("/cases/1/uploads?name=a.txt", b"content"),
    "list_answers": ("/cases/1/answers", None),
    "answer_case": ("/cases/1/answers", {"text": "An answer"}),
    "suggest_answer": ("/cases/1/answer-suggestion", None),
    "recall_answer": ("/cases/1/answers/x", None),
    "list_drafts": ("/cases/1/drafts", None),
    "save_draft": ("/cases/1/drafts/note", {"text": "", "revision": 1}),
    "remove_draft": ("/cases/1/drafts/note", None),
    "download_attachment": (f"/cases/1/attachments/{'0' * 64}", None),
    "show_html": ("/cases/1/comments/a/html", None),
    "show_counts": ("/counts", None),
    "list_present": ("/cases/1/presence", None),
    "report_presence": ("/cases/1/presence", {"doing": "reading"}),
    "end_presence": ("/cases/1/presence", None),
    "search": ("/search?q=hello", None),
    "stream_events": ("/events", None),
    "list_webhooks": ("/webhooks", None),
    "add_webhook": ("/webhooks", {"url": "https://hooks.invalid/"}),
    "show_webhook": ("/webhooks/x", None),
    "patch_webhook": ("/webhooks/x", {"state": "disabled"}),
    "remove_webhook": ("/webhooks/x", None),
    "rotate_secret": ("/webhooks/x/secrets", None),
    "list_deliveries": ("/webhooks/x/deliveries", None),
    "show_delivery": ("/webhooks/x/deliveries/y", None),
    "redeliver": ("/webhooks/x/deliveries/y/redeliveries", None),
    "download_original": ("/cases/1/comments/a/original", None),
    "list_views": ("/views", None),
    "add_view": ("/views", {"name": "Mine", "path": "/mine?stage=approval"}),
    "remove_view": ("/views/x", None),
    "export_cases": ("/exports/cases", None),
    "list_parked": ("/parked", None),
    "bulk_parked": ("/parked/bulk", {"action": "retry", "keys": [PARKED]}),
    "show_parked": (f"/parked/{PARKED}", None),
    "download_parked": (f"/parked/{PARKED}/original", None),
    "retry_parked": (f"/parked/{PARKED}/retries", {}),
    "discard_parked": (f"/parked/{PARKED}/discards", {"why": "an advertisement"}),
    "add_parked": (f"/parked/{PARKED}/cases", {"case": 1}),
    "list_dead_letters": ("/dead-letters", None),
    "act_on_dead_letters": ("/dead-letters/bulk", {"action": "retry", "ids": ["0" * 12]}),
    "list_mailboxes": ("/mailboxes", None),
    "test_login": ("/mailboxes/invoices/login-tests", {}),
    "show_flow": ("/flow", None),
}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


async def ask(client: Client, endpoint: Endpoint[Any, Any]) -> Answer:
    path, body = REQUESTS[endpoint.name]
    content = body if isinstance(body, bytes) else b""
    headers = {"if-match": '"r1"'} if endpoint.conditional else {}
    return await client.ask(
        endpoint.method, PREFIX + path, None if content else body, content=content, headers=headers
    )


def test_the_matrix_has_every_operation() -> None:
    assert set(REQUESTS) == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
async def test_access(name: str, client: Clients, opened: OpenCase, parked: Mail) -> None:
    await opened(1)
    await opened(2)
    endpoint = BY_NAME[name]
    for nobody in ("", "revoked"):
        assert (await ask(client(nobody), endpoint)).status == 401, nobody
    if endpoint.permission is None:
        return
    refused = (await ask(client("eve"), endpoint)).status
    assert refused == 403, "no role at all"
    if endpoint.permission is Permission.ADMIN:
        for other in ("anna", "maria", "reading"):
            assert (await ask(client(other), endpoint)).status == 403, other
        assert (await ask(client("ada"), endpoint)).status not in {401, 403}
        return
    if "{" in endpoint.path:
        managing = endpoint.permission is Permission.PARKED
        for other in ("otto",) if managing else ("hans", "helping", "otto"):
            answer = await ask(client(other), endpoint)
            assert answer.status == 404, f"{other} has a role in another process only"
            assert "supplier" not in answer.body.decode()
    if endpoint.permission is not Permission.READ:
        for reader in ("rita", "reading"):
            assert (await ask(client(reader), endpoint)).status == 403, reader
    allowed = "maria" if endpoint.permission is Permission.PARKED else "anna"
    assert (await ask(client(allowed), endpoint)).status not in {401, 403}, allowed


async def test_lists_and_counts_hold_only_what_the_caller_may_see(
    client: Clients, opened: OpenCase
) -> None:
    await opened(1)
    for name, seen in {"anna": [1], "rita": [1], "hans": [], "helping": []}.items():
        page = (await client(name).ask("GET", f"{PREFIX}/cases?total=true")).json()
        assert [case["number"] for case in page["items"]] == seen, name
        assert page["total"] == len(seen), name
        processes = (await client(name).ask("GET", f"{PREFIX}/processes")).json()["items"]
        counted = {
            stage["name"]: stage["open_cases"]
            for process in processes
            if process["name"] == "invoices"
            for stage in process["stages"]
        }
        assert counted.get("registration", 0) == len(seen), name


async def test_a_request_that_another_site_caused_changes_nothing(
    client: Clients, opened: OpenCase
) -> None:
    await opened(1)
    headers = {"if-match": '"r1"'}
    for forged in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://desk.test"},
    ):
        answer = await client("anna").ask(
            "POST", f"{PREFIX}/cases/1/closures", {}, headers=headers | forged
        )
        assert answer.json()["reason"] == "cross-site", forged
    assert (await client("anna").ask("GET", f"{PREFIX}/cases/1")).json()["status"] == "open"
