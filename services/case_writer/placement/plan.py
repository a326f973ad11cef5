"""The plan of a batch, as values: the prepared mails, and where each of them goes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.cases import AppendToCase, Command, CommentKind, Decision
from schemas.mails import BlobRef, RawMail, Replay
from schemas.reasons import ParkReason
from schemas.stored import Attachment, CaseStatus, Comment, LimitAlert, Outcome, thread_id
from services.case_writer.placement.snapshot import RecordedMail, SenderHistory
from services.case_writer.reading import MailReading

# If a reason begins like this, reading or writing failed, and another version may succeed.
FAILURES = ("reading-", ParkReason.CANNOT_BE_WRITTEN)


@dataclass(frozen=True)
class PreparedMail:
    """A command whose mail has been read.

    `reading` is None if the outcome needs none (parked, ignored). Its attachments are moved to
    `attachments`; their contents are in the blob store. `original` is the whole mail in the blob
    store, None if it is not kept.
    """

    command: Command
    reading: MailReading | None
    attachments: tuple[Attachment, ...] = ()
    original: BlobRef | None = None

    @property
    def raw(self) -> RawMail:
        return self.command.mail

    @property
    def key(self) -> str:
        return self.command.mail.key

    @property
    def process(self) -> str:
        return self.command.mail.process

    @property
    def decision(self) -> Decision:
        return self.command.decision

    @property
    def replay(self) -> Replay | None:
        return self.command.mail.replay

    @property
    def kind(self) -> CommentKind:
        return self.command.kind if isinstance(self.command, AppendToCase) else "mail"

    @property
    def thread_keys(self) -> list[str]:
        """The keys of all Message-IDs that placing the mail may look up."""
        if self.reading is None:
            return []
        own = [self.reading.message_id] if self.reading.message_id else []
        ids = [*own, *self.decision.thread_ids]
        return [thread_id(self.process, message_id) for message_id in ids]

    @property
    def was_in_a_case(self) -> bool:
        return self.replay is not None and self.replay.case is not None

    @property
    def was_let_through(self) -> bool:
        """Whether a person retried the mail, or it was in a case: it is not held back again."""
        return self.raw.origin == "retry" or self.was_in_a_case


@dataclass(eq=False)
class NewCase:
    """A case that this batch opens.

    `number` is the former number of a restored case. It is None for other cases, which are numbered
    in the transaction. `refers_to` is a case that the mail mentions but does not join; it may be a
    new case of the same batch.
    """

    process: str
    number: int | None = None
    participants: list[str] = field(default_factory=list)
    refers_to: "Target | None" = None


Target = int | NewCase


@dataclass(frozen=True)
class Placed:
    """A mail and the case that it goes to.

    `process` is the process of the case, which may differ from the mailbox's. `joins` are the
    addresses that become participants of an existing case through this mail. `kind` is the kind of
    the comment.
    """

    mail: PreparedMail
    reading: MailReading
    target: Target
    process: str
    decision: Decision
    flags: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    opens: bool = False
    reopens: bool = False
    kind: CommentKind = "mail"


@dataclass(frozen=True)
class Unassigned:
    """A mail that goes to no case. If it is a copy, `refers_to` is the case of the other copy."""

    mail: PreparedMail
    outcome: Outcome
    reason: str
    decision: Decision
    refers_to: Target | None = None

    @property
    def needs_original(self) -> bool:
        """Whether the whole mail still has to be stored: nothing else of the mail is kept."""
        return self.mail.original is None and self.reason != ParkReason.CONTENT_MISSING


@dataclass(frozen=True)
class Alert:
    """A sender or a mailbox exceeded its limit of new cases with this mail; reported once per
    window.
    """

    mail: PreparedMail
    alert: LimitAlert


@dataclass(frozen=True)
class RederivedMail:
    """A recorded mail that is derived again: where it belongs now, and the comment to replace."""

    placed: Placed
    recorded: RecordedMail
    comment: Comment

    @property
    def moves(self) -> bool:
        return self.placed.target != self.recorded.case


@dataclass(frozen=True)
class UpdatedVerdict:
    """A mail without a case whose outcome stays, with the current reason and decision."""

    mail: PreparedMail
    recorded: RecordedMail
    reason: str
    decision: Decision


@dataclass(frozen=True)
class Mismatch:
    """A recorded mail that stays although the current rules would place it elsewhere. `target` is
    None if they would place it in no case.
    """

    target: Target | None
    detail: str


@dataclass(frozen=True)
class Rederivation:
    """The changes from deriving a recorded mail again; all None if there are none."""

    mismatch: Mismatch | None = None
    updated: UpdatedVerdict | None = None
    rederived: RederivedMail | None = None


class ThreadClaims(NamedTuple):
    """The Message-IDs that a placed mail claims or reserves, all by `thread_id`.

    `new` are ids that no case has yet. `claimed` are reserved ids that their own mail now claims.
    `digests` are those of the mails that claim ids. `is_reused` is true if another mail has the
    mail's own id.
    """

    new: Mapping[str, tuple[Target, str | None]]
    claimed: Mapping[str, tuple[Target, str]]
    digests: Mapping[str, str]
    is_reused: bool = False


class LimitCheck(NamedTuple):
    """Whether a mail may open a case. `reason` is why it is parked instead, None if it may.

    `senders` are the histories that change; `alert` is the alert to send, if any.
    """

    reason: str | None
    senders: Mapping[str, SenderHistory]
    alert: LimitAlert | None = None


@dataclass
class Plan:
    """What a batch does. Only the planner changes it.

    - `opened` are the new cases by the keys of the mails that open them; `joined` are the
      participants that existing cases gain.
    - `threads` are new Message-IDs, `claims` are ids reserved earlier that their mail now claims;
      `digests` are those of the mails that claim ids. `released` are ids whose claim passes to
      another mail, with the key of the mail that had claimed them.
    - `senders` are the histories of senders that change.
    - `retried` are the outcomes that are replaced at a person's request.
    - `duplicates` has the key of each further delivery. They are counted after the mails are
      written: a mail may come twice in its first batch.
    - `written_before` is what an earlier repetition of the same attempt turned out to have written.
    - `rederived`, `updated` and `mismatches` come from a replay that derives recorded mails again.
    - `seen` is the status of the existing cases that mails join, and what those were merged into,
      when the plan was made.
    """

    new_cases: list[NewCase] = field(default_factory=list)
    opened: dict[str, NewCase] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    unassigned: list[Unassigned] = field(default_factory=list)
    joined: dict[int, list[str]] = field(default_factory=dict)
    threads: dict[str, tuple[Target, str | None]] = field(default_factory=dict)
    claims: dict[str, tuple[Target, str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    released: dict[str, str] = field(default_factory=dict)
    senders: dict[str, SenderHistory] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    retried: dict[str, RecordedMail] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    written_before: dict[str, RecordedMail] = field(default_factory=dict)
    rederived: list[RederivedMail] = field(default_factory=list)
    updated: list[UpdatedVerdict] = field(default_factory=list)
    mismatches: dict[str, Mismatch] = field(default_factory=dict)
    seen: dict[int, tuple[CaseStatus, int | None]] = field(default_factory=dict)

    @property
    def needs_original(self) -> list[RawMail]:
        """The mails that have to be stored whole before the plan is written."""
        return [unassigned.mail.raw for unassigned in self.unassigned if unassigned.needs_original]
