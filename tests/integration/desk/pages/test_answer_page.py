"""Answers on their page: none is sent by someone who has not seen a newer entry, and none is lost
when it is recalled.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from schemas.changes import Actor, MailAdded
from schemas.stored import Case, Comment, OutgoingMail, to_document
from schemas.stored.desk import Draft
from services.casework.persistence.recording import insert_history
from services.casework.records import new_change
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.runtime.errors import TransientError
from tests.asgi import Client
from tests.browser.visitor import Page
from tests.integration.casework.test_casework import comment, mail_key
from tests.integration.desk.conftest import KnownPeople, OpenCase
from tests.integration.desk.pages.test_pages import post, shown

ANNA = "anna@office.example"
JAN = Actor(kind="mail", id="jan")
SEND: dict[str, Any] = {"to": "jan@supplier.example", "do": "send"}


@pytest.fixture
def anna(desk: Desk) -> Client:
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    return Client(app, {"x-test-user": "anna", "sec-fetch-site": "same-origin"})


async def mails_come(desk: Desk, texts: list[str]) -> int:
    """Deliver mails from Jan to case 1; returns the revision of the case after them."""
    case = await desk.reader.case(1, {})
    assert case is not None
    now, comments, changes = datetime.now(UTC), [], []
    for revision, text in enumerate(texts, start=case.revision + 1):
        mail = comment(mail_key(1, f"{revision}"), 1, now + timedelta(milliseconds=revision))
        comments.append(to_document(structs.replace(mail, text=text, full_text=text)))
        what = MailAdded(comment=mail.id)
        changes.append(new_change(1, revision, what, actor=JAN, now=now, process=case.process))
    await desk.store.collection(Comment.COLLECTION).insert(comments)
    await desk.store.transaction(lambda session: insert_history(desk.store, changes, session))
    newest = case.revision + len(texts)
    await desk.store.collection(Case.COLLECTION).update({"_id": 1}, {"$set": {"revision": newest}})
    return newest


def newer(page: str) -> str:
    """The entries that the page marks as new."""
    return page.partition('<section class="newer">')[2].partition("</section>")[0]


def revision_of(page: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', page)
    assert found is not None
    return found[1]


async def draft_of(desk: Desk) -> Draft | None:
    return next(iter(await desk.drafts.of_case(1, ANNA)), None)


async def answered(desk: Desk, anna: Client, text: str, **fields: Any) -> str:
    """Anna answers case 1 as it is; returns the path that recalls the answer."""
    case = await desk.reader.case(1, {})
    assert case is not None
    answer = await post(
        anna, "/cases/1/answers", revision=str(case.revision), text=text, **SEND, **fields
    )
    assert answer.status == 303, answer.body.decode()[-1500:]
    waiting = await desk.reader.outgoing(1)
    return f"/cases/1/answers/{waiting[-1].id.removeprefix('answer ')}/recall"


async def uploaded(desk: Desk, name: str) -> str:
    return (await desk.uploads.add(ANNA, 1, name, "text/plain", name.encode())).id


async def test_a_mail_beyond_the_first_two_hundred_comments_is_shown(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    seen = str(await mails_come(desk, [f"Mail {index}" for index in range(205)]))
    fields = {"text": "Paid today"}
    await post(anna, "/cases/1/answers", revision=seen, **fields, **(SEND | {"do": "draft"}))
    assert newer(await shown(anna, "/cases/1/answer")) == ""
    newest = await mails_come(desk, ["Do not pay this"])
    opened_later = newer(await shown(anna, "/cases/1/answer"))
    answer = await post(anna, "/cases/1/answers", revision=seen, **fields, **SEND)
    assert answer.status == 409
    refused = answer.body.decode()
    for page in (opened_later, newer(refused)):
        assert "Do not pay this" in page
        assert "Mail 204" not in page
    assert revision_of(refused) == str(newest)
    answer = await post(anna, "/cases/1/answers", revision=str(newest), **fields, **SEND)
    assert answer.status == 303


async def test_an_answer_is_refused_until_its_writer_was_shown_all_that_came(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    newest = await mails_come(desk, [*(f"Mail {index}" for index in range(204)), "Do not pay"])
    answer = await post(anna, "/cases/1/answers", revision="1", text="Paid today", **SEND)
    page = answer.body.decode()
    assert answer.status == 409
    assert "Mail 199<" in newer(page)
    assert "Do not pay" not in newer(page)
    answer = await post(
        anna, "/cases/1/answers", revision=revision_of(page), text="Paid today", **SEND
    )
    page = answer.body.decode()
    assert answer.status == 409
    assert "Do not pay" in newer(page)
    assert "Mail 199<" not in newer(page)
    assert revision_of(page) == str(newest)


@pytest.mark.parametrize("fields", [{"do": "send"}, {"do": "insert", "snippet": "0"}])
async def test_a_mail_that_comes_while_an_answer_is_saved_is_shown_with_the_form(
    desk: Desk,
    anna: Client,
    opened: OpenCase,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, str],
) -> None:
    await opened(1)
    put = desk.drafts.put

    async def puts(draft: Draft) -> None:
        await put(draft)
        await mails_come(desk, ["Do not pay this"])

    monkeypatch.setattr(desk.drafts, "put", puts)
    answer = await post(anna, "/cases/1/answers", revision="1", text="Paid today", **fields)
    page = answer.body.decode()
    assert "Do not pay this" in newer(page)
    assert revision_of(page) == "2"


async def test_a_mail_that_comes_before_the_form_is_opened_is_shown_with_it(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    link = re.search(r'href="(/cases/1/answer[^"]*)"', await shown(anna, "/cases/1"))
    assert link is not None
    assert newer(await shown(anna, link[1])) == ""
    await mails_come(desk, ["Do not pay this"])
    assert "Do not pay this" in newer(await shown(anna, link[1]))
    for seen in ("2", "9", "", "x", "-1", "9" * 30):
        assert newer(await shown(anna, f"/cases/1/answer?seen={seen}")) == ""


async def test_a_colleagues_answer_on_its_way_is_shown_with_the_form(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    maria = anna.with_headers(x_test_user="maria")
    await post(maria, "/cases/1/answers", revision="1", text="We pay on Friday", **SEND)
    answer = await post(anna, "/cases/1/answers", revision="1", text="Paid today", **SEND)
    assert answer.status == 409
    page = newer(answer.body.decode())
    assert "We pay on Friday" in page
    assert "Maria" in page
    assert "<form" not in page
    assert "We pay on Friday" in newer(await shown(anna, "/cases/1/answer"))
    (mail,) = await desk.reader.outgoing(1)
    recall = f"/cases/1/answers/{mail.id.removeprefix('answer ')}/recall"
    assert (await post(maria, recall)).status == 303
    assert "We pay on Friday" not in await shown(anna, "/cases/1/answer")


@pytest.mark.parametrize("quote", ["true", ""])
async def test_a_recalled_answer_has_its_files_and_quote_again(
    desk: Desk, anna: Client, opened: OpenCase, quote: str
) -> None:
    await opened(1)
    files = [await uploaded(desk, "terms.txt"), await uploaded(desk, "invoice.txt")]
    recall = await answered(desk, anna, "Paid today", upload=files, quote=quote)
    assert (await post(anna, recall)).headers["location"] == "/cases/1/answer"
    page = await shown(anna, "/cases/1/answer")
    assert "terms.txt" in page
    assert "invoice.txt" in page
    draft = await draft_of(desk)
    assert draft is not None
    assert draft.quote == bool(quote)
    await answered(desk, anna, draft.text, upload=draft.uploads)
    sent = (await desk.reader.outgoing(1))[-1]
    assert [file.name for file in sent.attachments] == ["terms.txt", "invoice.txt"]


async def test_a_recalled_answer_is_kept_next_to_a_newer_draft(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    recall = await answered(desk, anna, "Paid today", upload=await uploaded(desk, "terms.txt"))
    await post(
        anna,
        "/cases/1/answers",
        revision="2",
        text="One more thing",
        upload=await uploaded(desk, "more.txt"),
        do="draft",
    )
    assert (await post(anna, recall)).status == 303
    draft = await draft_of(desk)
    assert draft is not None
    assert draft.text == "Paid today\n\nOne more thing"
    assert draft.to == ["jan@supplier.example"]
    files = await desk.uploads.attachments(ANNA, 1, draft.uploads)
    assert [file.name for file in files] == ["terms.txt", "more.txt"]


async def test_a_recalled_answer_is_shown_with_mail_that_arrived_meanwhile(
    desk: Desk, anna: Client, opened: OpenCase
) -> None:
    await opened(1)
    recall = await answered(desk, anna, "Paid today")
    await mails_come(desk, ["Do not pay this"])
    assert (await post(anna, recall)).status == 303
    page = await shown(anna, "/cases/1/answer")
    assert "Do not pay this" in newer(page)
    answer = await post(
        anna, "/cases/1/answers", revision=revision_of(page), text="Paid today", **SEND
    )
    assert answer.status == 303


async def test_an_answer_becomes_a_draft_before_it_is_recalled(
    desk: Desk, anna: Client, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    files = [await uploaded(desk, "terms.txt")]
    recall = await answered(desk, anna, "Paid today \n", upload=files)

    async def fails(*_arguments: object) -> None:
        raise TransientError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(desk.cases, "recall", fails)
        assert (await post(anna, recall)).status >= 500
    first = await draft_of(desk)
    assert first is not None
    assert first.text == "Paid today"
    assert (await post(anna, recall)).status == 303
    draft = await draft_of(desk)
    assert draft is not None
    assert (draft.text, draft.uploads) == (first.text, first.uploads)


@pytest.mark.parametrize("begun", ["", "One more thing"])
async def test_an_answer_recalled_too_late_leaves_the_drafts_alone(
    desk: Desk, anna: Client, opened: OpenCase, begun: str
) -> None:
    await opened(1)
    recall = await answered(desk, anna, "Paid today")
    if begun:
        await post(anna, "/cases/1/answers", revision="2", text=begun, do="draft")
    before = await draft_of(desk)
    claimed = {"$set": {"state": "claimed", "attempts": 1}}
    await desk.store.collection(OutgoingMail.COLLECTION).update({"case": 1}, claimed)
    assert (await post(anna, recall)).status == 409
    after = await draft_of(desk)
    assert (after and structs.replace(after, editors=before.editors if before else [])) == before
    assert (before.text if before else "") == begun


@pytest.mark.parametrize("number", ["2", "abc", "9" * 30])
async def test_an_answer_of_a_missing_case_cannot_be_recalled(
    desk: Desk, anna: Client, number: str
) -> None:
    assert (await post(anna, f"/cases/{number}/answers/some-answer/recall")).status == 404


async def test_an_answer_that_is_sent_again_after_an_unclear_failure_is_sent_once(
    desk: Desk, anna: Client, opened: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    form = Page(200, await shown(anna, "/cases/1/answer")).form("/cases/1/answers")
    sent = {**dict(form.fields), "text": "Paid\ntoday", **SEND}

    async def away(*_: object) -> None:
        raise TransientError("no server")

    with monkeypatch.context() as dying:
        dying.setattr(desk.drafts, "remove", away)  # the answer is written by then
        unclear = await post(anna, "/cases/1/answers", **sent)
    assert unclear.status == 503
    kept = dict(Page(503, unclear.body.decode()).form("/cases/1/answers").fields)
    await mails_come(desk, ["Thank you"])
    assert (await post(anna, "/cases/1/answers", **kept)).status == 303
    assert [mail.text for mail in await desk.reader.outgoing(1)] == ["Paid\ntoday"]
    assert await draft_of(desk) is None
    again = await post(anna, "/cases/1/answers", **kept | {"text": "Paid yesterday"})
    assert (again.status, len(await desk.reader.outgoing(1))) == (409, 1)
    recalled = await desk.reader.outgoing(1)
    await post(anna, f"/cases/1/answers/{recalled[0].id.removeprefix('answer ')}/recall")
    assert (await post(anna, "/cases/1/answers", **kept)).status == 409
    assert await desk.reader.outgoing(1) == []
