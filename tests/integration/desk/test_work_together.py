"""What people see of each other's work, and how actions are undone."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from msgspec import structs

from deploy.local import PrivateServers
from schemas.changes import CaseLink, FieldValue
from schemas.mails import RawMail, mail_key
from schemas.stored import DiscardedMessage, Mail
from services.casework.publisher import ChangePublisher
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.runtime.broker.configured import topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import DESK_INDEX, ROUTER_MAIL, dead_name
from services.runtime.settings import Settings
from tests.asgi import Answer, Client
from tests.integration.brokers import assert_length, connected
from tests.integration.desk.conftest import PARKED_MAIL, KnownPeople, OpenCase

API = "/api/v1"
Clients = Callable[[str], Client]


@pytest.fixture
def browser(desk: Desk) -> Clients:
    people = KnownPeople()
    app = build_app(desk, people, page_routes(desk, people))
    return lambda name: Client(app, {"x-test-user": name, "sec-fetch-site": "same-origin"})


async def post(client: Client, path: str, **fields: str | list[str]) -> Answer:
    content = urlencode(fields, doseq=True).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    return await client.ask("POST", path, content=content, headers=form)


async def shown(client: Client, path: str) -> str:
    answer = await client.ask("GET", path)
    assert answer.status == 200, (path, answer.body[:2000])
    return answer.body.decode()


async def test_a_case_shows_who_else_reads_it_or_writes_an_answer(
    browser: Clients, opened: OpenCase
) -> None:
    await opened(1)
    maria, anna = browser("maria"), browser("anna")
    await post(maria, "/cases/1/presence", doing="reading")
    assert "Maria is reading" in await shown(anna, "/cases/1")
    await post(maria, "/cases/1/presence", doing="answering")
    seen = await post(anna, "/cases/1/presence", doing="reading")
    assert b"Maria is writing an answer" in seen.body
    assert "Maria" not in (await shown(maria, "/cases/1")).partition('id="presence"')[2][:300]
    await post(maria, "/cases/1/presence", doing="leaving")
    assert "is writing" not in await shown(anna, "/cases/1")


async def test_presence_of_an_unseen_case_is_not_found(browser: Clients, opened: OpenCase) -> None:
    await opened(1)
    assert (await browser("hans").ask("GET", f"{API}/cases/1/presence")).status == 404
    assert (await post(browser("hans"), "/cases/1/presence", doing="reading")).status == 404


async def test_a_case_links_what_it_duplicates_and_what_mentions_it(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1, title="The first invoice")
    await opened(2, links=[CaseLink(case=1, kind="duplicate-of", by="invoice")])
    await opened(3, refers_to=2, title="About the other one")
    await opened(4, refers_to=2, title="Secret help", process="help", stage="new")
    page = await shown(browser("maria"), "/cases/2")
    assert "Possible duplicate of" in page
    assert "same seller and invoice number" in page
    assert 'href="/cases/1"' in page
    assert "About the other one" in page
    assert "Secret help" not in page, "its process is not the reader's"
    links = (await browser("maria").ask("GET", f"{API}/cases/3")).json()["links"]
    assert [(link["number"], link["kind"]) for link in links] == [(2, "refers-to")]


async def test_a_field_shows_its_evidence_and_what_contradicts_it(
    browser: Clients, opened: OpenCase
) -> None:
    now = datetime.now(UTC)

    def said(value: str, by: str) -> FieldValue:
        return FieldValue(value=value, source="line", evidence=f"No: {value}", by=by, at=now)

    await opened(
        1,
        fields={"invoice_number": said("FV/1", "m1")},
        candidates={"invoice_number": [said("FV/1", "m1"), said("FV/2", "m2")]},
        flags=["field-conflict"],
    )
    page = await shown(browser("anna"), "/cases/1")
    assert "Also found: FV/2" in page
    assert "No: FV/2" in page
    assert 'class="conflict"' in page
    assert page.count('role="tooltip"') == 2


async def test_the_navigation_counts_what_the_reader_may_see(
    browser: Clients, opened: OpenCase, parked: Mail
) -> None:
    await opened(1)
    await opened(2, assignee="maria@office.example")
    counts = {
        name: (await browser(name).ask("GET", f"{API}/counts")).json()
        for name in ("maria", "anna", "hans")
    }
    assert (counts["maria"]["todo"], counts["maria"]["mine"]) == (2, 1)
    assert (counts["maria"]["parked"], counts["anna"]["parked"]) == (1, None)
    assert counts["hans"]["todo"] == 0
    assert 'id="count-parked">1<' in await shown(browser("maria"), "/todo")
    live = (await browser("maria").ask("GET", "/counts")).json()
    assert live == {"todo": "2", "mine": "1", "parked": "1"}


def steps_of(page: str) -> str:
    found = re.search(r'name="steps" value="([^"]+)"', page)
    assert found is not None, "no undo is offered"
    return found[1]


def cookies(answer: Answer) -> str:
    return "; ".join(cookie.partition(";")[0] for cookie in answer.cookies)


async def test_an_action_on_many_cases_is_undone_except_in_cases_changed_since(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    for number in (1, 2, 3):
        await opened(number)
    maria = browser("maria")
    picked = ["1.1", "2.1", "3.7"]
    answer = await post(maria, "/cases/bulk", case=picked, do="move", stage="approval", next="/all")
    assert answer.status == 409
    page = answer.body.decode()
    assert "2 cases changed." in page
    assert "1 case was not changed." in page, "the list was of another revision"
    await post(browser("ada"), "/cases/2/assignments", revision="2", to="ada@office.example")
    undone = await post(maria, "/cases/undo", steps=steps_of(page), next="/all")
    listed = await shown(maria.with_headers(cookie=cookies(undone)), "/all")
    assert "1 case was restored." in listed
    assert "1 case was not restored" in listed
    stages = {}
    for number in (1, 2, 3):
        case = await desk.reader.case(number, {})
        assert case is not None
        stages[number] = case.stage
    assert stages == {1: "registration", 2: "approval", 3: "registration"}


async def test_closing_and_assigning_one_case_is_undone_from_its_page(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    maria = browser("maria")
    for path, fields in (
        ("/cases/1/assignments", {"to": "maria@office.example"}),
        ("/cases/1/closures", {}),
    ):
        case = await desk.reader.case(1, {})
        assert case is not None
        answer = await post(maria, path, revision=str(case.revision), **fields)
        page = await shown(maria.with_headers(cookie=cookies(answer)), "/cases/1")
        await post(maria, "/cases/undo", steps=steps_of(page), next="/cases/1")
    case = await desk.reader.case(1, {})
    assert case is not None
    assert (case.status, case.assignee) == ("open", None)


async def test_undo_gives_nobody_what_they_could_not_do(
    browser: Clients, opened: OpenCase, desk: Desk
) -> None:
    await opened(1)
    await post(browser("maria"), "/cases/1/closures", revision="1")
    for name in ("rita", "hans", "eve"):
        await post(browser(name), "/cases/undo", steps="1.1.2", next="/todo")
    case = await desk.reader.case(1, {})
    assert case is not None
    assert case.status == "closed"


@pytest.fixture
async def broker(
    servers: PrivateServers, no_settling: None, settings: Settings, desk: Desk
) -> AsyncIterator[Broker]:
    """Connected like the desk's, with its queues; the dead letters are empty."""
    async with connected(servers) as broker:
        await broker.declare(topology_of(settings))
        desk.events.connected(broker, ChangePublisher(desk.store, broker))
        yield broker
        desk.events.disconnected()


def dead_mail(process: str, mailbox: str) -> Outgoing:
    content = PARKED_MAIL.replace(b"Invoice 17", f"Dead in {process}".encode())
    now = datetime.now(UTC)
    raw = RawMail(
        key=mail_key(mailbox, content),
        process=process,
        mailbox=mailbox,
        size=len(content),
        fetched_at=now,
        received_at=now,
        raw=content,
    )
    message = Outgoing.of(raw, raw.key, dead_name(ROUTER_MAIL))
    headers = {"x-mailcase-reason": "it <b>failed</b>", "x-mailcase-trace": "ValueError"}
    return structs.replace(message, headers=headers)


async def test_managers_of_a_process_see_retry_and_discard_its_dead_letters(
    browser: Clients, broker: Broker, desk: Desk
) -> None:
    ours = dead_mail("invoices", "invoices")
    await broker.publish_all([ours, dead_mail("help", "help")])
    garbage = Outgoing("", dead_name(ROUTER_MAIL), b"\x00garbage", "", "")
    await broker.publish(garbage)
    # The queues of events have dead letters too.
    await broker.publish(Outgoing("", dead_name(DESK_INDEX), b"\x00event", "", ""))
    maria, ada = browser("maria"), browser("ada")
    page = await shown(maria, "/dead")
    assert "Dead in invoices" in page
    assert "it &lt;b&gt;failed&lt;/b&gt;" in page
    assert "Dead in help" not in page
    assert page.count('name="letter"') == 1, "what carries no mail is for who manages everything"
    assert (await shown(ada, "/dead")).count('name="letter"') == 4
    ids = re.findall(r'name="letter" value="([^"]+)"', await shown(ada, "/dead"))
    (mine,) = re.findall(r'name="letter" value="([^"]+)"', page)
    others = [letter for letter in ids if letter != mine]
    stolen = await post(maria, "/dead/bulk", letter=others, do="discard", why="not mine")
    assert stolen.status == 404
    assert b"Dead in help" not in stolen.body
    await assert_length(broker, dead_name(ROUTER_MAIL), 3)
    waiting = await broker.length(ROUTER_MAIL)  # other tests may have left some
    await post(maria, "/dead/bulk", letter=[mine], do="retry")
    await assert_length(broker, ROUTER_MAIL, waiting + 1)
    unexplained = await post(ada, "/dead/bulk", letter=others, do="discard")
    assert unexplained.status == 422
    await assert_length(broker, dead_name(ROUTER_MAIL), 2)  # discarding needs a reason
    await post(ada, "/dead/bulk", letter=others, do="discard", why="tests")
    await assert_length(broker, dead_name(ROUTER_MAIL), 0)
    kept = await desk.store.collection(DiscardedMessage.COLLECTION).find({})
    assert {letter["discarded"]["by"] for letter in kept} == {"ada@office.example"}
    assert len(kept) == 3


async def test_without_a_broker_the_page_of_dead_letters_says_so(browser: Clients) -> None:
    assert "The broker does not respond" in await shown(browser("maria"), "/dead")
