"""A refused form is shown again as its writer left it, with the error next to its field."""

import dataclasses
import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from schemas.stored.desk import SavedView, Token
from schemas.stored.webhooks import Webhook
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.runtime.errors import TransientError
from services.runtime.store.collection import Collection
from tests.asgi import Answer, Client
from tests.browser.visitor import Form, Page
from tests.integration.desk.conftest import PARKED, KnownPeople, OpenCase
from tests.integration.desk.pages.test_pages import FORM, Browser, post, shown

LONG = "x" * 1_000_001


@dataclass(frozen=True)
class Wrong:
    """A form that is refused: the values that its page must still show, and the field that the
    error is about, None for an error about the form as a whole.
    """

    action: str
    typed: dict[str, str]
    status: int
    field: str | None
    hidden: dict[str, str] = dataclasses.field(default_factory=dict)


WRONG = (
    Wrong("/webhooks", {"url": "ftp://erp.office.example", "event": "opened"}, 422, "url"),
    Wrong("/webhooks", {"url": "https://10.0.0.7/in", "event": "split"}, 422, "url"),
    Wrong("/tokens", {"name": "Scanner"}, 422, "scope"),
    Wrong("/tokens", {"name": "n" * 201, "scope": "cases:work"}, 422, "name"),
    Wrong(
        "/people",
        {"name": "Zoë <b>", "address": "zoe", "groups": "accounting, tax", "admin": "true"},
        422,
        "address",
    ),
    Wrong("/cases/1/edit", {"title": "t" * 501}, 422, "title", {"revision": "1"}),
    Wrong("/cases/1/edit", {"title": "Mine"}, 412, None, {"revision": "0"}),
    Wrong("/cases/1/edit", {"due_at": "next week"}, 422, "due_at", {"revision": "1"}),
    Wrong(
        "/cases/1/edit",
        {"field.invoice_number": "F" * 1001},
        422,
        "field.invoice_number",
        {"revision": "1", "with_fields": "true"},
    ),
    Wrong("/cases/1/merges", {"target": "77"}, 422, "target", {"revision": "1"}),
    Wrong("/cases/1/merges", {"target": "none"}, 422, "target", {"revision": "1"}),
    Wrong("/cases/1/merges", {"target": "1"}, 409, "target", {"revision": "1"}),
    Wrong("/cases/1/notes", {"text": "  "}, 422, "text", {"revision": "1"}),
    Wrong("/cases/1/notes", {"text": LONG}, 422, "text", {"revision": "1"}),
    Wrong(
        "/cases/1/answers",
        {"text": "\nPaid today", "subject": "Re: <Question>", "added": "not an address"},
        422,
        "added",
        {"revision": "1", "do": "send"},
    ),
    Wrong(
        "/cases/1/answers",
        {"text": LONG, "added": "jan@buyer.example"},
        422,
        "text",
        {"revision": "1"},
    ),
    Wrong("/cases/1/answers", {"text": "Paid today"}, 400, None, {"revision": "old"}),
    Wrong(
        "/cases/1/answers",
        {"text": "Paid", "added": "jan@buyer.example"},
        409,
        "file",
        {"revision": "1", "do": "send", "upload": "gone"},
    ),
    Wrong(f"/parked/{PARKED}/placements", {"number": "none"}, 422, "number"),
    Wrong(f"/parked/{PARKED}/discards", {"why": "w" * 501}, 422, "why"),
    Wrong("/parked/bulk", {"mail": PARKED, "why": ""}, 422, "why", {"do": "discard"}),
    Wrong("/parked/bulk", {"mail": PARKED, "why": "w" * 501}, 422, "why", {"do": "discard"}),
    Wrong("/views", {"name": "Energy"}, 422, None, {"href": f"/mine?text={'e' * 1000}"}),
)


@pytest.fixture
def people() -> KnownPeople:
    return KnownPeople()


@pytest.fixture
def browser(desk: Desk, people: KnownPeople) -> Browser:
    """A browser of one of PEOPLE, on the desk's own pages."""
    app = build_app(desk, people, page_routes(desk, people))
    return lambda name: Client(app, {"x-test-user": name, "sec-fetch-site": "same-origin"})


def page_of(answer: Answer) -> Page:
    return Page(answer.status, answer.body.decode())


def refused_form(page: Page, wrong: Wrong) -> Form:
    """The form with that action that has what was typed."""
    for form in page.forms(wrong.action):
        if set(wrong.typed) <= {name for name, _ in form.fields}:
            return form
    raise LookupError(f"no form for {wrong.action} has {set(wrong.typed)}: {page.text}")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.action[:20]} {wrong.field}")
async def test_a_refused_form_still_has_what_was_typed(
    browser: Browser, opened: OpenCase, parked: object, wrong: Wrong
) -> None:
    await opened(1)
    ada = browser("ada").with_headers(cookie="language=pl")
    answer = await post(ada, wrong.action, **wrong.hidden, **wrong.typed)
    page = page_of(answer)
    assert answer.status == wrong.status, html.unescape(page.text)[-3000:]
    form = refused_form(page, wrong)
    for name, value in wrong.typed.items():
        assert (name, value) in form.fields
    why = re.search(r'role="alert" id="why-refused">([^<]+)<', page.text)
    assert why is not None
    assert why[1].strip()
    marked = re.findall(r'<[^>]* name="([^"]+)"[^>]* aria-invalid="true"[^>]*>', page.text)
    assert marked == ([wrong.field] if wrong.field else [])
    assert page.text.count('aria-describedby="why-refused') == len(marked)


@pytest.mark.parametrize("path", ["/cases/1/answers", "/cases/1/notes", "/cases/1/edit", "/people"])
async def test_a_form_outlives_the_session_and_the_database(
    browser: Browser,
    opened: OpenCase,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    """The page itself cannot be shown, so the error page has the form, to be sent again."""
    await opened(1)
    typed = {"title": "A <new> title"} if path.endswith("edit") else {"text": "\nLine 1\nLine 2"}
    if path == "/people":
        typed = {"name": "Zoë", "address": "zoe@office.example", "password": "a secret word"}
    sent = {"revision": "1", "do": "send", **typed}
    signed_out = await post(browser("revoked"), path, **sent)
    with monkeypatch.context() as away:
        for operation in ("find_one", "find", "insert", "update", "update_returning"):
            away.setattr(Collection, operation, _away)
        unavailable = await post(browser("ada"), path, **sent)
    unread = await post(browser("unread"), path, **sent)
    answers = (signed_out, unavailable, unread)
    forms = [page_of(answer).form(path) for answer in answers]
    for answer, form, status in zip(answers, forms, (401, 503, 503), strict=True):
        assert answer.status == status
        assert b"Send again" in answer.body
        assert b"a secret word" not in answer.body
        for name in typed.keys() - {"password"}:
            assert form.value(name) == typed[name]
    # The same form, sent again by its button, is taken.
    again = [(name, value) for name, value in forms[0].fields if name != "do"]
    content = urlencode([*again, ("do", "draft")]).encode()
    answer = await browser("ada").ask("POST", path, content=content, headers={"content-type": FORM})
    assert answer.status in {200, 303}, answer.body.decode()[-2000:]


async def test_the_ticks_of_a_list_outlive_the_session_and_the_database(
    browser: Browser, opened: OpenCase, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    await opened(2)
    sent: dict[str, str | list[str]] = {
        "case": ["1.1", "2.1"],
        "do": "close",
        "next": "/all?stage=registration",
    }
    with monkeypatch.context() as away:
        for operation in ("find_one", "find", "insert", "update", "update_returning"):
            away.setattr(Collection, operation, _away)
        unavailable = await post(browser("ada"), "/cases/bulk", **sent)
    signed_out = await post(browser("revoked"), "/cases/bulk", **sent)
    assert (unavailable.status, signed_out.status) == (409, 401)
    assert b"2 are still chosen." in signed_out.body
    kept = [page_of(answer).form("/cases/bulk").fields for answer in (unavailable, signed_out)]
    for fields in kept:
        assert [value for name, value in fields if name == "case"] == sent["case"]
    fields = kept[0]
    content = urlencode(fields).encode()
    headers = {"content-type": FORM}
    again = await browser("ada").ask("POST", "/cases/bulk", content=content, headers=headers)
    assert (again.status, again.headers["location"]) == (303, sent["next"])
    cases = await desk.reader.cases([{}], sort=("_id",), limit=9)
    assert [case.status for case in cases] == ["closed", "closed"]


async def _away(*_: object, **__: object) -> None:
    raise TransientError("no server")


async def test_a_refused_button_says_why_on_the_page_that_it_is_on(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    answer = await post(browser("anna"), "/cases/1/moves", revision="0", stage="approval")
    page = answer.body.decode()
    assert answer.status == 412
    assert '<div class="message bad">' in page
    assert '<article class="case"' in page
    revoked = await post(browser("revoked"), "/cases/1/moves", revision="1", stage="approval")
    assert (revoked.status, revoked.headers["location"]) == (303, "/sign-in?next=/cases/1")


async def test_a_form_of_another_site_is_never_shown(browser: Browser, opened: OpenCase) -> None:
    await opened(1)
    for name in ("anna", "revoked"):
        forged = browser(name).with_headers(sec_fetch_site="cross-site")
        answer = await post(forged, "/cases/1/notes", revision="1", text="Call this number")
        assert (answer.status, b"Call this number" in answer.body) == (403, False)


async def test_a_large_form_without_a_session_is_not_read(browser: Browser) -> None:
    answer = await post(browser("revoked"), "/cases/1/notes", revision="1", text="x" * 4_000_000)
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=/cases/1/note")


async def test_a_note_that_is_sent_again_after_an_unclear_failure_is_added_once(
    browser: Browser, opened: OpenCase, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(1)
    ada = browser("ada")
    form = Page(200, await shown(ada, "/cases/1/note")).form("/cases/1/notes")
    sent = {**dict(form.fields), "text": "Called\nNo answer", "do": "save"}
    with monkeypatch.context() as away:
        away.setattr(desk.drafts, "remove", _away)  # the note is written by then
        unclear = await post(ada, "/cases/1/notes", **sent)
    assert unclear.status == 503
    kept = dict(page_of(unclear).form("/cases/1/notes").fields)
    assert (await post(ada, "/cases/1/notes", **kept)).status == 303
    assert (await post(ada, "/cases/1/notes", **kept | {"text": "Called"})).status == 303
    notes = [note.text for note in await desk.reader.comments(1, [{"kind": "note"}], limit=9)]
    assert notes == ["Called\nNo answer", "Called"]
    assert await desk.drafts.of_case(1, "ada@office.example") == []


@pytest.mark.parametrize(
    ("page", "typed"),
    [
        ("/tokens", {"name": "Scanner", "scope": "cases:read"}),
        ("/webhooks", {"url": "https://erp.office.example/in", "event": "opened"}),
        ("/all", {"name": "Energy"}),
    ],
)
async def test_a_form_that_creates_something_creates_it_once(
    browser: Browser,
    opened: OpenCase,
    desk: Desk,
    page: str,
    typed: dict[str, str],
) -> None:
    """A server dies between the write and the response; its reader sends the form again."""
    await opened(1)
    ada = browser("ada")
    action = "/views" if page == "/all" else page
    form = Page(200, await shown(ada, page)).form(action)
    with pytest.MonkeyPatch.context() as away:
        away.setattr(desk.accounts.audit, "record", _away)
        away.setattr(desk.saved_views._views, "insert_missing", _insert_and_die(desk))
        unclear = await post(ada, action, **dict(form.fields) | typed)
    assert unclear.status == 503
    kept = dict(page_of(unclear).form(action).fields)
    again = await post(ada, action, **kept)
    first, second = await _created(desk, action), await post(ada, action, **kept)
    assert again.status == second.status == (303 if action == "/views" else 200)
    assert await _created(desk, action) == first == 1
    if action == "/webhooks":
        assert _secret(again) == _secret(second)
    if action == "/tokens":
        assert b"An earlier value of the token no longer works." in again.body
        assert await desk.accounts.tokens.find(_secret(again)) is None
        assert await desk.accounts.tokens.find(_secret(second)) is not None
        used = await post(ada, action, **kept)
        assert (used.status, b"The token of this form exists already" in used.body) == (422, True)
    await post(ada, action, **kept | {"name": "Another", "url": "https://erp.office.example/2"})
    assert await _created(desk, action) == 2
    await post(browser("anna"), action, **kept)
    assert await _created(desk, action) == 3


async def _created(desk: Desk, action: str) -> int:
    names = {
        "/tokens": Token.COLLECTION,
        "/webhooks": Webhook.COLLECTION,
        "/views": SavedView.COLLECTION,
    }
    return await desk.store.collection(names[action]).count({})


def _insert_and_die(desk: Desk) -> Callable[[list[dict[str, Any]]], Awaitable[bool]]:
    async def inserts(documents: list[dict[str, Any]]) -> bool:
        await desk.store.collection(SavedView.COLLECTION).insert(documents)
        raise TransientError("no server")

    return inserts


def _secret(answer: Answer) -> str:
    found = re.search(r'class="secret".*?<code>([^<]+)</code>', answer.body.decode())
    assert found is not None
    return found[1]


async def test_a_form_that_cannot_be_read_leaves_the_draft_on_its_page(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    ada = browser("ada")
    form = dict(Page(200, await shown(ada, "/cases/1/note")).form("/cases/1/notes").fields)
    saved = await post(ada, "/cases/1/drafts/note", **form | {"text": "Call back"})
    assert saved.status == 204
    answer = await post(ada, "/cases/1/notes", revision="1", upload=["x"] * 1001)
    shown_form = page_of(answer).form("/cases/1/notes")
    assert answer.status == 400
    assert shown_form.value("text") == "Call back"
    assert shown_form.value("replaces") == form["editor"]


async def test_a_form_of_a_stranger_that_cannot_be_read_is_their_error(browser: Browser) -> None:
    answer = await post(browser("revoked"), "/preferences", theme=["dark"] * 1001)
    assert answer.status == 400


async def test_fields_that_a_colleague_changed_meanwhile_are_not_changed_back(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    anna, maria = browser("anna"), browser("maria")
    form = Page(200, await shown(anna, "/cases/1")).form("/cases/1/edit")
    assert form is not None
    first = {"with_fields": "true", "field.invoice_number": "FV/1", "was.field.invoice_number": ""}
    assert (await post(maria, "/cases/1/edit", revision="1", **first)).status == 303
    # Anna's page still has the empty number; they change only the title of another field.
    left = {"with_fields": "true", "field.invoice_number": "", "was.field.invoice_number": ""}
    answer = await post(anna, "/cases/1/edit", revision="1", **left)
    assert answer.status == 412
    again = next(
        form for form in page_of(answer).forms("/cases/1/edit") if form.value("with_fields")
    )
    assert again.value("field.invoice_number") == "FV/1"
    assert again.value("revision") == "2"
    case = await desk.reader.case(1, {})
    assert case is not None
    assert case.fields["invoice_number"].value == "FV/1"
