"""Builds the entries of the search index from comments and cases. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.stored.search import SearchEntry, case_entry_id, search_rank
from services.desk.search.terms import terms_of

COMMENT_FIELDS = ("case", "at", "author", "subject", "text", "attachments")
CASE_FIELDS = ("process", "revision", "title", "opened_at", "opened_by", "participants", "fields")

Document = Mapping[str, Any]


def build_entries(
    comments: Sequence[Document], cases: Mapping[int, Document], own: Sequence[int]
) -> Iterator[SearchEntry]:
    """The entries of comments, and of the cases `own`, one at a time. A comment without its case
    has no entry.

    `comments` and `cases` are documents with COMMENT_FIELDS and CASE_FIELDS.
    """
    for comment in comments:
        if comment["case"] in cases:
            yield _comment_entry(comment, cases[comment["case"]])
    for number in own:
        if number in cases:
            yield _case_entry(cases[number])


def _comment_entry(comment: Document, case: Document) -> SearchEntry:
    texts = [comment["subject"], *_person(comment["author"])]
    texts += [attachment["name"] for attachment in comment["attachments"]]
    return _entry(comment["_id"], case, comment["at"], [*texts, comment["text"]])


def _case_entry(case: Document) -> SearchEntry:
    texts = [case["title"], *_person(case["opened_by"]), *case["participants"]]
    values = (field["value"] for field in case.get("fields", {}).values())
    texts += [value for value in values if isinstance(value, str)]
    return _entry(case_entry_id(case["_id"]), case, case["opened_at"], texts)


def _entry(entry_id: str, case: Document, time: Any, texts: Sequence[str]) -> SearchEntry:
    return SearchEntry(
        id=entry_id,
        case=case["_id"],
        process=case["process"],
        time=time,
        rank=search_rank(entry_id, time),
        revision=case.get("revision", 0),
        terms=terms_of(texts),
    )


def _person(person: Document) -> tuple[str, str]:
    return person["name"], person["address"]
