"""The documents that an action writes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from schemas.changes import Actor, Adopted, Change, Merged, Opened, Unmerged, What, change_id
from schemas.stored import Attachment, Case, Comment, Person
from services.casework.decisions.situation import CommentInfo, Situation
from services.casework.history import apply

COUNTERS = "counters"
CASE_COUNTER = "case"
MIGRATION = Actor(kind="rule", id="history-began")


@dataclass
class WrittenChanges:
    """The changes of one action, with each case before and after them.

    `opened` is the first change of a new case; its document is not in `cases` yet.
    """

    before: dict[int, Case] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    opened: Change | None = None

    def add(
        self,
        case: Case,
        whats: Sequence[What],
        actor: Actor,
        now: datetime,
        mail_key: str | None = None,
    ) -> None:
        """Append the changes `whats` to those of a case."""
        self.before.setdefault(case.number, case)
        current = self.cases.get(case.number, case)
        if current.revision == 0:
            current = self._append(current, adoption(current), MIGRATION, now)
        for what in whats:
            current = self._append(current, what, actor, now, mail_key)
        self.cases[case.number] = current

    def open(self, number: int, opened: Opened, actor: Actor, now: datetime) -> None:
        """Begin the history of a new case."""
        self.opened = new_change(number, 1, opened, actor=actor, now=now, process=opened.process)
        self.changes.append(self.opened)

    def _append(
        self, case: Case, what: What, actor: Actor, now: datetime, mail_key: str | None = None
    ) -> Case:
        change = new_change(
            case.number,
            case.revision + 1,
            what,
            actor=actor,
            now=now,
            process=case.process,
            mail_key=mail_key,
        )
        after = apply(case, change)
        if after.process != change.process:
            change = structs.replace(change, process=after.process)
        self.changes.append(change)
        return with_participants(after, what)


def new_change(
    case: int,
    revision: int,
    what: What,
    *,
    actor: Actor,
    now: datetime,
    process: str,
    mail_key: str | None = None,
) -> Change:
    """An unpublished change."""
    return Change(
        id=change_id(case, revision),
        case=case,
        revision=revision,
        at=now,
        actor=actor,
        process=process,
        what=what,
        mail_key=mail_key,
    )


def adoption(case: Case) -> Adopted:
    """The first change of a case that was written before cases had a history."""
    return Adopted(
        process=case.process,
        stage=case.stage,
        status=case.status,
        title=case.title,
        mailbox=case.mailbox,
        opened_at=case.opened_at,
    )


def with_participants(case: Case, what: What) -> Case:
    """The case with the participants after a merge or an unmerge; no other action changes them."""
    if isinstance(what, Merged) and what.joined:
        return structs.replace(case, participants=[*case.participants, *what.joined])
    if isinstance(what, Unmerged) and what.left:
        gone = set(what.left)
        return structs.replace(
            case,
            participants=[
                participant for participant in case.participants if participant not in gone
            ],
        )
    return case


def changed_fields(before: Case, after: Case) -> dict[str, Any]:
    """The fields of the case document that differ, as MongoDB stores them. The number never
    differs.
    """
    changed = {
        name: value
        for name in before.__struct_fields__
        if (value := getattr(after, name)) != getattr(before, name)
    }
    return {
        name: msgspec.to_builtins(value, builtin_types=(datetime,))
        for name, value in changed.items()
    }


def at_revision(revision: int) -> dict[str, Any]:
    """A query for a document at this revision; documents older than the history lack the field."""
    return {"revision": {"$in": [0, None]} if revision == 0 else revision}


def note(situation: Situation, text: str, files: Sequence[Attachment]) -> Comment:
    """The comment of a note."""
    actor = situation.acting.actor
    return Comment(
        id=situation.comment_id,
        case=situation.case.number,
        kind="note",
        at=situation.now,
        sent_at=None,
        author=Person(actor.name or actor.id, actor.id if "@" in actor.id else ""),
        subject="",
        text=text,
        full_text=text,
        html=None,
        message_id=None,
        in_reply_to=None,
        attachments=list(files),
        original=None,
        flags=[],
    )


def comment_info(document: dict[str, Any]) -> CommentInfo:
    return CommentInfo(
        id=document["_id"],
        kind=document["kind"],
        at=document["at"],
        subject=document["subject"],
        author=document["author"]["address"],
    )
