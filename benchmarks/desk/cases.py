"""Writes many cases with comments, history and search entries for the desk's trial, without the
services.

Documents are copies of templates, written in bulk before the indexes are created, so that a million
cases take minutes. Texts are drawn from a pool with the word frequencies of a language; each case
has its own number, sender and amount.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo

from benchmarks.search import vocabulary
from schemas.changes import Actor, Change, Noted, Publication
from schemas.stored import Case, Comment, Counter, Person, to_document
from schemas.stored.search import SearchEntry, case_entry_id, search_rank
from services.desk.search.terms import terms_of

Document = dict[str, Any]

TEXTS, WORDS = 4_000, 40
WRITTEN_TOGETHER = 2_000
REVISION = 3  # of every case
OPEN_SHARE = 0.25
PEOPLE = [f"person{number}@office.example" for number in range(50)]
STAGES = ("registration", "approval", "payment", "complaint")
_COLLECTIONS = (Case, Comment, Change, SearchEntry)
_START = datetime(2024, 1, 1, tzinfo=UTC)
_BETWEEN = timedelta(seconds=60)


class CaseMaker:
    """Builds the documents of case 1, 2, 3 …, which are the same in every run."""

    def __init__(self, processes: Sequence[str], count: int) -> None:
        self._processes = processes
        self._start = datetime.now(UTC) - (count + 1) * _BETWEEN
        self._chance = random.Random(11)
        words = vocabulary()
        weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))
        self._texts = []
        for _ in range(TEXTS):
            drawn = " ".join(self._chance.choices(words, cum_weights=weights, k=WORDS))
            self._texts.append((drawn, terms_of([drawn])))
        self._case, self._comment, self._change = _templates()

    def documents(self, number: int) -> Mapping[str, list[Document]]:
        """The documents of a case, by collection."""
        case = self._case_document(number)
        text, text_terms = self._texts[self._chance.randrange(TEXTS)]
        own = f"FV/{number}/2026 {number % 9_000},{number % 100:02d}"
        sender = case["opened_by"]
        mail = self._comment | {
            "_id": f"{number:064x}",
            "case": number,
            "at": case["opened_at"],
            "author": sender,
            "subject": case["title"],
            "text": f"{text} {own}",
            "full_text": f"{text} {own}",
        }
        note = self._comment | {
            "_id": f"note-{number:032x}",
            "case": number,
            "kind": "note",
            "at": case["updated_at"],
            "text": text[:120],
            "full_text": text[:120],
        }
        own_terms = terms_of([case["title"], *sender.values(), own])
        found = {"mail": [*text_terms, *own_terms], "note": text_terms[:12], "case": own_terms}
        return {
            Case.COLLECTION: [case],
            Comment.COLLECTION: [mail, note],
            Change.COLLECTION: self._history(case, mail, note),
            SearchEntry.COLLECTION: [
                search_entry(mail["_id"], case, mail["at"], found["mail"]),
                search_entry(note["_id"], case, note["at"], found["note"]),
                search_entry(case_entry_id(number), case, case["opened_at"], found["case"]),
            ],
        }

    def _case_document(self, number: int) -> Document:
        chance = self._chance
        opened = self._start + number * _BETWEEN
        is_open = chance.random() < OPEN_SHARE
        assigned = chance.choice([*PEOPLE, "group:accounting", None])
        due = opened + timedelta(days=365 * chance.random() * 3)
        word = self._texts[number % TEXTS][0].partition(" ")[0]
        return self._case | {
            "_id": number,
            "process": self._processes[number % len(self._processes)],
            "stage": chance.choice(STAGES) if is_open else "paid",
            "status": "open" if is_open else "closed",
            "title": f"Faktura {word} FV/{number}/2026",
            "opened_at": opened,
            "updated_at": opened + _BETWEEN * chance.random(),
            "closed_at": None if is_open else opened,
            "opened_by": {
                "name": f"Jan {word}",
                "address": f"jan{number % 50_000}@customer.example",
            },
            "participants": [f"jan{number % 50_000}@customer.example"],
            "assignee": assigned,
            "due_at": due if is_open and chance.random() < 0.2 else None,
        }

    def _history(self, case: Document, mail: Document, note: Document) -> list[Document]:
        whats: list[Document] = [
            {
                "type": "opened",
                "process": case["process"],
                "stage": STAGES[0],
                "title": case["title"],
                "mailbox": case["mailbox"],
                "opened_at": case["opened_at"],
                "comment": mail["_id"],
            },
            {"type": "assigned", "was": None, "to": case["assignee"]},
            {"type": "noted", "comment": note["_id"]},
        ]
        return [
            self._change
            | {
                "_id": f"{case['_id']}.{revision}",
                "case": case["_id"],
                "revision": revision,
                "at": case["opened_at"] if revision == 1 else case["updated_at"],
                "process": case["process"],
                "what": what,
            }
            for revision, what in enumerate(whats, 1)
        ]


def fill(url: str, database: str, processes: Sequence[str], count: int) -> None:
    """Write cases 1 to `count` into an empty database that has no indexes yet."""
    maker = CaseMaker(processes, count)
    with pymongo.MongoClient[Document](url, w=1) as client:
        store = client[database]
        for first in range(1, count + 1, WRITTEN_TOGETHER):
            waiting: dict[str, list[Document]] = {kind.COLLECTION: [] for kind in _COLLECTIONS}
            for number in range(first, min(count + 1, first + WRITTEN_TOGETHER)):
                for name, documents in maker.documents(number).items():
                    waiting[name] += documents
            for name, documents in waiting.items():
                store[name].insert_many(documents, ordered=False)
        counter = to_document(Counter(id="case", value=count))
        store[Counter.COLLECTION].replace_one({"_id": "case"}, counter, upsert=True)
        store[Publication.COLLECTION].delete_many({})


def _templates() -> tuple[Document, Document, Document]:
    """Documents as the services write them, as templates."""
    person, actor = Person(name="Anna Nowak", address=PEOPLE[0]), Actor(kind="person", id=PEOPLE[0])
    case = Case(
        number=0,
        process="",
        stage=STAGES[0],
        status="open",
        title="",
        mailbox="bench",
        opened_at=_START,
        updated_at=_START,
        opened_by=person,
        participants=[],
        comment_count=2,
        attachment_count=0,
        revision=REVISION,
        stage_since=_START,
    )
    comment = Comment(
        id="",
        case=0,
        kind="mail",
        at=_START,
        sent_at=None,
        author=person,
        subject="",
        text="",
        full_text="",
        html=None,
        message_id=None,
        in_reply_to=None,
        attachments=[],
        original=None,
        flags=[],
    )
    change = Change(
        id="",
        case=0,
        revision=1,
        at=_START,
        actor=actor,
        process="",
        what=Noted(comment=""),
    )
    return to_document(case), to_document(comment), to_document(change)


def search_entry(entry_id: str, case: Document, time: datetime, terms: Sequence[str]) -> Document:
    return {
        "_id": entry_id,
        "case": case["_id"],
        "process": case["process"],
        "time": time,
        "rank": search_rank(entry_id, time),
        "revision": REVISION,
        "terms": sorted(set(terms)),
    }
