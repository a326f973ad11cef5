"""The input of a decision, and its result. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.changes import What
from schemas.stored import Case, CaseStatus
from services.casework.actors import ActingAs
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Process


@dataclass(frozen=True)
class CommentInfo:
    """The part of a comment that splitting needs."""

    id: str
    kind: str
    at: datetime
    subject: str = ""
    author: str = ""


@dataclass(frozen=True)
class Situation:
    """Everything that a decision may depend on.

    `processes` are the settings by name. `other` is the target of a merge, or the case that this
    one was merged into; None if it does not exist or is not needed. For an unmerge,
    `status_before_merge` and `joined_by_merge` are from the history: the earlier status of the
    case, and the participants that the target gained and that have not written to it since. For a
    split, `comments` are those of the case, and `new_number` is the number of the new case.
    `comment_id` is the id of a comment that the action writes.
    """

    case: Case
    processes: Mapping[str, Process]
    acting: ActingAs
    now: datetime
    other: Case | None = None
    status_before_merge: CaseStatus = "open"
    joined_by_merge: Sequence[str] = ()
    comments: Sequence[CommentInfo] = ()
    new_number: int | None = None
    comment_id: str = ""

    @property
    def process(self) -> Process | None:
        """The rules of the case's process; None if the settings no longer have it."""
        return self.processes.get(self.case.process)


@dataclass(frozen=True)
class AutomaticMail:
    """The mail that a stage sends when a case enters it. Its texts are templates, which the sender
    fills in.
    """

    stage: str
    to: str
    subject: str | None
    text: str


@dataclass(frozen=True)
class Accepted:
    """The changes of an action, by case number, in order. `by_rule` are changes made by the
    settings, not by the actor.

    `note` is the text of the comment to write, None if there is none. `mail` is sent. `split` are
    the comments that go to the new case.
    """

    changes: Mapping[int, Sequence[What]]
    by_rule: Mapping[int, Sequence[What]] = field(default_factory=dict)
    note: str | None = None
    mail: AutomaticMail | None = None
    split: Sequence[str] = ()


def one_change(case: Case, what: What) -> Accepted:
    """One change of one case."""
    return Accepted({case.number: [what]})


def known_process(situation: Situation) -> Process:
    """The rules of the case's process. Raises ActionRefusedError if the settings do not have it."""
    process = situation.process
    if process is None:
        problem = f"the settings have no process {situation.case.process!r}"
        raise ActionRefusedError(
            "no-such-process", problem, "add it, or move the case to another process"
        )
    return process
