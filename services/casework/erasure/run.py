"""The state of one erasure: its report, and what changes in each case. Pure."""

from dataclasses import dataclass, field
from typing import Any

from schemas.changes import Actor
from schemas.mails import BlobRef
from schemas.stored import Case, Comment
from services.casework.erasure.redaction import Traces


@dataclass
class ErasureReport:
    """What an erasure did, or would do.

    `blobs_later` are contents that were stored recently; case writers remove them within hours.
    `desk_records` are drafts, uploads, views, deliveries, stored responses and entries of the audit
    log. `account` is the desk user with the same address, whose account stays; None if there is
    none.
    """

    cases: list[int] = field(default_factory=list)
    comments: int = 0
    outgoing: int = 0
    mails: int = 0
    blobs: int = 0
    blobs_later: int = 0
    names: list[str] = field(default_factory=list)
    desk_records: int = 0
    account: str | None = None


@dataclass
class CaseErasure:
    """What changes in one case."""

    number: int
    case: Case | None
    after: Case | None = None
    comments: list[Comment] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    outgoing: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    blobs: set[str] = field(default_factory=set)

    @property
    def changes_anything(self) -> bool:
        return bool(
            self.comments or self.history or self.outgoing or self.mails or self.case != self.after
        )


@dataclass
class ErasureRun:
    """One erasure: whose data is erased, by whom, and the results so far."""

    traces: Traces
    actor: Actor
    placeholder: BlobRef
    dry_run: bool
    report: ErasureReport = field(default_factory=ErasureReport)
    gone: set[str] = field(default_factory=set)

    def note(self, erasure: CaseErasure) -> None:
        """Count what was erased in a case."""
        if erasure.changes_anything:
            self.report.cases.append(erasure.number)
        self.report.comments += len(erasure.comments)
        self.report.outgoing += len(erasure.outgoing)
        self.gone |= erasure.blobs


def blobs_of(comment: Comment) -> set[str]:
    """The SHA-256 of each blob that a comment refers to."""
    blobs = {attachment.blob for attachment in comment.attachments}
    return blobs | ({comment.original} if comment.original is not None else set())
