"""Races of two people for one case, and checks that nobody's work was lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from schemas.changes import Answered, Assigned, Change, Closed, MailAdded, Noted, StageMoved
from schemas.stored import Comment, OutgoingMail, from_document
from services.casework.history import differences, fold
from services.casework.persistence.repository import CaseRepository
from services.desk.composing.drafts import Drafts
from services.runtime.store.mongo import Store
from tests.browser.office import PASSWORD, Office, customer_writes
from tests.browser.visitor import Form, Page, Visitor
from tests.integration.casework.test_casework import open_case
from tests.unit.casework.builders import PROCESSES

PEOPLE = ("ada", "maria")
MAX_ATTEMPTS = 8
KINDS: Sequence[tuple[tuple[str, str], bool]] = (
    (("answer", "answer"), True),
    (("move", "move"), False),
    (("answer", "answer"), False),
    (("assign", "assign"), False),
    (("answer", "move"), True),
    (("move", "assign"), False),
    (("answer", "note"), True),
    (("assign", "answer"), True),
    (("close", "move"), False),
    (("answer", "answer"), True),
)
PATHS = {
    "answer": "answers",
    "note": "notes",
    "move": "moves",
    "assign": "assignments",
    "close": "closures",
}
CHANGES: Mapping[str, type] = {
    "answer": Answered,
    "note": Noted,
    "move": StageMoved,
    "assign": Assigned,
    "close": Closed,
}


@dataclass
class Figures:
    """Totals of all races: requests by action and status, and mails that arrived."""

    races: int = 0
    mails: int = 0
    requests: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.requests.items()))
        return f"{self.races} races, {self.mails} mails meanwhile: {counts}"


@dataclass
class Racer:
    """One of two people in a race. `known` is everything that they were shown; `statuses` are those
    of their attempts.
    """

    name: str
    visitor: Visitor
    number: int
    act: str
    known: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        return f"{self.act} of {self.name} in {self.number}"

    async def open(self) -> Form:
        """Open the page of the case, and the form that it links to."""
        page = await self.visitor.open(f"/cases/{self.number}")
        self.known |= set(page.said)
        if self.act in {"answer", "note"}:
            link = page.text.partition(f'href="/cases/{self.number}/{self.act}')[2].partition('"')[
                0
            ]
            page = await self.visitor.open(f"/cases/{self.number}/{self.act}{link}")
            self.known |= set(page.newer)
        return page.form(PATHS[self.act])

    async def send(self, form: Form, *, keeps: bool) -> None:
        """Send the form until it is accepted; an action other than an answer is tried once. If
        `keeps` is true, a draft is saved at the same time, as by JavaScript.
        """
        for _ in range(MAX_ATTEMPTS):
            fields = self._fields(form)
            asks = [self.visitor.send(form.action, fields)]
            if keeps and self.act == "answer":
                asks.append(self._keep(form))
            page, *_ = await asyncio.gather(*asks)
            self.statuses.append(page.status)
            if page.status < 400:
                return
            if self.act != "answer":
                assert self.act != "note", f"{self.text} was refused: {page.text[-2000:]}"
                assert "Someone changed the case" in page.text, (self.text, page.text)
                return
            form = await self._refused(page)

    async def _keep(self, form: Form) -> Page:
        own = Visitor(self.visitor.origin)
        own.cookies.update(self.visitor.cookies)
        try:
            return await own.send(f"/cases/{self.number}/drafts/answer", self._fields(form))
        finally:
            own.close()

    def _fields(self, form: Form) -> list[tuple[str, str]]:
        match self.act:
            case "answer":
                return form.filled(text=self.text, do="send")
            case "note":
                return form.filled(text=self.text)
            case "move":
                return form.filled(stage="approval")
            case "assign":
                return form.filled(to=f"{self.name}@office.example")
            case _:
                return form.fields

    async def _refused(self, page: Page) -> Form:
        """Check that the page shows what is new, and still has the person's text, also in another
        window.
        """
        assert page.status == 409, (self.text, page.text)
        assert page.newer, f"{self.text} was refused without a reason: {page.text[-9000:]}"
        self.known |= set(page.newer)
        assert page.form("answers").value("text") == self.text
        page = await self.visitor.open(f"/cases/{self.number}/answer")
        self.known |= set(page.newer)
        form = page.form("answers")
        assert form.value("text") == self.text, f"the draft of {self.text} is lost"
        return form


async def run_races(office: Office, first: int, count: int, seed: int) -> Figures:
    """Let two people race for `count` cases, starting with number `first`, through the forms of the
    pages.

    Raises AssertionError if an answer was accepted from someone who had not seen an earlier entry,
    if a change overwrote another, or if a draft was lost or outlived its answer.
    """
    chance, figures = random.Random(seed), Figures()
    visitors = [await _signed_in(office.url, name) for name in PEOPLE]
    try:
        for number, (acts, has_mail) in zip(
            range(first, first + count), islice(cycle(KINDS), count), strict=True
        ):
            await open_case(office.store, number)
            racers = [
                Racer(name, visitor, number, act)
                for name, visitor, act in zip(PEOPLE, visitors, acts, strict=True)
            ]
            await _race(office.store, racers, chance, has_mail=has_mail)
            figures.races += 1
            figures.mails += has_mail
            figures.requests.update(
                f"{racer.act} {status}" for racer in racers for status in racer.statuses
            )
            await _check(office.store, number, racers)
    finally:
        for visitor in visitors:
            visitor.close()
    return figures


async def _signed_in(url: str, name: str) -> Visitor:
    visitor = Visitor(url)
    form = (await visitor.open("/sign-in")).form("/sign-in")
    fields = form.filled(address=f"{name}@office.example", password=PASSWORD)
    page = await visitor.send(form.action, fields)
    assert page.status == 303, page.text
    return visitor


async def _race(
    store: Store, racers: Sequence[Racer], chance: random.Random, *, has_mail: bool
) -> None:
    """Both send at the same moment or shortly after one another; the mail arrives at any time in
    between.
    """

    async def after(seconds: float, work: Racer, form: Form, *, keeps: bool) -> None:
        await asyncio.sleep(seconds)
        await work.send(form, keeps=keeps)

    async def mail(seconds: float) -> None:
        await asyncio.sleep(seconds)
        number = racers[0].number
        await customer_writes(store, number, f"mail to {number}")

    # Half of the mails arrive while the pages are opened.
    early = has_mail and chance.random() < 0.5
    coming = [asyncio.create_task(mail(chance.random() * 0.05))] if early else []
    forms = await asyncio.gather(*(racer.open() for racer in racers))
    if has_mail and not early:
        coming.append(asyncio.create_task(mail(chance.random() * 0.05)))
    late = [chance.choice((0.0, chance.random() * 0.03)) for _ in racers]
    keeps = chance.random() < 0.5
    await asyncio.gather(
        *coming,
        *(after(*each, keeps=keeps) for each in zip(late, racers, forms, strict=True)),
    )


async def _check(store: Store, number: int, racers: Sequence[Racer]) -> None:
    repository = CaseRepository(store, PROCESSES)
    case, history = await repository.case(number), await repository.history(number)
    assert case is not None
    assert [change.revision for change in history] == list(range(1, case.revision + 1))
    assert differences(case, fold(history)) == []
    said = await _said(store, number, history)
    for racer in racers:
        owner = f"{racer.name}@office.example"
        made = [
            change
            for change in history
            if change.actor.id == owner and isinstance(change.what, CHANGES[racer.act])
        ]
        accepted = [status for status in racer.statuses if status < 400]
        assert len(made) == len(accepted), f"{racer.text}: {racer.statuses}, but {made}"
        if racer.act != "answer":
            continue
        assert accepted, f"{racer.text} was never taken: {racer.statuses}"
        unknown = {text for at, text in said.items() if at < made[0].revision} - racer.known
        assert not unknown, f"{racer.text} is unaware of {unknown}"
        drafts = await Drafts(store).of_case(number, owner)
        assert not drafts, f"a draft outlives {racer.text}: {drafts}"


async def _said(store: Store, number: int, history: Sequence[Change]) -> dict[int, str]:
    """The text of the mail, note or answer at each revision of the case."""
    comments = {
        document["_id"]: from_document(document, Comment).text
        for document in await store.collection(Comment.COLLECTION).find({"case": number})
    }
    answers = {
        document["_id"]: document["text"]
        for document in await store.collection(OutgoingMail.COLLECTION).find({"case": number})
    }
    said = {}
    for change in history:
        if isinstance(change.what, MailAdded | Noted):
            said[change.revision] = comments[change.what.comment]
        elif isinstance(change.what, Answered):
            said[change.revision] = answers[change.what.outgoing]
    return said
