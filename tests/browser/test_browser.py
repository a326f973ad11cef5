"""The desk in Debian's Chromium: journeys with and without JavaScript, and axe on every page."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from deploy.local import PrivateServers
from schemas.stored import Mail, to_document
from schemas.stored.desk import Presence
from tests.browser.hostile_mails import fill_hostile
from tests.browser.office import PASSWORD, Office, customer_writes, running_office
from tests.browser.races import run_races
from tests.browser.scripts import require_programs, run_script
from tests.builders import parked_spam

ALL_COMBINATIONS = [
    "-".join(each) for each in itertools.product(("en", "pl"), ("light", "dark"), ("320", "1280"))
]


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    require_programs()


@pytest.fixture(scope="module")
async def office(
    servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """A desk with cases, and an administrator who has set their password in the first journey."""
    async with running_office(servers, tmp_path_factory.mktemp("office")) as office:
        await drive(office, "journey.mjs", WELCOME=office.welcome, CASE="1")
        yield office


async def drive(office: Office, script: str, **environment: str) -> None:
    """Run a script as the administrator. Raises AssertionError with its output if it fails."""
    await run_script(script, DESK_URL=office.url, DESK_PASSWORD=PASSWORD, **environment)


async def test_a_case_is_worked_with_javascript(office: Office) -> None:
    await drive(office, "journey.mjs", CASE="2")


async def test_a_case_is_worked_without_javascript(office: Office) -> None:
    await drive(office, "journey.mjs", CASE="3", JAVASCRIPT="off")


@pytest.mark.parametrize("javascript", ["on", "off"])
async def test_a_refused_form_keeps_what_was_typed(office: Office, javascript: str) -> None:
    await drive(office, "refused.mjs", CASE="7", JAVASCRIPT=javascript)


async def test_a_colleagues_note_appears_by_itself(office: Office) -> None:
    await drive(office, "live.mjs", CASE="5")


async def test_two_people_work_together(office: Office) -> None:
    """Presence, a conflict, files, undo, operations, language and theme, and the keyboard alone."""
    await drive(office, "together.mjs", CASES="6 7", COLLEAGUE=office.colleague)


async def test_two_people_race_for_ten_cases(office: Office) -> None:
    """One race of each kind; the slow test has two hundred."""
    await run_races(office, 501, 10, seed=1)


@pytest.mark.slow
async def test_two_people_race_for_two_hundred_cases(
    office: Office, record_property: Callable[[str, object], None]
) -> None:
    figures = await run_races(office, 601, 200, seed=2)
    record_property("figures", str(figures))
    sys.stdout.write(f"{figures}\n")


async def test_a_customers_reply_appears_by_itself(office: Office) -> None:
    async def reply() -> None:
        present = office.store.collection(Presence.COLLECTION)
        while True:
            if await present.find({"case": 1, "doing": "noting"}, limit=1):
                break
            await asyncio.sleep(0.2)
        await customer_writes(office.store, 1, "Here is the missing page")

    async with asyncio.timeout(600.0):
        await asyncio.gather(drive(office, "reply.mjs", CASE="1"), reply())


async def test_the_flow_renews_itself(office: Office) -> None:
    mails = office.store.collection(Mail.COLLECTION)

    async def park() -> None:
        for number in itertools.count(1):
            await asyncio.sleep(3)
            mail = parked_spam(f"{number:064x}", "b" * 64, datetime.now(UTC))
            await mails.insert([to_document(mail)])

    parking = asyncio.ensure_future(park())
    try:
        await drive(office, "flow.mjs")
    finally:
        parking.cancel()
        await asyncio.gather(parking, return_exceptions=True)
        await mails.delete({"raw": "b" * 64})


async def test_hostile_mails_stay_in_their_frames(office: Office) -> None:
    """Twelve mails; the slow test has the whole corpus."""
    await fill_hostile(office.store, 101)
    await drive(office, "hostile.mjs", CASES="101 112", FRAMES="8")


@pytest.mark.slow
async def test_every_hostile_mail_stays_in_its_frame(office: Office) -> None:
    last = await fill_hostile(office.store, 301)
    await drive(office, "hostile.mjs", CASES=f"301 {last}", FRAMES="20")


async def test_axe_finds_nothing_on_any_page(office: Office) -> None:
    """Each page in one combination; the slow test has all combinations."""
    await drive(office, "pages.mjs", COMBINATIONS=" ".join(ALL_COMBINATIONS), ONE_EACH="yes")


async def test_every_page_is_valid_html(office: Office) -> None:
    """Pages and responses to forms, each in one language; the slow test has both."""
    await drive(office, "validity.mjs", LANGUAGES="en pl", ONE_EACH="yes")


@pytest.mark.slow
async def test_every_page_is_valid_html_in_both_languages(office: Office) -> None:
    await drive(office, "validity.mjs", LANGUAGES="en pl")


@pytest.mark.slow
async def test_axe_finds_nothing_in_any_language_theme_and_width(office: Office) -> None:
    await drive(office, "pages.mjs", COMBINATIONS=" ".join(ALL_COMBINATIONS))
