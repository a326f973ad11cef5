"""In-memory fakes of the ports. Each passes the contract in `tests/contract` that its adapter
passes.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.changes import Change
from schemas.mails import BlobRef
from schemas.stored import Case, Comment, Mail, Sender, Thread, to_document
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    SenderHistory,
    Snapshot,
    SnapshotQuery,
    ThreadSnapshot,
)
from services.case_writer.ports import UnreadableMailError
from services.case_writer.reading import MailReading, read_mail
from services.case_writer.recording.document_builder import DocumentBuilder
from services.case_writer.recording.documents import Documents, StoredState
from services.casework.publisher import event_message, publish_each
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import MailcaseError, PermanentError, TransientError
from services.runtime.process.isolated import Pieces
from services.runtime.store.errors import TakenError, UnclearCommitError


class InProcessReader:
    """The port `MailReader`, without a process that can be killed."""

    def __init__(self, read: Callable[[bytes], MailReading] | None = None) -> None:
        self._read = read or read_mail
        self.questions: list[int] = []  # how many mails each had

    async def read_all(self, mails: Sequence[Pieces]) -> list[MailReading | UnreadableMailError]:
        self.questions.append(len(mails))
        return [await self._reading(mail) for mail in mails]

    async def _reading(self, mail: Pieces) -> MailReading | UnreadableMailError:
        content = b"".join([piece async for piece in mail()])
        try:
            return self._read(content)
        except UnreadableMailError as error:
            return error


class FakeBlobs:
    """Implements the port `BlobStore`. The next calls raise `failures`, in their order."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.failures: list[MailcaseError] = []

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        return await self.put_hashed(
            [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        )

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        self._fail()
        references = []
        for sha256, content in by_hash:
            self.contents[sha256] = content
            references.append(BlobRef(sha256=sha256, size=len(content)))
        return references

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        self._fail()
        return [
            ref
            for ref in refs
            if len(self.contents.get(ref.sha256, b"")) != ref.size
            or ref.sha256 not in self.contents
        ]

    async def get(self, sha256: str) -> bytes:
        self._fail()
        if sha256 not in self.contents:
            raise PermanentError(f"no blob {sha256}")
        return self.contents[sha256]

    async def pieces(self, sha256: str, size: int | None = None) -> AsyncIterator[bytes]:
        content = await self.get(sha256)
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class _Failure:
    error: MailcaseError | Exception
    written: bool  # a commit with an unknown result may have been written


class FakeCases:
    """Implements the port `Cases`, with the unique keys of the real one: `_id` of mails, comments,
    threads and cases.

    `fails` makes the next writes fail. `poison` gets every plan and may raise. `meanwhile` runs
    once between a case writer's snapshot and its write, as another case writer would.
    """

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}
        self.cases: dict[int, Case] = {}
        self.counter = 0
        self.comments: dict[str, Comment] = {}
        self.mails: dict[str, Mail] = {}
        self.threads: dict[str, Thread] = {}
        self.senders: dict[str, SenderHistory] = {}
        self.plans: list[Plan] = []  # every plan that a writer tried to write
        self.poison: Callable[[Plan], None] = lambda _plan: None
        self.meanwhile: Callable[[], None] | None = None
        self.replicates = True
        self.proofs_failed = 0
        self._failures: list[_Failure] = []

    def fails(self, error: Exception, times: int = 1, *, written: bool = False) -> None:
        """Make the next `times` writes raise `error`; if `written` is true, after they were
        written.
        """
        self._failures += [_Failure(error, written)] * times

    def fails_unclearly(self, *, written: bool) -> None:
        self.fails(UnclearCommitError("the answer got lost"), written=written)

    async def snapshot(self, query: SnapshotQuery) -> Snapshot:
        threads = {
            key: ThreadSnapshot(thread.case, thread.claimed_by, thread.digest)
            for key in query.threads
            if (thread := self.threads.get(key))
        }
        own = [threads[key].claimed_by or "" for key in query.own_threads if key in threads]
        mails = {
            key: RecordedMail(
                mail.outcome,
                mail.process,
                mail.case,
                mail.reason,
                mail.written_by,
                decision=mail.decision,
                placed_by=mail.placed_by,
                reopened=mail.reopened,
                alert=mail.alert,
                refers_to=mail.refers_to,
            )
            for key in (*query.mails, *own)
            if (mail := self.mails.get(key))
        }
        numbers = {*query.cases, *(thread.case for thread in threads.values())}
        numbers.update(mail.case for mail in mails.values() if mail.case is not None)
        cases = {
            number: CaseSnapshot(
                case.process,
                case.stage,
                case.status,
                case.title,
                frozenset(case.participants),
                case.refers_to,
            )
            for number in numbers
            if (case := self.cases.get(number))
        }
        senders = {key: one for key in query.senders if (one := self.senders.get(key))}
        return Snapshot(mails, cases, threads, senders)

    async def prove_majority(self) -> None:
        if self.replicates:
            return
        self.proofs_failed += 1
        raise TransientError("no majority takes a write")

    async def write(self, build: DocumentBuilder) -> Documents:
        self.plans.append(build.plan)
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        failure = self._failures.pop(0) if self._failures else None
        if failure and not failure.written:
            raise failure.error
        self.poison(build.plan)
        assert not build.leaving, "only the database itself moves mails"
        last = max([self.counter, *self.cases, *build.restored_numbers])
        stored = {number: self.cases[number] for number in build.existing_cases}
        written = build(last + 1, StoredState(stored))
        self._check_unique(written)
        self._apply(written)
        self.counter = last + build.new_numbers
        if failure:
            raise failure.error
        return written

    async def all(self, collection: str) -> dict[Any, dict[str, Any]]:
        """The documents of a collection by `_id`, as in the database."""
        stored: Mapping[Any, msgspec.Struct] = getattr(self, collection)
        return {key: to_document(one) for key, one in stored.items()}

    def _check_unique(self, written: Documents) -> None:
        taken = [mail.id for mail in written.mails if mail.id in self.mails]
        taken += [thread.id for thread in written.threads if thread.id in self.threads]
        taken += [str(case.number) for case in written.cases if case.number in self.cases]
        claimed = [
            claim.id
            for claim in written.claims
            if self.threads[claim.id].claimed_by not in {None, written.released.get(claim.id)}
        ]
        if taken or claimed:
            raise TakenError(f"another writer was first: {taken + claimed}")

    def _apply(self, written: Documents) -> None:
        assert not written.replaced, "only the database itself derives again"
        self.changes |= {change.id: change for change in written.written_history}
        self.mails |= {mail.id: mail for mail in written.mails}
        self.comments |= {comment.id: comment for comment in written.comments}
        self.cases |= {case.number: case for case in written.cases}
        self.cases |= {update.after.number: update.after for update in written.case_updates}
        self.senders |= {sender.id: _history(sender) for sender in written.senders}
        self.threads |= {thread.id: thread for thread in [*written.threads, *written.claims]}
        for key, count in written.deliveries.items():
            mail = self.mails[key]
            if mail.counted_by != written.attempt:
                counted = mail.deliveries + count
                self.mails[key] = msgspec.structs.replace(
                    mail, deliveries=counted, counted_by=written.attempt
                )


def _history(sender: Sender) -> SenderHistory:
    return SenderHistory(tuple(sender.times), sender.alerted_at, sender.version)


class FakePublisher:
    """Implements the port `HistoryPublisher`: passes everything to an outlet at once."""

    def __init__(self, cases: FakeCases, outlet: "FakeOutlet") -> None:
        self._cases = cases
        self._outlet = outlet
        self.published: set[str] = set()

    async def publish(self, changes: Sequence[Change]) -> None:
        await publish_each(self._outlet, changes, event_message)
        self.published |= {change.id for change in changes}

    async def catch_up(self, cases: Collection[int]) -> None:
        await self.publish(
            [
                change
                for change in self._cases.changes.values()
                if change.case in cases and change.id not in self.published
            ]
        )


class FakeOutlet:
    """Implements the port `Outlet`: what was published, in order. Exchanges in `unroutable` have no
    queue.
    """

    def __init__(self, unroutable: Iterable[str] = ()) -> None:
        self.published: list[Outgoing] = []
        self.failures: list[TransientError] = []
        self._unroutable = frozenset(unroutable)

    async def publish_all(self, messages: list[Outgoing]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        lost = [message for message in messages if message.exchange in self._unroutable]
        self.published += [message for message in messages if message not in lost]
        if any(number.mandatory for number in lost):
            raise TransientError("no queue takes the message")
