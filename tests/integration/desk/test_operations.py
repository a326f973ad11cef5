"""Parked mails, mailboxes, flow, exports and bulk actions by the HTTP API."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from schemas.stored import Attachment, Case, Comment, Mail, MailboxState, to_document
from services.desk.access import Principal
from services.desk.api.cases import exports
from services.desk.app import build_app
from services.desk.desk import Desk
from services.runtime.broker.messages import Outgoing
from tests.asgi import Client
from tests.integration.casework.test_casework import mail_key
from tests.integration.desk.conftest import (
    PARKED,
    PARKED_MAIL,
    PEOPLE,
    KnownPeople,
    OpenCase,
)

Clients = Callable[[str], Client]


async def test_a_parked_mail_says_why_and_what_the_rules_of_today_would_do(
    client: Clients, parked: Mail
) -> None:
    maria = client("maria")
    listed = (await maria.ask("GET", "/api/v1/parked")).json()["items"]
    assert [(mail["author"], mail["subject"]) for mail in listed] == [
        ("jan@supplier.example", "Invoice 17")
    ]
    shown = (await maria.ask("GET", f"/api/v1/parked/{PARKED}")).json()
    assert shown["reason"] == "spam"
    assert shown["evidence"] == ["X-Spam-Flag: YES"]
    assert shown["text"].strip() == "Please pay."
    assert shown["today"]["action"] == "open"
    whole = await maria.ask("GET", f"/api/v1/parked/{PARKED}/original")
    assert whole.body == PARKED_MAIL
    assert whole.headers["content-disposition"].startswith("attachment")


async def test_a_discarded_mail_is_ignored_and_says_who_discarded_it(
    client: Clients, parked: Mail
) -> None:
    maria = client("maria")
    done = await maria.ask("POST", f"/api/v1/parked/{PARKED}/discards", {"why": "an advertisement"})
    assert done.status == 204
    assert (await maria.ask("GET", "/api/v1/parked")).json()["items"] == []
    ignored = (await maria.ask("GET", "/api/v1/parked?ignored=true")).json()["items"]
    assert [mail["key"] for mail in ignored] == [PARKED]
    shown = (await maria.ask("GET", f"/api/v1/parked/{PARKED}")).json()
    assert shown["discarded"]["by"] == "maria@office.example"


async def test_of_many_mails_each_has_a_result(client: Clients, parked: Mail) -> None:
    body = {"action": "discard", "why": "tests", "keys": [PARKED, "0" * 64]}
    results = (await client("maria").ask("POST", "/api/v1/parked/bulk", body)).json()["items"]
    assert [result["accepted"] for result in results] == [True, False]


async def test_without_a_broker_a_retry_is_refused_and_nothing_is_lost(
    client: Clients, parked: Mail
) -> None:
    answer = await client("maria").ask("POST", f"/api/v1/parked/{PARKED}/retries", {})
    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert len((await client("maria").ask("GET", "/api/v1/parked")).json()["items"]) == 1


async def test_a_mailbox_without_a_status_report_is_unread(client: Clients, desk: Desk) -> None:
    states = desk.store.collection(MailboxState.COLLECTION)
    maria = client("maria")
    mailbox = (await maria.ask("GET", "/api/v1/mailboxes")).json()["items"][0]
    assert (mailbox["name"], mailbox["state"]) == ("invoices", "unread")
    now = datetime.now(UTC)
    state = MailboxState(
        id="invoices",
        at=now,
        reader="host",
        waiting=3,
        oldest_at=now - timedelta(hours=1),
        last_success_at=now,
        failure=None,
    )
    await states.insert([to_document(state)])
    mailbox = (await maria.ask("GET", "/api/v1/mailboxes")).json()["items"][0]
    assert (mailbox["state"], mailbox["waiting"], mailbox["failure"]) == ("up", 3, None)
    await states.update({}, {"$set": {"failure": "log-in: wrong password", "hint": "set it"}})
    mailbox = (await maria.ask("GET", "/api/v1/mailboxes")).json()["items"][0]
    assert (mailbox["state"], mailbox["hint"], mailbox["waiting"]) == ("down", "set it", 3)
    never = {"waiting": 0, "oldest_at": None, "last_success_at": None}
    await states.update({}, {"$set": never})
    mailbox = (await maria.ask("GET", "/api/v1/mailboxes")).json()["items"][0]
    assert (mailbox["state"], mailbox["waiting"]) == ("down", None)
    await states.update({}, {"$set": {"at": now - timedelta(minutes=5)}})
    mailbox = (await maria.ask("GET", "/api/v1/mailboxes")).json()["items"][0]
    assert mailbox["state"] == "unread"


async def test_a_log_in_that_fails_says_why(client: Clients) -> None:
    answer = await client("maria").ask("POST", "/api/v1/mailboxes/invoices/login-tests", {})
    assert answer.status == 200
    report = answer.json()
    assert not report["ok"]
    assert report["detail"]
    assert "secret" not in answer.body.decode()


async def test_the_flow_counts_outcomes_by_the_hour(client: Clients, parked: Mail) -> None:
    flow = (await client("maria").ask("GET", "/api/v1/flow")).json()
    assert len(flow["hours"]) == 24
    assert sum(hour["parked"] for hour in flow["hours"]) == 1
    assert (flow["parked"], flow["recorded_per_minute"]) == (1, 0.2)
    assert flow["parked_since"].startswith(f"{parked.recorded_at:%Y-%m-%dT%H:%M:%S}")
    assert (flow["outgoing"], flow["outgoing_since"], flow["sent_per_minute"]) == (0, None, 0.0)
    assert "extractor.work" in {queue["name"] for queue in flow["queues"]}
    assert {queue["messages"] for queue in flow["queues"]} == {None}  # no broker here
    other = (await client("otto").ask("GET", "/api/v1/flow")).json()
    assert sum(hour["parked"] for hour in other["hours"]) == 0


async def test_an_export_resumes_behind_its_last_line(
    client: Clients, opened: OpenCase, desk: Desk
) -> None:
    cases = desk.store.collection(Case.COLLECTION)
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for number in range(1, 6):
        await opened(number)
        at = past + timedelta(seconds=number // 2)
        await cases.update({"_id": number}, {"$set": {"updated_at": at}})
    anna = client("anna")

    async def exported(cursor: str = "") -> list[dict[str, object]]:
        answer = await anna.ask("GET", "/api/v1/exports/cases" + cursor)
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.body.splitlines()]

    lines = await exported()
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    resumed = await exported(f"?cursor={lines[2]['cursor']}")
    assert [line["number"] for line in resumed] == [4, 5]

    later = past + timedelta(minutes=30)
    await cases.update({"_id": 2}, {"$set": {"updated_at": later}})
    resumed = await exported(f"?cursor={lines[-1]['cursor']}")
    assert [line["number"] for line in resumed] == [2]


class LeavingPeople(KnownPeople):
    """Nobody is signed in anymore, or their access changed, from the second check on."""

    def __init__(self, later: Principal | None) -> None:
        super().__init__()
        self._states: list[Principal | None] = [PEOPLE["anna"], later]

    async def again(self, principal: Principal) -> Principal | None:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


@pytest.mark.parametrize(
    ("later", "is_complete"),
    [(None, False), (PEOPLE["eve"], False), (PEOPLE["hans"], True)],
    ids=["signed-out", "without-roles", "other-process"],
)
async def test_an_export_ends_with_the_access_of_its_reader(
    opened: OpenCase,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    later: Principal | None,
    is_complete: bool,
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    past = datetime.now(UTC) - timedelta(hours=1)
    for number in range(1, 6):
        await opened(number)
    await desk.store.collection(Case.COLLECTION).update_all({}, {"$set": {"updated_at": past}})
    app, sent = build_app(desk, LeavingPeople(later)), list[Message]()

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            sent.append(message)
            await send(message)

        await app(scope, receive, sending)

    answer = await Client(recorded, {"x-test-user": "anna"}).ask("GET", "/api/v1/exports/cases")
    assert [json.loads(line)["number"] for line in answer.body.splitlines()] == [1, 2]
    assert sent[-1].get("more_body", False) is not is_complete  # a part does not look whole


async def test_a_case_that_left_for_another_process_is_a_tombstone(
    client: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    cases = desk.store.collection(Case.COLLECTION)
    past = datetime.now(UTC) - timedelta(hours=1)
    await cases.update({"_id": 1}, {"$set": {"updated_at": past}})
    first = await client("rita").ask("GET", "/api/v1/exports/cases")
    line = json.loads(first.body)
    assert line["case"]["title"]
    moved = await client("anna").ask(
        "POST", "/api/v1/cases/1/moves", {"process": "help"}, headers={"if-match": '"r1"'}
    )
    assert moved.status == 200
    answer = await client("rita").ask("GET", f"/api/v1/exports/cases?cursor={line['cursor']}")
    (tombstone,) = [json.loads(text) for text in answer.body.splitlines()]
    assert (tombstone["number"], tombstone["gone"], tombstone["case"]) == (1, True, None)
    new = await client("rita").ask("GET", "/api/v1/exports/cases")
    assert new.body == b""


async def test_of_many_cases_each_has_a_result(client: Clients, opened: OpenCase) -> None:
    for number in (1, 2, 3):
        await opened(number)
    body = {
        "action": {"action": "assign", "to": "me"},
        "cases": [
            {"number": 1, "revision": 1},
            {"number": 2, "revision": 7},
            {"number": 9, "revision": 1},
            {"number": 3, "revision": 1},
        ],
    }
    answer = await client("anna").ask("POST", "/api/v1/cases/bulk", body)
    results = answer.json()["items"]
    assert [result["status"] for result in results] == [200, 412, 404, 200]
    assert results[1]["revision"] == 1
    mine = (await client("anna").ask("GET", "/api/v1/cases?assignee=me")).json()["items"]
    assert {case["number"] for case in mine} == {1, 3}


async def test_a_retried_mail_stays_as_long_as_the_archive_that_refers_to_it(
    desk: Desk, parked: Mail
) -> None:
    published: list[Outgoing] = []

    async def publish(message: Outgoing) -> None:
        published.append(message)

    await desk.parked.retry(parked, publish, inline_bytes=0)
    assert len(published) == 1
    file = await desk.store.collection("blobs.files").find_one({"_id": parked.raw})
    assert file is not None
    kept_for = file["keep_until"] - datetime.now(UTC)
    assert kept_for > timedelta(days=desk.settings.archive.max_age_days)


async def test_whoever_takes_a_file_or_reads_parked_mail_is_in_the_audit_log(
    client: Clients, opened: OpenCase, parked: Mail, desk: Desk
) -> None:
    await opened(1)
    blob = await desk.blobs.put(b"an invoice")
    file = Attachment(
        name="invoice.txt",
        content_type="text/plain",
        size=10,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
    )
    mail = mail_key(1, "a")
    await desk.store.collection(Comment.COLLECTION).update(
        {"_id": mail}, {"$set": {"attachments": [to_document(file)], "original": blob.sha256}}
    )
    maria = client("maria")
    for path in (
        f"/cases/1/attachments/{blob.sha256}",
        f"/cases/1/comments/{mail}/original",
        f"/parked/{PARKED}",
        f"/parked/{PARKED}/original",
        "/exports/cases",
    ):
        assert (await maria.ask("GET", f"/api/v1{path}")).status == 200
        assert (await client("eve").ask("GET", f"/api/v1{path}")).status in {200, 403, 404}
    entries = (await client("ada").ask("GET", "/api/v1/audit")).json()["items"]
    hers = [entry for entry in reversed(entries) if entry["actor"] == "maria@office.example"]
    assert [(entry["what"], entry["object"]) for entry in hers] == [
        ("attachment-downloaded", f"case 1 {blob.sha256}"),
        ("original-downloaded", f"case 1 {mail}"),
        ("parked-viewed", PARKED),
        ("parked-viewed", f"{PARKED} original"),
        ("exported", "cases"),
    ]
    assert all(entry["address"] for entry in hers)
    assert {entry["what"] for entry in entries if entry not in hers} <= {"exported"}
