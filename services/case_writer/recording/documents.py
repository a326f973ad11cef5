"""The documents that one transaction writes, as values. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from schemas.cases import Decision
from schemas.changes import Change
from schemas.cloud_events import MailEvent
from schemas.stored import Case, Comment, Mail, Outcome, OutgoingMail, Person, Sender, Thread
from services.case_writer.recording.history import HistoryEntry


@dataclass
class CaseChange:
    """The additions of a batch to an existing case. `touches` is true if something was added, so
    that the case's `updated_at` changes. `opener` is the author of the mail that opened the case,
    before and after it was derived again; None if they are the same.
    """

    touches: bool = False
    comments: int = 0
    attachments: int = 0
    participants: list[str] = field(default_factory=list)
    opener: tuple[Person, Person] | None = None


class CaseUpdate(NamedTuple):
    """A case as the transaction read it, and as it becomes."""

    before: Case
    after: Case


@dataclass(frozen=True)
class Replacement:
    """The current comment and decision, which replace those of version `seen` of a recorded mail.

    `was` is the mail's current case. `threads` are the keys of the Message-IDs that go with the
    mail if it moves.
    """

    key: str
    seen: str
    outcome: Outcome
    was: int
    before: Comment
    comment: Comment
    decision: Decision
    threads: list[str]

    @property
    def moves(self) -> bool:
        return self.comment.case != self.was


@dataclass(frozen=True)
class VerdictReplacement:
    """The current reason and decision, which replace those of version `seen` of a mail without a
    case.
    """

    key: str
    seen: str
    reason: str
    decision: Decision


@dataclass(frozen=True)
class Bounced:
    """The sent mails, by Message-ID, that a delivery report in the same case declares
    undeliverable."""

    case: int
    message_ids: list[str]
    mail_key: str


@dataclass(frozen=True)
class LeftCase:
    """The mails that the database still has in a case after others moved out: `oldest` is a mail
    key, None if none stays.
    """

    has_mails: bool
    has_opener: bool
    oldest: str | None


@dataclass(frozen=True)
class StoredState:
    """What the transaction read: the existing cases by number, and the cases that mails move out
    of.
    """

    cases: Mapping[int, Case] = field(default_factory=dict)
    left: Mapping[int, LeftCase] = field(default_factory=dict)


@dataclass
class Documents:
    """Everything that one transaction writes, except the counter.

    - `history` are the entries without their revisions, `written_history` with them. `changes` are
      sums over the batch; `case_updates` are the documents that follow from them.
    - `openers` are the keys of mails that count as the opening ones from now on, because the ones
      that opened their cases moved away.
    - `claims` are threads that a mail claims: reserved ones, and those in `released`, each with the
      mail that had claimed it.
    - `deliveries` counts further deliveries of recorded mails by their keys. `retried` maps the
      keys of mails to the versions of the outcomes that are replaced.
    """

    now: datetime
    attempt: str
    cases: list[Case] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    claims: list[Thread] = field(default_factory=list)
    released: Mapping[str, str] = field(default_factory=dict)
    senders: list[Sender] = field(default_factory=list)
    changes: dict[int, CaseChange] = field(default_factory=lambda: defaultdict(CaseChange))
    case_updates: list[CaseUpdate] = field(default_factory=list)
    replaced: list[Replacement] = field(default_factory=list)
    verdicts: list[VerdictReplacement] = field(default_factory=list)
    openers: list[str] = field(default_factory=list)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    retried: Mapping[str, str] = field(default_factory=dict)
    events: list[MailEvent] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    written_history: Sequence[Change] = ()
    outgoing: list[OutgoingMail] = field(default_factory=list)
    bounced: list[Bounced] = field(default_factory=list)
