"""What a batch does, as values: mails that were read, where each goes, and what has to be known for that. Pure."""

from dataclasses import dataclass, field

from schemas.cases import Command, CommentKind, Decision
from schemas.mails import BlobRef
from schemas.stored import CaseStatus, Comment, LimitAlert, Outcome
from services.case_writer.placement.snapshot import RecordedMail, SenderHistory
from services.case_writer.reading import MailReading


@dataclass(frozen=True)
class PreparedMail:
    """A command whose mail has been read; `reading` is None where the outcome needs none (parked, ignored).

    `blobs` are the reading's attachments in the blob store, in their order; the reading itself holds their contents no
    longer. `original` is the whole mail there, None where it is not kept.
    """

    command: Command
    reading: MailReading | None
    blobs: tuple[BlobRef, ...] = ()
    original: BlobRef | None = None

    @property
    def key(self) -> str:
        return self.command.mail.key


@dataclass(eq=False)
class NewCase:
    """A case to be opened in this batch; `number` is the one that it had before, None for most: it comes in writing.

    `refers_to` is the case that the mail speaks of and is not added to, which this batch may open, too.
    """

    process: str
    number: int | None = None
    participants: list[str] = field(default_factory=list)
    refers_to: "Target | None" = None


Target = int | NewCase

# How the reasons begin that say: reading or writing failed, not the rules. Another version may succeed.
FAILURES = ("reading-", "cannot-be-written")


@dataclass(frozen=True)
class Placed:
    """A mail and the case that it goes to, with the case's process, which may be another than the mailbox's.

    `joins` are the addresses that take part in an existing case through it; `kind` is the comment's.
    """

    item: PreparedMail
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
    """A mail that goes to no case; `refers_to` is where the mail is of which it is a copy."""

    item: PreparedMail
    outcome: Outcome
    reason: str
    decision: Decision
    refers_to: Target | None = None


@dataclass(frozen=True)
class Alert:
    """A sender or a mailbox went over the limit of new cases with this mail; told once in the window."""

    item: PreparedMail
    alert: LimitAlert


@dataclass(frozen=True)
class RederivedMail:
    """A recorded mail that is derived anew: where it belongs from now on, and the comment that this replaces."""

    placed: Placed
    recorded: RecordedMail
    comment: Comment

    @property
    def moves(self) -> bool:
        return self.placed.target != self.recorded.case


@dataclass(frozen=True)
class UpdatedVerdict:
    """A mail without a case whose outcome stands, for a reason and a decision of today."""

    item: PreparedMail
    recorded: RecordedMail
    reason: str
    decision: Decision


@dataclass(frozen=True)
class Mismatch:
    """A recorded mail that today's rules would place otherwise, and that stays; `target` None means no case."""

    target: Target | None
    detail: str


@dataclass
class Plan:
    """What a batch does. `threads` are new ids, `claims` are ids reserved earlier that their mail now claims.

    `digests` are those of the mails that claim ids, by the same keys.
    `senders` is what is to be known of senders from now on, `alerts` the ids of those who just went over their limit.
    `retried` are mails whose outcome is replaced because a person asked for it.
    `duplicates` holds the key of each further delivery, to be counted after the mails are written: a mail may come
    twice in its first batch. `written_before` is what an earlier try of the same attempt wrote after all.
    `seen` is the status of existing cases that mails join, and what they were merged into, as the plan was made.
    `reread`, `reconsidered` and `differs` are of a replay that derives recorded mails anew.
    """

    new_cases: list[NewCase] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    aside: list[Unassigned] = field(default_factory=list)
    threads: dict[str, tuple[Target, str | None]] = field(default_factory=dict)
    claims: dict[str, tuple[Target, str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    senders: dict[str, SenderHistory] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    retried: dict[str, RecordedMail] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    written_before: dict[str, RecordedMail] = field(default_factory=dict)
    reread: list[RederivedMail] = field(default_factory=list)
    reconsidered: list[UpdatedVerdict] = field(default_factory=list)
    differs: dict[str, Mismatch] = field(default_factory=dict)
    seen: dict[int, tuple[CaseStatus, int | None]] = field(default_factory=dict)
