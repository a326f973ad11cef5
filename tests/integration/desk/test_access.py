"""Every operation for every kind of caller. The test fails if the matrix lacks an operation."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.stored import Attachment, Case, Comment, Mail, to_document
from schemas.stored.desk import DeskSession, Token
from services.desk.access import Permission
from services.desk.accounts.web.cookies import Cookies
from services.desk.accounts.web.wiring import http_authenticator
from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.endpoint import Endpoint
from services.desk.search.index import SearchIndex
from tests.asgi import Answer, Client
from tests.integration.casework.test_casework import mail_key
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

# Who may not do what a permission allows, and who may. anna is a worker, maria a manager and rita a
# reader of the process invoices; hans is a worker and otto a manager of another process; eve has no
# role; ada is an administrator.
REFUSED: Mapping[Permission | None, tuple[str, ...]] = {
    None: (),
    Permission.READ: ("eve",),
    Permission.WORK: ("eve", "rita", "reading"),
    Permission.ANSWER: ("eve", "rita", "reading"),
    Permission.PARKED: ("eve", "rita", "anna", "hans", "reading", "helping"),
    Permission.ADMIN: ("eve", "rita", "anna", "maria", "hans", "otto", "reading", "helping"),
}
ALLOWED: Mapping[Permission | None, tuple[str, ...]] = {
    None: ("eve", "rita", "anna", "maria", "hans", "otto", "ada"),
    Permission.READ: ("rita", "anna", "maria", "reading", "ada"),
    Permission.WORK: ("anna", "maria", "ada"),
    Permission.ANSWER: ("anna", "maria", "ada"),
    Permission.PARKED: ("maria", "ada"),
    Permission.ADMIN: ("ada",),
}
# People who have the permission in another process only.
ELSEWHERE: Mapping[Permission | None, tuple[str, ...]] = {
    Permission.READ: ("hans", "otto", "helping"),
    Permission.WORK: ("hans", "otto", "helping"),
    Permission.ANSWER: ("hans", "otto", "helping"),
    Permission.PARKED: ("otto",),
}


async def ask(client: Client, endpoint: Endpoint[Any, Any]) -> Answer:
    path, body = REQUESTS[endpoint.name]
    content = body if isinstance(body, bytes) else b""
    headers = {"if-match": '"r1"'} if endpoint.conditional else {}
    return await client.ask(
        endpoint.method, PREFIX + path, None if content else body, content=content, headers=headers
    )


def test_the_matrix_has_every_operation() -> None:
    assert set(REQUESTS) == set(BY_NAME)


@pytest.fixture
async def ended(desk: Desk, parked: Mail) -> dict[str, dict[str, str]]:
    """The header fields of an administrator's sessions and tokens that have ended, by name."""
    accounts, past = desk.accounts, datetime.now(UTC) - timedelta(days=1)
    user, _ = await accounts.add_user("ada@office.example", "Ada", [], admin=True, by="test")
    proofs = {}
    for how in ("revoked", "expired"):
        value, session = await accounts.sessions.begin(user, "192.0.2.7", "Firefox")
        text, token = await accounts.tokens.create(how, list(Permission), owner=user.id)
        if how == "revoked":
            await accounts.sessions.revoke({"_id": session.id})
            await accounts.tokens.revoke(token.id)
        for collection, thing in ((DeskSession.COLLECTION, session), (Token.COLLECTION, token)):
            if how == "expired":
                change = {"$set": {"expires_at": past}}
                assert await desk.store.collection(collection).update({"_id": thing.id}, change)
        cookie = f"{Cookies.of(desk.public_url).session}={value}"
        proofs[f"{how} session"] = {"cookie": cookie, "sec-fetch-site": "same-origin"}
        proofs[f"{how} token"] = {"authorization": f"Bearer {text}"}
    return proofs


@pytest.mark.parametrize("name", BY_NAME)
async def test_access(
    name: str,
    client: Clients,
    opened: OpenCase,
    desk: Desk,
    ended: dict[str, dict[str, str]],
) -> None:
    await opened(1)
    await opened(2)
    endpoint = BY_NAME[name]
    assert (await ask(client(""), endpoint)).status == 401, "anonymous"
    real = build_app(desk, http_authenticator(desk))
    for how, headers in ended.items():
        assert (await ask(Client(real, headers), endpoint)).status == 401, how
    refused = REFUSED[endpoint.permission]
    if endpoint.permission is not None:
        refused += (f"without {endpoint.permission}",)
    for other in refused:
        assert (await ask(client(other), endpoint)).status == 403, other
    if "{" in endpoint.path:
        for other in ELSEWHERE.get(endpoint.permission, ()):
            answer = await ask(client(other), endpoint)
            assert answer.status == 404, f"{other} has a role in another process only"
            assert "supplier" not in answer.body.decode()
    for allowed in ALLOWED[endpoint.permission]:
        assert (await ask(client(allowed), endpoint)).status not in {401, 403}, allowed


@pytest.mark.parametrize("name", ["hans", "otto", "helping"])
async def test_nothing_of_another_process_is_found_by_any_door(
    name: str, client: Clients, opened: OpenCase, desk: Desk, parked: Mail
) -> None:
    await opened(1, title="Secret invoice")
    await opened(3, process="help", stage="new", title="Help")
    key, blob = mail_key(1, "a"), await desk.blobs.put(b"a secret file")
    file = Attachment(
        name="secret.txt",
        content_type="text/plain",
        size=13,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
    )
    change = {"attachments": [to_document(file)], "original": blob.sha256, "html": "<p>secret</p>"}
    await desk.store.collection(Comment.COLLECTION).update({"_id": key}, {"$set": change})
    past = datetime.now(UTC) - timedelta(hours=1)
    await desk.store.collection(Case.COLLECTION).update_all({}, {"$set": {"updated_at": past}})
    await SearchIndex(desk.store).rebuild(lambda _done, _known: None)
    doors = [
        f"/cases/{number}/{path}"
        for number in (1, 3)
        for path in (
            f"attachments/{blob.sha256}",
            f"comments/{key}",
            f"comments/{key}/html",
            f"comments/{key}/original",
        )
    ]
    doors += ["/cases/1", "/cases/1/history", "/cases/1/comments", "/cases/1/answer-suggestion"]
    doors += [f"/parked/{PARKED}", f"/parked/{PARKED}/original"]
    for door in doors:
        answer = await client(name).ask("GET", PREFIX + door)
        assert answer.status in ({403, 404} if "parked" in door else {404}), door
        assert b"ecret" not in answer.body, door
    mine = client(name)
    exported = (await mine.ask("GET", f"{PREFIX}/exports/cases")).body.splitlines()
    assert [json.loads(line)["number"] for line in exported] == [3]
    found = (await mine.ask("GET", f"{PREFIX}/search?q=hello")).json()
    assert {hit["case"] for hit in found["items"]} == {3}
    counts = (await mine.ask("GET", f"{PREFIX}/counts")).json()
    assert counts["todo"] == 1
    assert (await client("anna").ask("GET", PREFIX + doors[0])).body == b"a secret file"


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
