"""Forged forms: from another site, or with ids that belong to someone else."""

import re
from collections.abc import Callable

import pytest

from schemas.stored import Comment
from services.desk.accounts.web.pages import SIGN_IN, SIGN_OUT, WELCOME
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import FORMS, page_routes
from tests.asgi import Client
from tests.integration.casework.test_casework import mail_key
from tests.integration.desk.conftest import PARKED, KnownPeople, OpenCase
from tests.integration.desk.pages.test_pages import post, shown

Clients = Callable[[str], Client]
PLACES = {
    "number": "1",
    "answer": "a",
    "kind": "answer",
    "key": PARKED,
    "mailbox": "invoices",
    "user": "maria@office.example",
    "view": "v",
    "token": "t",
    "webhook": "w",
    "delivery": "d",
    "session": "s",
}
ELSEWHERE: dict[str, dict[str, str]] = {
    "another site": {"sec-fetch-site": "cross-site"},
    "another host of the domain": {"sec-fetch-site": "same-site"},
    "another site, whose browser claims the origin": {
        "sec-fetch-site": "cross-site",
        "origin": "http://desk.test",
    },
    "an older browser on another site": {"origin": "https://evil.example"},
    "a page without an origin": {"origin": "null"},
    "another port": {"origin": "http://desk.test:8080"},
    "a host that begins like ours": {"origin": "http://desk.test.evil.example"},
    "no browser": {},
}
TEXTS = {
    "revision": "1",
    "text": "Forged",
    "to": "eve@evil.example",
    "do": "send",
    "title": "Forged",
    "target": "2",
    "stage": "approval",
    "why": "Forged",
    "case": "2",
    "number": "2",
}


@pytest.fixture
def app(desk: Desk) -> Callable[[dict[str, str]], Client]:
    people = KnownPeople()
    built = build_app(desk, people, page_routes(desk, people))
    return lambda headers: Client(built, headers)


@pytest.fixture
def browser(app: Callable[[dict[str, str]], Client]) -> Clients:
    return lambda name: app({"x-test-user": name, "sec-fetch-site": "same-origin"})


def filled(pattern: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: PLACES[found[1]], pattern)


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_no_form_of_another_site_is_taken(
    app: Callable[[dict[str, str]], Client],
    opened: OpenCase,
    parked: object,
    desk: Desk,
    where: str,
) -> None:
    await opened(1)
    ada = app({"x-test-user": "ada"} | ELSEWHERE[where])
    for path in (*(filled(pattern) for pattern, _ in FORMS), "/preferences"):
        answer = await post(ada, path, **TEXTS)
        assert answer.status == 403, path
        assert answer.cookies == [], path
    stranger = app(ELSEWHERE[where])
    for path in (SIGN_IN, WELCOME, SIGN_OUT, "/preferences"):
        answer = await post(stranger, path, address="ada@office.example", password="x")
        assert answer.status == 403, path
    case = await desk.reader.case(1, {})
    assert case is not None
    assert case.revision == 1


async def test_no_form_of_a_case_works_for_people_who_may_not_see_it(
    browser: Clients, opened: OpenCase, parked: object, desk: Desk
) -> None:
    await opened(1)
    for name in ("hans", "otto", "eve"):
        for pattern, _ in FORMS:
            if not pattern.startswith(("/cases/{number}", "/parked/{key}")):
                continue
            path = filled(pattern) + "?name=file.txt" * pattern.endswith("uploads")
            answer = await post(browser(name), path, **TEXTS)
            assert answer.status in {403, 404}, (name, pattern)
            assert b"Question 1" not in answer.body, "its title"
    case = await desk.reader.case(1, {})
    assert case is not None
    assert case.revision == 1
    assert await desk.reader.outgoing(1) == []
    assert await desk.drafts.of_case(1, "hans@office.example") == []


async def test_ids_of_another_case_lead_nowhere(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    """Anna may work in both processes; ids of one are invalid in a case of the other."""
    await opened(1)
    await opened(2, process="help", stage="new")
    anna, hans = browser("anna"), browser("hans")
    content = await desk.blobs.put(b"a secret")
    file = await desk.uploads.add("anna@office.example", 1, "secret.txt", "text/plain", b"a secret")
    to = {"to": "jan@supplier.example", "do": "send"}
    answer = await post(anna, "/cases/1/answers", revision="1", text="Ours", upload=file.id, **to)
    assert answer.status == 303
    (mail,) = await desk.reader.outgoing(1)
    answer_id = mail.id.removeprefix("answer ")
    mine = await desk.uploads.add("anna@office.example", 1, "mine.txt", "text/plain", b"mine")
    first = mail_key(1, "a")
    for client in (anna, hans):
        recalled = await post(client, f"/cases/2/answers/{answer_id}/recall")
        assert recalled.status == 409
        split = await post(client, "/cases/2/splits", comment=first)
        assert split.status in {409, 422}
        sent = await post(
            client, "/cases/2/answers", revision="1", text="Theirs", upload=mine.id, **to
        )
        assert sent.status == 409
        for path in (
            f"/cases/2/comments/{first}/mail",
            f"/cases/2/comments/{first}/original",
            f"/cases/2/attachments/{content.sha256}",
        ):
            assert (await client.ask("GET", path)).status == 404, path
    assert len(await desk.reader.outgoing(1)) == 1
    assert await desk.reader.outgoing(2) == []
    (comment,) = await desk.store.collection(Comment.COLLECTION).find({"_id": first})
    assert comment["case"] == 1


async def test_a_form_names_no_draft_of_someone_else(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    maria, anna = browser("maria"), browser("anna")
    await post(maria, "/cases/1/drafts/answer", revision="1", text="Confidential", editor="hers")
    for fields in ({"editor": "hers"}, {"editor": "mine", "replaces": "hers"}):
        answer = await post(
            anna, "/cases/1/answers", revision="1", text="Mine", do="draft", **fields
        )
        assert "Confidential" not in answer.body.decode()
        await post(anna, "/cases/1/answers", revision="1", do="delete-draft", **fields)
    (draft,) = await desk.drafts.of_case(1, "maria@office.example")
    assert draft.text == "Confidential"
    assert "Confidential" not in await shown(anna, "/cases/1/answer")
