"""Writes many cases with ten comments each, as the services would have: `mailcase audit` finds
nothing wrong with them.

They are the cases of the desk's trial with seven more short mails, the outcome and the thread of
each mail, a history that explains the state of the case, and a file in every tenth case.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pymongo

from benchmarks.baseline.mails import BENCH
from benchmarks.desk.cases import STAGES, CaseMaker, search_entry
from benchmarks.search import vocabulary
from schemas.cases import Decision
from schemas.changes import Change, change_id
from schemas.stored import Case, Comment, Counter, Mail, Thread, thread_id, to_document
from schemas.stored.search import SearchEntry
from services.desk.search.terms import terms_of
from services.runtime.store.blobs import CHUNK_BYTES, CHUNKS, FILES

Document = dict[str, Any]

COMMENTS = 10  # of a case: a mail, a note, and eight further mails
FILES_EVERY = 10
WRITTEN_TOGETHER = 500  # cases
_WRITERS = 2
_COLLECTIONS = (
    *(Case.COLLECTION, Comment.COLLECTION, Change.COLLECTION, SearchEntry.COLLECTION),
    *(Mail.COLLECTION, Thread.COLLECTION, FILES, CHUNKS),
)
_TEXTS, _WORDS = 4_000, 8  # of further mails
_APART = timedelta(seconds=1)


class RecordMaker:
    """Builds the documents of case 1, 2, 3 …, which are the same in every run."""

    def __init__(self, processes: Sequence[str], count: int) -> None:
        self._cases = CaseMaker(processes, count)
        self._now = datetime.now(UTC)
        self._mail = _mail_template()
        words, chance = vocabulary(), random.Random(12)
        weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))
        self._texts = [
            " ".join(chance.choices(words, cum_weights=weights, k=_WORDS)) for _ in range(_TEXTS)
        ]
        self._terms = {text: terms_of([text]) for text in self._texts}

    def documents(self, number: int) -> Mapping[str, list[Document]]:
        """The documents of a case, by collection."""
        documents = dict(self._cases.documents(number))
        (case,), (mail, note) = documents[Case.COLLECTION], documents[Comment.COLLECTION]
        mails = [mail, *self._further(case, mail)]
        for index, comment in enumerate(mails):
            comment["message_id"] = f"<{number}.{index}@customer.example>"
        documents[Comment.COLLECTION] = [*mails, note]
        documents[SearchEntry.COLLECTION] += [
            search_entry(comment["_id"], case, comment["at"], self._terms[comment["text"]])
            for comment in mails[1:]
        ]
        documents[Mail.COLLECTION] = [
            self._outcome(case, comment, "appended" if index else "opened")
            for index, comment in enumerate(mails)
        ]
        documents[Thread.COLLECTION] = [
            {
                "_id": thread_id(case["process"], comment["message_id"]),
                "case": number,
                "claimed_by": comment["_id"],
                "digest": None,
            }
            for comment in mails
        ]
        if number % FILES_EVERY == 0:
            documents |= _attach(case, mail)
        documents[Change.COLLECTION] = self._history(case, documents[Change.COLLECTION], mails[1:])
        return documents

    def _further(self, case: Document, mail: Document) -> Iterator[Document]:
        for index in range(1, COMMENTS - 1):
            text = self._texts[(case["_id"] * COMMENTS + index) % len(self._texts)]
            yield mail | {
                "_id": f"{index:02x}{mail['_id'][2:]}",
                "at": case["opened_at"] + index * _APART,
                "text": text,
                "full_text": text,
            }

    def _outcome(self, case: Document, comment: Document, outcome: str) -> Document:
        return self._mail | {
            "_id": comment["_id"],
            "process": case["process"],
            "outcome": outcome,
            "case": case["_id"],
            "received_at": comment["at"],
            "recorded_at": comment["at"],
        }

    def _history(
        self, case: Document, changes: Sequence[Document], mails: Sequence[Document]
    ) -> list[Document]:
        """The changes, with more that lead to the state of the case, which gets what they say."""
        at, process = case["updated_at"], case["process"]
        whats: list[Document] = [
            {"type": "mail-added", "comment": mail["_id"], "kind": "mail"} for mail in mails
        ]
        is_closed, due_at = case["status"] == "closed", case["due_at"]
        if case["stage"] != STAGES[0] or due_at is not None:
            whats.append(
                {
                    "type": "stage-moved",
                    "from_stage": STAGES[0],
                    "to_stage": case["stage"],
                    "from_process": process,
                    "to_process": process,
                    "due_at": due_at,
                    "closed": is_closed,
                }
            )
            case["stage_since"] = at
            case["closed_at"] = at if is_closed else None
        else:
            case["stage_since"] = case["opened_at"]
        if due_at is not None and due_at < self._now:
            whats.append({"type": "overdue", "due_at": due_at})
            case["overdue_at"] = at
        case["revision"] = len(changes) + len(whats)
        case["comment_count"] = COMMENTS
        more = [
            changes[-1]
            | {
                "_id": change_id(case["_id"], revision),
                "revision": revision,
                "at": at,
                "what": what,
            }
            for revision, what in enumerate(whats, len(changes) + 1)
        ]
        return [*changes, *more]


def fill_with_records(url: str, database: str, processes: Sequence[str], count: int) -> None:
    """Write cases 1 to `count` into an empty database that has no indexes yet."""
    maker = RecordMaker(processes, count)
    with (
        pymongo.MongoClient[Document](url, w=1) as client,
        ThreadPoolExecutor(_WRITERS) as writers,
    ):
        store, writing = client[database], list[Future[object]]()
        for first in range(1, count + 1, WRITTEN_TOGETHER):
            blocks: dict[str, list[Document]] = {name: [] for name in _COLLECTIONS}
            for number in range(first, min(count + 1, first + WRITTEN_TOGETHER)):
                for name, documents in maker.documents(number).items():
                    blocks[name] += documents
            for written in writing:
                written.result()
            writing = [
                writers.submit(store[name].insert_many, block, ordered=False)
                for name, block in blocks.items()
                if block
            ]
        for written in writing:
            written.result()
        counter = to_document(Counter(id="case", value=count))
        store[Counter.COLLECTION].replace_one({"_id": "case"}, counter, upsert=True)


def _attach(case: Document, mail: Document) -> Mapping[str, list[Document]]:
    """Attach a file to the mail; returns its blob's documents."""
    content = f"{case['_id']}".encode() * 100
    sha256 = hashlib.sha256(content).hexdigest()
    mail["attachments"] = [
        {
            "name": "file.txt",
            "content_type": "text/plain",
            "size": len(content),
            "sha256": sha256,
            "inline": False,
            "content_id": None,
            "blob": sha256,
        }
    ]
    case["attachment_count"] = 1
    file = {
        "_id": sha256,
        "length": len(content),
        "chunkSize": CHUNK_BYTES,
        "uploadDate": case["opened_at"] - timedelta(days=3),
    }
    chunk = {"_id": bson.ObjectId(), "files_id": sha256, "n": 0, "data": content}
    return {FILES: [file], CHUNKS: [chunk]}


def _mail_template() -> Document:
    now = datetime.now(UTC)
    return to_document(
        Mail(
            id="",
            mailbox=BENCH,
            process="",
            outcome="opened",
            case=0,
            reason=None,
            decision=Decision(rule="new-case"),
            deliveries=1,
            raw=None,
            received_at=now,
            recorded_at=now,
            written_by="bench",
        )
    )
