"""The database's content for the keys that a batch looks up, as values. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.cases import Decision
from schemas.stored import CaseStatus, Comment, LimitAlert, Outcome


@dataclass(frozen=True)
class RecordedMail:
    """A mail whose outcome is written; `written_by`, the attempt that wrote it last, names the
    version.
    """

    outcome: Outcome
    process: str
    case: int | None
    reason: str | None
    written_by: str
    deliveries: int = 1
    decision: Decision | None = None
    moved_from: int | None = None
    placed_by: str | None = None
    reopened: bool = False
    alert: LimitAlert | None = None
    refers_to: int | None = None


@dataclass(frozen=True)
class CaseSnapshot:
    """The part of an existing case that the placement of a mail needs; `refers_to` and
    `merged_into` as in `Case`.
    """

    process: str
    stage: str
    status: CaseStatus
    title: str
    participants: frozenset[str]
    refers_to: int | None = None
    merged_into: int | None = None


@dataclass(frozen=True)
class SenderHistory:
    """When a sender or a mailbox opened cases recently.

    `version` is 0 if the database has no document of it, and grows with each write.
    """

    times: tuple[datetime, ...] = ()
    alerted_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class ThreadSnapshot:
    """A Message-ID that belongs to a case; `claimed_by` is None while no mail with that id has
    arrived.

    `digest` is that mail's, None if it is not known.
    """

    case: int
    claimed_by: str | None
    digest: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The database's content for the keys of a batch. A key that does not exist is in no
    mapping.
    """

    mails: dict[str, RecordedMail] = field(default_factory=dict)
    cases: dict[int, CaseSnapshot] = field(default_factory=dict)
    threads: dict[str, ThreadSnapshot] = field(default_factory=dict)
    senders: dict[str, SenderHistory] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)


@dataclass(frozen=True)
class SnapshotQuery:
    """The keys that a batch looks up: mail keys, case numbers, thread ids, sender ids, ids of
    comments.

    `own_threads` are those of the thread ids that the mails themselves have: the mails that claimed
    them are looked up, too.
    """

    mails: Sequence[str]
    cases: Sequence[int]
    threads: Sequence[str]
    senders: Sequence[str] = ()
    comments: Sequence[str] = ()
    own_threads: Sequence[str] = ()
