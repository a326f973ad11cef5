"""Cases by the HTTP API, on a real database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.stored import Comment
from services.casework.outgoing import Answerable
from services.casework.persistence.answers import MongoAnswers
from services.desk.desk import Desk
from tests.asgi import Client
from tests.integration.casework.test_casework import mail_key
from tests.integration.desk.conftest import PEOPLE, OpenCase

Clients = Callable[[str], Client]


async def test_a_list_pages_through_all_cases_once(client: Clients, opened: OpenCase) -> None:
    for number in range(1, 8):
        await opened(number)
    seen, cursor = [], ""
    while True:
        answer = await client("anna").ask("GET", f"/api/v1/cases?limit=3&sort=updated{cursor}")
        assert answer.status == 200
        page = answer.json()
        seen += [case["number"] for case in page["items"]]
        assert page["has_more"] == (page["next"] is not None)
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == list(range(1, 8))
    assert len(seen) == 7


async def test_a_total_is_counted_on_request_only(client: Clients, opened: OpenCase) -> None:
    await opened(1)
    anna = client("anna")
    assert (await anna.ask("GET", "/api/v1/cases")).json()["total"] is None
    assert (await anna.ask("GET", "/api/v1/cases?total=true")).json()["total"] == 1


async def test_a_text_that_too_many_cases_are_read_for_is_refused_with_what_to_do(
    client: Clients, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.api.cases.cases.MAX_TEXT_MS", 1)
    for number in range(1, 13):
        await opened(number, title="invoice " * 300_000)
    answer = await client("anna").ask("GET", "/api/v1/cases?text=nobody")
    assert answer.status == 400
    assert answer.json()["errors"][0]["pointer"] == "?text"
    assert "use the search" in answer.json()["detail"]


async def test_invalid_parameters_are_named(client: Clients) -> None:
    for query, pointer in [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("sort=size", "?sort"),
        ("colour=red", "?colour"),
        ("cursor=AAAA", "?cursor"),
        ("limit=1&limit=2", "?limit"),
    ]:
        answer = await client("anna").ask("GET", f"/api/v1/cases?{query}")
        assert answer.status == 400, query
        assert answer.headers["content-type"] == "application/problem+json"
        if query.startswith("colour"):
            continue  # msgspec names an unknown parameter in the text
        assert answer.json()["errors"][0]["pointer"] == pointer, query


async def test_a_case_is_moved_at_the_revision_that_was_seen(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    anna = client("anna")
    shown = await anna.ask("GET", "/api/v1/cases/235")
    assert shown.status == 200
    assert shown.headers["etag"] == '"r1"'
    assert [stage["name"] for stage in shown.json()["stages"]] == ["approval"]

    without = await anna.ask("POST", "/api/v1/cases/235/moves", {"stage": "approval"})
    assert without.status == 428
    moved = await anna.ask(
        "POST", "/api/v1/cases/235/moves", {"stage": "approval"}, headers={"if-match": '"r1"'}
    )
    assert moved.status == 200
    assert moved.json()["stage"] == "approval"
    assert moved.headers["etag"] == '"r2"'
    stale = await anna.ask(
        "POST", "/api/v1/cases/235/moves", {"stage": "paid"}, headers={"if-match": '"r1"'}
    )
    assert stale.status == 412
    assert stale.json()["current_revision"] == 2


async def test_of_answers_at_the_same_moment_one_is_sent_and_the_others_are_stale(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    body, seen = {"text": "Paid today", "to": ["jan@supplier.example"]}, {"if-match": '"r1"'}
    answers = await asyncio.gather(
        *(
            client(name).ask("POST", "/api/v1/cases/235/answers", body, headers=seen)
            for name in ("anna", "maria", "ada") * 2
        )
    )
    assert sorted(answer.status for answer in answers) == [201, 412, 412, 412, 412, 412]


async def test_a_stage_that_the_caller_may_not_enter_says_why(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235, stage="approval")
    shown = (await client("anna").ask("GET", "/api/v1/cases/235")).json()
    refusals = {stage["name"]: stage["refusal"] for stage in shown["stages"]}
    assert "approver" in refusals["paid"]
    shown = (await client("maria").ask("GET", "/api/v1/cases/235")).json()
    assert {stage["refusal"] for stage in shown["stages"]} == {None}


async def test_a_patch_sets_title_due_date_and_fields_at_once_or_not_at_all(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    anna = client("anna").with_headers(if_match='"r1"')
    refused = await anna.ask(
        "PATCH", "/api/v1/cases/235", {"title": "New", "fields": {"size": "7"}}
    )
    assert refused.status == 422
    assert refused.json()["reason"] == "no-such-field"
    patch = {
        "title": "Invoice 17",
        "due_at": "2026-12-24T12:00:00Z",
        "fields": {"invoice_number": "FV/17/2026"},
    }
    done = await anna.ask("PATCH", "/api/v1/cases/235", patch)
    assert done.status == 200
    case = done.json()
    assert (case["title"], case["due_at"]) == ("Invoice 17", "2026-12-24T12:00:00Z")
    assert case["fields"]["invoice_number"]["value"] == "FV/17/2026"
    assert case["revision"] == 4  # each is a change of its own in the history


@pytest.mark.parametrize("races", [40, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_of_two_clients_at_once_exactly_one_succeeds(
    races: int, client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    anna, maria = client("anna"), client("maria")
    for revision in range(1, races + 1):
        asked = [
            who.ask(
                "PATCH",
                "/api/v1/cases/235",
                {"title": f"Title {revision} {name}"},
                headers={"if-match": f'"r{revision}"'},
            )
            for name, who in (("anna", anna), ("maria", maria))
        ]
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status for answer in answers) == [200, 412]
        lost = next(answer for answer in answers if answer.status == 412)
        assert lost.json()["current_revision"] == revision + 1


async def test_a_repeated_post_has_one_effect_and_the_same_answer(
    client: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(235)
    headers = {"if-match": '"r1"', "idempotency-key": "one"}
    note = {"text": "Called the supplier."}
    anna = client("anna")
    first = await anna.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    again = await anna.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await desk.reader.comments(235, [], limit=10)) == 2
    other = await anna.ask("POST", "/api/v1/cases/235/notes", {"text": "Else"}, headers=headers)
    assert other.status == 422
    stranger = await client("maria").ask(
        "POST", "/api/v1/cases/235/notes", {"text": "Mine"}, headers=headers
    )
    assert stranger.status == 412  # a key is its owner's alone


async def test_a_stored_answer_is_not_repeated_to_someone_who_lost_their_role(
    client: Clients, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(235)
    headers = {"if-match": '"r1"', "idempotency-key": "one"}
    note = {"text": "Called the supplier."}
    anna = client("anna")
    first = await anna.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    assert first.status == 201
    monkeypatch.setitem(PEOPLE, "anna", replace(PEOPLE["anna"], processes=frozenset({"help"})))
    again = await anna.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    assert again.status == 404
    assert b"supplier" not in again.body


async def test_an_answer_unaware_of_a_newer_change_is_refused(
    client: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(235)
    anna = client("anna")
    answer = {"text": "It is paid.", "hold_s": 60}
    stale = await anna.ask(
        "POST", "/api/v1/cases/235/answers", answer, headers={"if-match": '"r0"'}
    )
    assert stale.status == 412
    sent = await anna.ask("POST", "/api/v1/cases/235/answers", answer, headers={"if-match": '"r1"'})
    assert sent.status == 201
    waiting = (await anna.ask("GET", "/api/v1/cases/235/answers")).json()["items"]
    assert [mail["to"] for mail in waiting] == [["jan@supplier.example"]]
    answer_id = waiting[0]["id"].removeprefix("answer ")
    back = await anna.ask("DELETE", f"/api/v1/cases/235/answers/{answer_id}")
    assert back.status == 204
    assert (await anna.ask("GET", "/api/v1/cases/235/answers")).json()["items"] == []


async def test_an_uploaded_file_belongs_to_its_uploader_alone(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    anna, maria = client("anna"), client("maria")
    kept = await anna.ask(
        "POST",
        "/api/v1/cases/235/uploads?name=..%2F..%2Fnote.pdf&content_type=application/pdf",
        content=b"%PDF-1.7",
    )
    assert kept.status == 201
    upload = kept.json()
    assert "/" not in upload["name"]
    note = {"text": "See the file.", "uploads": [upload["id"]]}
    headers = {"if-match": '"r1"'}
    stolen = await maria.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    assert stolen.json()["reason"] == "no-such-upload"
    assert "1 of the files no longer exists; upload it again" in stolen.json()["detail"]
    noted = await anna.ask("POST", "/api/v1/cases/235/notes", note, headers=headers)
    assert noted.status == 201
    file = noted.json()["comment"]["attachments"][0]
    whole = await maria.ask("GET", file["url"])
    assert (whole.status, whole.body) == (200, b"%PDF-1.7")
    assert whole.headers["content-disposition"].startswith("attachment")
    part = await maria.ask("GET", file["url"], headers={"range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"PDF")
    assert part.headers["content-range"] == "bytes 1-3/8"


async def test_a_draft_is_its_writers_alone_and_keeps_its_kind(
    client: Clients, opened: OpenCase
) -> None:
    await opened(235)
    anna = client("anna")
    draft = {"text": "Dear Jan,", "revision": 1}
    assert (await anna.ask("PUT", "/api/v1/cases/235/drafts/answer", draft)).status == 200
    assert (await anna.ask("PUT", "/api/v1/cases/235/drafts/mail", draft)).status == 404
    drafts = (await anna.ask("GET", "/api/v1/cases/235/drafts")).json()["items"]
    assert [(kept["kind"], kept["text"]) for kept in drafts] == [("answer", "Dear Jan,")]
    assert (await client("maria").ask("GET", "/api/v1/cases/235/drafts")).json()["items"] == []
    await anna.ask(
        "POST", "/api/v1/cases/235/notes", {"text": "A note"}, headers={"if-match": '"r1"'}
    )
    drafts = (await anna.ask("GET", "/api/v1/cases/235/drafts")).json()["items"]
    assert [kept["is_stale"] for kept in drafts] == [True]


async def test_a_merge_is_undone_by_delete(client: Clients, opened: OpenCase) -> None:
    await opened(1)
    await opened(2)
    anna = client("anna")
    merged = await anna.ask(
        "POST", "/api/v1/cases/2/merges", {"into": 1}, headers={"if-match": '"r1"'}
    )
    assert merged.json()["merged_into"] == 1
    assert (await anna.ask("GET", "/api/v1/cases/1")).json()["absorbed"] == [2]
    undone = await anna.ask("DELETE", "/api/v1/cases/2/merges", headers={"if-match": '"r2"'})
    assert undone.json()["merged_into"] is None
    history = (await anna.ask("GET", "/api/v1/cases/2/history")).json()["items"]
    assert [change["what"] for change in history] == ["opened", "merged", "unmerged"]


async def test_an_answer_never_leaves_from_a_case_that_its_case_was_merged_into_meanwhile(
    desk: Desk, client: Clients, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other case may be of a process in which the writer has no role."""
    await opened(1)
    await opened(2, process="help", stage="new")
    answerable = type(desk.answers).case

    async def merged(self: MongoAnswers, _number: int) -> Answerable | None:
        return await answerable(self, 2)

    monkeypatch.setattr(MongoAnswers, "case", merged)
    body = {"text": "Paid", "to": ["jan@buyer.example"]}
    headers = {"if-match": '"r1"'}
    answer = await client("maria").ask("POST", "/api/v1/cases/1/answers", body, headers=headers)
    assert answer.status == 412
    assert await desk.reader.outgoing(2) == []


async def test_entries_of_one_second_are_in_the_order_in_which_they_answer_each_other(
    client: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1, mails=("c", "b", "a"))
    comments = desk.store.collection(Comment.COLLECTION)
    for name, answered in (("b", "c"), ("a", "b")):
        change = {"in_reply_to": f"<{answered}@supplier.example>"}
        await comments.update({"_id": mail_key(1, name)}, {"$set": change})
    await comments.update_all({}, {"$set": {"at": datetime(2026, 11, 23, tzinfo=UTC)}})
    shown = (await client("anna").ask("GET", "/api/v1/cases/1/comments")).json()["items"]
    assert [entry["id"][-1] for entry in shown] == ["c", "b", "a"]
