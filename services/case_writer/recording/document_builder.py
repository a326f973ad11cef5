"""Turns a plan and the state that a transaction reads into the documents that it writes. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import structs

from schemas.mails import BlobRef
from schemas.stored import Case
from services.case_writer.placement.plan import Plan
from services.case_writer.recording.builder import Acknowledge, TransactionContext, build_documents
from services.case_writer.recording.documents import CaseChange, CaseUpdate, Documents, StoredState
from services.case_writer.recording.history import StageDue, number_history
from services.case_writer.recording.moves import settle_left_cases
from services.runtime.store.errors import ConflictError


@dataclass(frozen=True)
class OpeningRules:
    """How cases begin.

    `initial_stages` maps each process to its initial stage. `acknowledge` takes a mail and the
    number of the case that it opened, and returns the acknowledgement, or None. `stage_due` takes a
    process, a stage and the time at which a case enters it, and returns when the case is due.
    """

    initial_stages: Mapping[str, str]
    acknowledge: Acknowledge = lambda *_: None
    stage_due: StageDue = lambda *_: None


@dataclass(frozen=True)
class DocumentBuilder:
    """Builds the documents of a plan inside the transaction, since only the transaction knows the
    numbers; see `Cases.write`.
    """

    plan: Plan
    attempt: str
    opening: OpeningRules
    originals: Mapping[str, BlobRef] = field(default_factory=dict)

    @property
    def restored_numbers(self) -> list[int]:
        """The former numbers of restored cases."""
        return [case.number for case in self.plan.new_cases if case.number is not None]

    @property
    def new_numbers(self) -> int:
        """How many numbers the new cases need."""
        return len(self.plan.new_cases) - len(self.restored_numbers)

    @property
    def existing_cases(self) -> list[int]:
        """The numbers of the cases that the documents change."""
        placed = [*self.plan.placed, *(rederived.placed for rederived in self.plan.rederived)]
        numbers = {mail.target for mail in placed if isinstance(mail.target, int)}
        return sorted(numbers | set(self.leaving))

    @property
    def leaving(self) -> dict[int, list[str]]:
        """The keys of the mails that move out of each case."""
        keys: dict[int, list[str]] = defaultdict(list)
        for rederived in self.plan.rederived:
            if rederived.moves and rederived.recorded.case is not None:
                keys[rederived.recorded.case].append(rederived.placed.mail.key)
        return keys

    def __call__(self, first_number: int, stored: StoredState) -> Documents:
        """All documents. New cases are numbered from `first_number` in the order of the plan.

        Raises ConflictError if a case is no longer as the plan assumes, PermanentError if the plan
        can never be written.
        """
        for number, seen in self.plan.seen.items():
            case = stored.cases.get(number)
            if case is not None and (case.status, case.merged_into) != seen:
                raise ConflictError(
                    f"case {number} was closed, reopened or merged by someone else first"
                )
        context = TransactionContext(
            datetime.now(UTC),
            self.attempt,
            first_number,
            self.opening.initial_stages,
            self.opening.acknowledge,
            self.originals,
        )
        documents = build_documents(self.plan, context)
        settle_left_cases(documents, stored.left)
        self._write_history(documents, stored.cases)
        return documents

    def _write_history(self, documents: Documents, cases: Mapping[int, Case]) -> None:
        new_cases = {case.number: case for case in documents.cases}
        numbered = number_history(
            documents.history, cases, new_cases, documents.now, self.opening.stage_due
        )
        documents.written_history = numbered.changes
        documents.cases = [numbered.cases[number] for number in new_cases]
        documents.case_updates = [
            CaseUpdate(
                cases[number],
                _changed(numbered.cases.get(number, cases[number]), change, documents.now),
            )
            for number, change in documents.changes.items()
            if number in cases
        ]


def _changed(case: Case, change: CaseChange, now: datetime) -> Case:
    """The case with what a batch adds to it."""
    opened_by = case.opened_by
    if change.opener is not None and change.opener[0] == opened_by:
        opened_by = change.opener[1]
    participants = case.participants
    if change.participants:
        gained = dict.fromkeys(change.participants)
        participants = [
            *participants,
            *(address for address in gained if address not in participants),
        ]
    return structs.replace(
        case,
        comment_count=case.comment_count + change.comments,
        attachment_count=case.attachment_count + change.attachments,
        participants=participants,
        opened_by=opened_by,
        updated_at=max(case.updated_at, now) if change.touches else case.updated_at,
    )
