"""The pages in process, on a real database: what they show, change and refuse."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from schemas.mails import mail_key
from schemas.stored import Comment, Mail
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages import dispatch
from services.desk.pages.routes import page_routes
from services.desk.pages.views.page import Navigation
from services.desk.pages.visit import Visit
from services.desk.search.index import SearchIndex
from tests.asgi import Answer, Client
from tests.browser.visitor import Page
from tests.integration.desk.conftest import PARKED, KnownPeople, OpenCase

FORM = "application/x-www-form-urlencoded"
Browser = Callable[[str], Client]


@pytest.fixture
def browser(desk: Desk) -> Browser:
    """A browser of one of PEOPLE, on the desk's own pages."""
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    return lambda name: Client(
        app, {"x-test-user": name, "sec-fetch-site": "same-origin"} if name else {}
    )


async def post(client: Client, path: str, **fields: str | list[str]) -> Answer:
    content = urlencode(fields, doseq=True).encode()
    return await client.ask("POST", path, content=content, headers={"content-type": FORM})


async def shown(client: Client, path: str) -> str:
    answer = await client.ask("GET", path)
    assert answer.status == 200, (path, answer.status, answer.body[:2000])
    return answer.body.decode()


@pytest.mark.parametrize(
    "path",
    ["/todo", "/mine", "/unassigned", "/all", "/closed", "/search", "/search?q=faktura"],
)
async def test_lists_show_the_cases_of_the_readers_processes(
    browser: Browser, opened: OpenCase, path: str
) -> None:
    await opened(1)
    page = await shown(browser("anna"), path)
    assert page.startswith("<!doctype html>")
    assert ("/cases/1" in page) == (path in {"/todo", "/unassigned", "/all"})
    assert "/cases/1" not in await shown(browser("hans"), path)


async def test_a_list_of_several_processes_shows_whose_stage_it_is(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    await opened(2, process="help", stage="new")
    ada = browser("ada")
    process = '<span class="of">Cost invoices</span>'
    assert process in await shown(ada, "/all")
    assert process in await shown(ada, "/cases/1/row?mixed=true")
    assert process not in await shown(ada, "/all?process=invoices")
    assert process not in await shown(browser("maria"), "/all")


async def test_a_mailbox_shows_every_setting_that_applies_and_no_secret(
    browser: Browser, desk: Desk
) -> None:
    page = await shown(browser("maria"), "/mailboxes")
    server = desk.settings.servers["s"]
    given = {name for name in server.__struct_fields__ if getattr(server, name) is not None}
    shown_names = set(re.findall(r"<dt>(\w+)</dt>", page))
    assert given | {"folder", "user", "password", "plus_addressing"} <= shown_names
    assert "<dt>password</dt><dd>***</dd>" in page
    assert "<dt>timeout_s</dt><dd>60</dd>" in page
    assert "secret" not in page.replace("Secrets are masked", "")


@pytest.mark.parametrize("path", ["/parked", "/mailboxes", "/flow", "/people", "/tokens", "/audit"])
async def test_operations_pages_are_for_those_with_the_permission(
    browser: Browser, path: str
) -> None:
    assert "<h1>" in await shown(browser("ada"), path)
    answer = await browser("rita").ask("GET", path)
    assert answer.status == (200 if path == "/tokens" else 403)


async def test_a_case_is_moved_assigned_edited_and_noted_by_forms(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    maria = browser("maria")
    revision = "1"
    for path, fields, text in (
        ("/cases/1/assignments", {"to": "maria@office.example"}, "maria@office.example"),
        ("/cases/1/edit", {"title": "Another title"}, "Another title"),
        ("/cases/1/edit", {"due_at": "2031-05-06T07:08"}, "6 May 2031, 07:08"),
        ("/cases/1/edit", {"with_fields": "1", "field.invoice_number": "FV/7"}, "FV/7"),
        ("/cases/1/moves", {"stage": "approval"}, "Approval"),
        ("/cases/1/notes", {"text": "Looks right"}, "Looks right"),
        ("/cases/1/closures", {}, "Reopen"),
        ("/cases/1/reopenings", {}, "Close case"),
    ):
        answer = await post(maria, path, revision=revision, **fields)
        assert answer.status == 303, (path, answer.body.decode()[-1500:])
        where, _, anchor = answer.headers["location"].partition("#")
        assert (where, bool(anchor)) == ("/cases/1", path.endswith("notes"))
        page = await shown(maria, "/cases/1")
        assert text.lower() in page.lower(), path
        assert f'id="{anchor}"' in page or not anchor
        case = await desk.reader.case(1, {})
        assert case is not None
        revision = str(case.revision)


async def test_a_form_of_an_older_revision_changes_nothing(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    anna = browser("anna")
    await post(anna, "/cases/1/assignments", revision="1", to="anna@office.example")
    answer = await post(anna, "/cases/1/closures", revision="1")
    assert answer.status == 412
    assert b"Someone changed the case while you were working" in answer.body


async def test_a_held_answer_is_recalled_into_the_draft(browser: Browser, opened: OpenCase) -> None:
    await opened(1)
    anna = browser("anna")
    form = await shown(anna, "/cases/1/answer")
    assert 'name="quote"' in form or "Recipients" in form
    answer = await post(
        anna, "/cases/1/answers", revision="1", text="Thank you", to="jan@buyer.example", do="send"
    )
    assert answer.status == 303, answer.body.decode()[-1500:]
    page = await shown(anna, "/cases/1")
    assert "Take back" in page
    recall = page.partition('action="/cases/1/answers/')[2].partition('"')[0]
    answer = await post(anna, f"/cases/1/answers/{recall}")
    assert answer.headers["location"] == "/cases/1/answer"
    assert "Thank you" in await shown(anna, "/cases/1/answer")


async def test_an_answer_unaware_of_a_change_is_refused_and_its_text_kept(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    anna = browser("anna")
    await post(browser("maria"), "/cases/1/notes", revision="1", text="Wait for me")
    answer = await post(
        anna, "/cases/1/answers", revision="1", text="Paid today", to="jan@buyer.example", do="send"
    )
    assert answer.status == 409
    page = answer.body.decode()
    assert "Paid today" in page
    assert "Wait for me" in page
    assert "Paid today" in await shown(anna, "/cases/1/answer")


async def test_an_answer_takes_over_what_only_moved_or_assigned_the_case(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    await post(browser("maria"), "/cases/1/moves", revision="1", stage="approval")
    await post(browser("maria"), "/cases/1/assignments", revision="2", to="anna@office.example")
    fields = {"text": "Paid today", "to": "jan@buyer.example", "do": "send"}
    answer = await post(browser("anna"), "/cases/1/answers", revision="1", **fields)
    where, _, anchor = answer.headers["location"].partition("#")
    assert (answer.status, where) == (303, "/cases/1")
    assert f'id="{anchor}"' in await shown(browser("anna"), "/cases/1")
    # Another answer is something said: the next one must know it.
    answer = await post(browser("maria"), "/cases/1/answers", revision="3", **fields)
    assert answer.status == 409


async def test_a_draft_without_recipients_is_kept_and_not_sent(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    answer = await post(
        browser("anna"), "/cases/1/answers", revision="1", text="To nobody", do="send"
    )
    assert answer.status == 422
    assert b"To nobody" in answer.body


@pytest.mark.parametrize(
    ("language", "refusal", "reason"),
    [
        (
            "en",
            "Registration does not lead to Paid out. The next stages are: Awaiting approval.",
            "Only",
        ),
        ("pl", "Z etapu Registration nie można przejść do Paid out.", "mogą przenieść tylko role"),
    ],
)
async def test_refusals_name_stages_by_title_in_the_readers_language(
    browser: Browser, opened: OpenCase, language: str, refusal: str, reason: str
) -> None:
    await opened(1)
    await opened(2, stage="approval")
    anna = browser("anna").with_headers(cookie=f"language={language}")
    answer = await post(anna, "/cases/bulk", case="1.1", do="move", stage="paid")
    assert refusal in answer.body.decode()
    answer = await post(anna, "/cases/1/moves", revision="1", stage="paid")
    assert (answer.status, refusal in answer.body.decode()) == (409, True)
    page = await shown(anna, "/cases/2")
    assert reason in page
    assert "Awaiting approval" in page
    assert ": approver." in page


async def test_search_results_show_the_cases_as_lists_do(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1, assignee="maria@office.example")
    await opened(2, process="help", stage="new")
    await SearchIndex(desk.store).rebuild(lambda _done, _known: None)
    page = await shown(browser("anna"), "/search?q=hello")
    rows = page.split('<li class="row')[1:]
    assert len(rows) == 2
    found = next(row for row in rows if 'href="/cases/1#' in row)
    assert "Registration" in found
    assert "maria@office.example" in found
    assert '<span class="of">Cost invoices</span>' in found
    assert "data-case" not in found, "a live row has no snippet"


async def test_a_case_with_several_hits_is_one_search_result(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1, mails=("a", "b", "c", "d", "e"))
    await SearchIndex(desk.store).rebuild(lambda _done, _known: None)
    page = await shown(browser("anna"), "/search?q=hello")
    (row,) = page.split('<li class="row')[1:]
    links = re.findall(r'href="(/cases/1#c-[^"]+)"', row)
    assert len(links) == len(set(links)) == 3
    assert "2 more matches" in row


async def test_bulk_actions_report_what_was_refused(browser: Browser, opened: OpenCase) -> None:
    await opened(1)
    await opened(2, process="help", stage="new")
    answer = await post(
        browser("maria"), "/cases/bulk", case=["1.1", "2.1"], do="close", next="/all"
    )
    page = answer.body.decode()
    assert answer.status == 409
    assert re.search(r'<div class="message bad">\s*<p>1 case[^<]*1 case', page)
    assert 'name="steps" value="1.1.' in page


@pytest.mark.parametrize("cookie", ["language=en", "language=pl"])
async def test_what_a_bulk_action_refused_stays_chosen_with_the_action(
    browser: Browser, opened: OpenCase, desk: Desk, cookie: str
) -> None:
    for number in (1, 2, 3):
        await opened(number)
    maria = browser("maria")
    await post(maria, "/cases/2/assignments", revision="1", to="maria@office.example")
    answer = await post(
        maria.with_headers(cookie=cookie),
        "/cases/bulk",
        case=["1.1", "2.1"],
        do="move",
        stage="approval",
        assignee="anna@office.example",
        next="/all?process=invoices&sort=number",
    )
    page = Page(answer.status, answer.body.decode())
    assert answer.status == 409
    form = page.form("/cases/bulk")
    # The row as its reader now sees it.
    assert [value for name, value in form.fields if name == "case"] == ["2.2"]
    assert form.value("stage") == "approval"
    assert form.value("assignee") == "anna@office.example"
    assert form.value("next") == "/all?process=invoices&sort=number"
    assert re.search(r'value="move" autofocus>', page.text)
    assert page.text.count("autofocus") == 1
    again = await post(maria, "/cases/bulk", **dict(form.fields), do="move")
    assert (again.status, again.headers["location"]) == (303, form.value("next"))
    case = await desk.reader.case(2, {})
    assert case is not None
    assert case.stage == "approval"


async def test_what_a_bulk_action_on_parked_mail_refused_stays_chosen(
    browser: Browser, desk: Desk, parked: Mail
) -> None:
    gone: dict[str, str | list[str]] = {
        "mail": [PARKED, mail_key("invoices", b"gone")],
        "do": "retry",
        "why": "Try again",
    }
    await desk.store.collection(Mail.COLLECTION).update({}, {"$set": {"raw": None}})
    answer = await post(browser("maria"), "/parked/bulk", **gone)
    page = Page(answer.status, answer.body.decode())
    form = page.form("/parked/bulk")
    assert (answer.status, form.value("mail"), form.value("why")) == (409, PARKED, "Try again")
    assert page.text.count("2 mails") == 1


async def test_a_bare_number_in_the_search_opens_the_case(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    for text in ("1", "%5B%231%5D"):
        answer = await browser("anna").ask("GET", f"/search?q={text}")
        assert (answer.status, answer.headers.get("location")) == (303, "/cases/1"), text
    assert (await browser("hans").ask("GET", "/search?q=1")).status == 200


async def test_what_may_not_be_seen_does_not_exist(browser: Browser, opened: OpenCase) -> None:
    await opened(1)
    hans = browser("hans")
    for path in ("/cases/1", "/cases/1/row", "/cases/1/comments/x/mail"):
        assert (await hans.ask("GET", path)).status == 404, path
        assert (await browser("anna").ask("GET", path.replace("1", "77", 1))).status == 404
    assert (await post(hans, "/cases/1/closures", revision="1")).status == 404
    assert (await post(browser("rita"), "/cases/1/closures", revision="1")).status == 403


async def test_nobody_signed_in_is_sent_to_sign_in(browser: Browser) -> None:
    answer = await browser("").ask("GET", "/cases/1")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=/cases/1")
    page = await shown(browser(""), "/sign-in?next=/cases/1")
    assert 'value="/cases/1"' in page
    answer = await browser("").ask("GET", "/all?process=help&stage=new")
    assert answer.headers["location"] == "/sign-in?next=/all%3Fprocess%3Dhelp%26stage%3Dnew"
    page = await shown(browser(""), answer.headers["location"])
    assert 'value="/all?process=help&amp;stage=new"' in page


@pytest.mark.parametrize(
    ("form", "home"),
    [
        ("/cases/1/moves", "/cases/1"),
        ("/cases/1/answers", "/cases/1/answer"),
        ("/cases/1/drafts/note", "/todo"),
        ("/cases/bulk?next=//evil.example", "/todo"),
        ("/webhooks/w1", "/webhooks"),
        ("/parked/bulk", "/parked"),
    ],
)
async def test_the_address_of_a_form_leads_to_its_page(
    browser: Browser, form: str, home: str
) -> None:
    """A browser shows that address while it shows a refused form."""
    answer = await browser("anna").ask("GET", form)
    assert (answer.status, answer.headers["location"]) == (303, home)
    assert (await browser("").ask("GET", form)).headers["location"].startswith("/sign-in?next=")


async def test_a_redirect_never_leaves_the_desk(browser: Browser) -> None:
    for target in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:1",
        "",
    ):
        answer = await post(browser("anna"), "/preferences", theme="dark", next=target)
        assert answer.headers["location"] == "/todo", target


async def test_language_and_theme_are_remembered(browser: Browser) -> None:
    anna = browser("anna")
    answer = await post(anna, "/preferences", theme="dark", next="/mine")
    assert answer.headers["location"] == "/mine"
    assert "theme=dark" in answer.cookies[0]
    page = await shown(anna.with_headers(cookie="theme=dark; language=pl"), "/todo")
    assert '<html lang="pl" data-theme="dark">' in page
    assert "Do zrobienia" in page
    page = await shown(anna.with_headers(accept_language="pl-PL,pl;q=0.9,en;q=0.5"), "/todo")
    assert '<html lang="pl"' in page


async def test_htmx_gets_the_content_alone(browser: Browser, opened: OpenCase) -> None:
    await opened(1)
    anna = browser("anna").with_headers(hx_request="true")
    page = await shown(anna, "/all")
    assert page.lstrip().startswith("<title>")
    row = await shown(anna, "/cases/1/row")
    assert row.strip().startswith('<li class="row')
    assert "<script" not in page + row


HOSTILE = (
    "<p>Dear <b>all</b></p><script>alert(1)</script>"
    '<img data-remote-src="https://track.example/1.png" alt="Logo">'
    '<a href="https://evil.example/">https://bank.example</a>'
)


async def test_a_mails_html_is_framed_without_scripts_and_remote_images(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    comments = desk.store.collection(Comment.COLLECTION)
    (comment,) = await comments.find({"case": 1}, limit=1)
    await comments.update({"_id": comment["_id"]}, {"$set": {"html": HOSTILE}})
    path = f"/cases/1/comments/{comment['_id']}/mail"
    page = await shown(browser("anna"), "/cases/1")
    assert f'src="{path}"' in page
    assert "1 image from the internet was not loaded." in page
    assert "<b>all</b>" not in page
    answer = await browser("anna").ask("GET", path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert "allow-scripts" not in policy
    assert b"track.example" not in answer.body
    assert b"differs" in answer.body
    answer = await browser("anna").ask("GET", f"{path}?images=true")
    assert b'src="https://track.example/1.png"' in answer.body


async def test_every_response_has_its_own_content_security_policy(browser: Browser) -> None:
    first, second = [await browser("anna").ask("GET", "/todo") for _ in range(2)]
    for answer in (first, second):
        policy = answer.headers["content-security-policy"]
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert len(nonce) > 15
        assert f'nonce="{nonce}"'.encode() in answer.body
        assert answer.headers["cache-control"] == "no-store"
    assert first.headers["content-security-policy"] != second.headers["content-security-policy"]


async def test_assets_are_kept_forever_under_their_hash(browser: Browser) -> None:
    page = await shown(browser("anna"), "/todo")
    url = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = await browser("").ask("GET", url)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert (await browser("").ask("GET", "/static/../pages/routes.py")).status == 404


async def test_parked_mail_is_shown_discarded_and_retried(browser: Browser, parked: object) -> None:
    maria = browser("maria")
    assert "Invoice 17" in await shown(maria, "/parked")
    key = (await shown(maria, "/parked")).partition('name="mail" value="')[2].partition('"')[0]
    page = await shown(maria, f"/parked/{key}")
    assert "Please pay." in page
    answer = await post(maria, f"/parked/{key}/discards", why="Spam")
    assert answer.status == 303
    assert "Invoice 17" not in await shown(maria, "/parked")


async def test_a_saved_view_is_in_its_owners_navigation_until_they_remove_it(
    browser: Browser, opened: OpenCase
) -> None:
    await opened(1)
    anna = browser("anna")
    href = "/all?process=invoices"
    saved = await post(anna, "/views", href=href, name="Invoices <b>")
    assert (saved.status, saved.headers["location"]) == (303, href)
    page = await shown(anna, "/todo")
    assert "Invoices &lt;b&gt;" in page
    assert "Invoices &lt;b&gt;" not in await shown(browser("maria"), "/todo")
    elsewhere = await post(anna, "/views", href="//evil.example", name="x")
    assert "evil" not in elsewhere.headers["location"]
    first, *_ = re.findall(r'action="/views/([^"]+)"', page)
    assert (await post(browser("maria"), f"/views/{first}", next="/todo")).status == 404
    await post(anna, f"/views/{first}", next="/todo")
    assert "Invoices &lt;b&gt;" not in await shown(anna, "/todo")


@pytest.mark.parametrize(("path", "status"), [("/cases/1", 500), ("/cases/2", 404)])
async def test_an_error_of_the_navigation_becomes_a_page_without_it(
    browser: Browser, opened: OpenCase, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    await opened(1)

    async def fails(visit: Visit) -> Navigation:
        raise ValueError(visit.language)

    monkeypatch.setattr(dispatch, "read_navigation", fails)
    answer = await browser("anna").ask("GET", path)
    assert answer.status == status
    assert b"</html>" in answer.body


async def test_a_token_is_for_programs_and_opens_no_page(browser: Browser) -> None:
    for path in ("/todo", "/account", "/tokens"):
        answer = await browser("scanner").ask("GET", path)
        assert (answer.status, answer.headers["location"]) == (303, f"/sign-in?next={path}")
