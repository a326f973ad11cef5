"""Failures and refusals on Polish pages: our words in Polish, a server's own text as a quote."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.reasons import IdentityProblem, MailboxProblem
from schemas.stored import Mail, MailboxState, to_document
from schemas.stored.webhooks import Attempt, Delivery, Webhook
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.desk.search.index import SearchIndex
from tests.asgi import Client
from tests.integration.desk.conftest import PARKED, KnownPeople, OpenCase
from tests.integration.desk.pages.test_pages import Browser, post, shown


@pytest.fixture
def browser(desk: Desk) -> Browser:
    """A browser of one of PEOPLE, on the desk's own pages."""
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    return lambda name: Client(
        app, {"x-test-user": name, "sec-fetch-site": "same-origin"} if name else {}
    )


def polish(client: Client) -> Client:
    return client.with_headers(cookie="language=pl", accept="text/html")


async def test_a_mailbox_that_is_down_says_why(browser: Browser, desk: Desk) -> None:
    state = MailboxState(
        id="invoices",
        at=datetime.now(UTC),
        reader="host",
        waiting=0,
        oldest_at=None,
        last_success_at=None,
        failure="login: cannot log in at imap.office.example:993: the log-in is refused: NO",
        hint="check user and password",
        problem=MailboxProblem.LOGIN_REFUSED,
        answer="[AUTHENTICATIONFAILED] Sorry",
    )
    await desk.store.collection(MailboxState.COLLECTION).insert([to_document(state)])
    page = await shown(polish(browser("maria")), "/mailboxes")
    assert "Serwer imap.office.example odmawia logowania." in page
    assert '<q lang="en">[AUTHENTICATIONFAILED] Sorry</q>' in page
    assert "check user" not in page


async def test_a_test_of_a_log_in_says_why_it_failed(browser: Browser) -> None:
    answer = await post(polish(browser("maria")), "/mailboxes/invoices/tests")
    page = answer.body.decode()
    assert "Logowanie nie powiodło się: " in page
    assert "cannot connect" not in page
    assert "serwer" in page.partition("Logowanie nie powiodło się: ")[2][:200].lower()


async def test_a_delivery_that_failed_says_why(browser: Browser, desk: Desk) -> None:
    now = datetime.now(UTC)
    webhook = Webhook(
        id="wh_1",
        url="https://erp.office.example/",
        secret="whsec_x",
        owner="maria@office.example",
        owner_kind="person",
        created_at=now,
        updated_at=now,
    )
    delivery = Delivery(
        id="wh_1.1.1",
        webhook="wh_1",
        event="1.1",
        type="stage-moved",
        case=1,
        revision=1,
        process="invoices",
        time=now,
        state="failed",
        due_at=now,
        created_at=now,
        expires_at=now + timedelta(days=1),
        attempts=[Attempt(at=now, duration_ms=5, status=500, answer="<b>no", problem="status")],
    )
    await desk.store.collection(Webhook.COLLECTION).insert([to_document(webhook)])
    await desk.store.collection(Delivery.COLLECTION).insert([to_document(delivery)])
    page = await shown(polish(browser("maria")), "/webhooks")
    assert "nie dostarczono" in page
    assert "Odbiorca zgłosił błąd (500): <q>&lt;b&gt;no</q>" in page


async def test_a_parked_mail_without_its_content_says_why_a_retry_cannot_help(
    browser: Browser, desk: Desk, parked: Mail
) -> None:
    await desk.store.collection(Mail.COLLECTION).update({}, {"$set": {"raw": None}})
    maria = polish(browser("maria"))
    page = await shown(maria, f"/parked/{PARKED}")
    assert "Ponowna próba nie pomoże: Jej treści nie zapisano." in page
    answer = await post(maria, f"/parked/{PARKED}/retries")
    assert answer.status == 409
    assert "Jej treści nie zapisano." in answer.body.decode()


async def test_the_error_that_parked_a_mail_is_a_quote(
    browser: Browser, desk: Desk, parked: Mail
) -> None:
    failed = {"reason": "reading-failed", "decision.evidence": ["KeyError('<b>')"]}
    await desk.store.collection(Mail.COLLECTION).update({}, {"$set": failed})
    page = await shown(polish(browser("maria")), f"/parked/{PARKED}")
    assert 'Szczegóły techniczne: <q lang="en">KeyError(&#39;&lt;b&gt;&#39;)</q>' in page


@pytest.mark.parametrize(
    ("path", "fields", "text"),
    [
        ("/cases/1/merges", {"revision": "1", "target": "1"}, "nie można połączyć z nią samą"),
        ("/cases/1/merges", {"revision": "1", "target": "77"}, "Nie ma takiej sprawy."),
        ("/cases/1/edit", {"revision": "1", "title": "x" * 501}, "od 1 do 500 znaków"),
        ("/cases/1/moves", {"revision": "1", "stage": "none"}, "nie może być na tym etapie"),
        ("/cases/1/assignments", {"revision": "1", "to": "x"}, "tylko osobie albo grupie"),
        ("/webhooks", {"url": "ftp://x"}, "https://"),
    ],
)
async def test_a_refused_form_says_why(
    browser: Browser, opened: OpenCase, path: str, fields: dict[str, str], text: str
) -> None:
    await opened(1)
    answer = await post(polish(browser("maria")), path, **fields)
    page = answer.body.decode()
    assert answer.status in {404, 409, 422}
    assert text in page
    assert 'lang="pl"' in page


async def test_a_path_that_does_not_exist_is_a_page_for_people(browser: Browser) -> None:
    answer = await polish(browser("anna")).ask("GET", "/no/such/page")
    assert (answer.status, "Nie znaleziono" in answer.body.decode()) == (404, True)
    for path in ("/no/such/page", "/api/v1/none"):
        program = await browser("anna").ask("GET", path)
        assert (program.status, program.json()["reason"]) == (404, "not-found")


async def test_a_search_without_a_word_says_so_beside_the_form(browser: Browser) -> None:
    answer = await polish(browser("anna")).ask("GET", "/search?q=a")
    page = answer.body.decode()
    assert answer.status == 400
    assert "Podaj co najmniej jedno słowo" in page
    assert 'name="q" value="a"' in page


async def test_a_number_that_one_case_has_opens_it(
    browser: Browser, opened: OpenCase, desk: Desk
) -> None:
    await opened(1, title="Invoice FV/2026/11/0418")
    await opened(2, title="Invoice 2026-5581")
    await SearchIndex(desk.store).rebuild(lambda _done, _known: None)
    anna = browser("anna")
    answer = await anna.ask("GET", "/search?q=FV%2F2026%2F11%2F0418")
    assert (answer.status, answer.headers.get("location")) == (303, "/cases/1")
    assert (await anna.ask("GET", "/search?q=invoice")).status == 200


async def test_a_refused_proof_of_the_provider_says_why(browser: Browser, desk: Desk) -> None:
    where = "/sign-in?problem=provider&reason="
    page = await shown(polish(browser("")), f"{where}{IdentityProblem.NOT_ALLOWED}")
    assert "Nie należysz do żadnej z grup, które mogą tu pracować." in page
    forged = await shown(polish(browser("")), f"{where}Call+0700+123456")
    alert = forged.partition('role="alert"')[2].partition("</p>")[0]
    assert "Organizacja nie potwierdziła logowania." in alert
    assert "0700" not in alert
    await desk.accounts.audit.record("login-failed", thing=IdentityProblem.WRONG_STATE)
    audit = await shown(polish(browser("ada")), "/audit")
    assert "Logowania nie rozpoczęto w tej przeglądarce" in audit
