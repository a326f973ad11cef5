"""Shows what a replay would do: applies the services' own rules to the archive and the database,
and writes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

from schemas.cases import Command, ParkMail
from schemas.events import ReplayEffect
from schemas.mails import BlobRef, RawMail
from schemas.reasons import ParkReason
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    Snapshot,
    SnapshotQuery,
)
from services.case_writer.placement.snapshot_query import query
from services.case_writer.ports import MailReader, UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.recording.replay_effects import replayed
from services.cli.replay.archive_reader import mails
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.field_preview import FieldPreview
from services.cli.replay.options import ReplayOptions, as_replayed
from services.cli.replay.selection import Choice
from services.cli.terminal.output import printable
from services.router.policy import policies
from services.router.service import decide
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import Start
from services.runtime.errors import PermanentError
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

A_NEW_CASE = 0  # stands for the number of a new case


class DryRun:
    """Decides every selected mail in the order of the archive, as if it were replayed with
    --rederive.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        reader: MailReader,
        choice: Choice,
        *,
        history: CaseHistory,
        stop: Stop,
    ) -> None:
        self._settings = settings
        self._choice = choice
        self._history = history
        self._stop = stop
        self._stages = settings.initial_stages
        self._cases = MongoCases(store)
        self._policy_of = policies(settings)
        self._preparer = MailPreparer(_ReadOnlyBlobs(Blobs(store)), reader)
        self._fields = FieldPreview(store, settings)
        self._simulated = Snapshot()  # the documents that earlier mails would have written
        self._totals: Counter[str] = Counter()

    async def run(self, broker: Broker, start: Start, end: int | None) -> int:
        """Print a line for each mail, then the totals; returns the exit status."""
        seen: set[str] = set()
        try:
            async for batch in mails(broker, start, end):
                if self._stop.requested:
                    break
                found = [entry.mail for entry in batch if entry.mail is not None]
                chosen = {mail.key: mail for mail in found if self._choice.has(mail)}
                fresh = [mail for mail in chosen.values() if mail.key not in seen]
                seen.update(mail.key for mail in fresh)
                for mail in self._openings_first(fresh):
                    await self._decide(mail)
                self._totals["unreadable"] += sum(entry.mail is None for entry in batch)
        finally:
            await self._fields.close()
        print(
            ", ".join(f"{count} {word}" for word, count in sorted(self._totals.items()) if count)
            or "no mail was selected"
        )
        return 0

    def _openings_first(self, fresh: Iterable[RawMail]) -> list[RawMail]:
        return sorted(
            fresh,
            key=lambda mail: (
                (prior := self._history.of(mail.key)) is None or prior.opener != mail.key
            ),
        )

    async def _decide(self, mail: RawMail) -> None:
        asked = as_replayed(mail, ReplayOptions(run="dry", rederive=True), self._history)
        item = await self._item(decide(asked, self._policy_of(mail.process, mail.mailbox)))
        known = self._with_simulated(await self._cases.snapshot(query([item])), query([item]))
        recorded = known.mails.get(mail.key)
        if not self._choice.has_outcome(recorded.outcome if recorded else None):
            return
        planned = plan(
            [item],
            known,
            attempt="dry",
            own_addresses=self._settings.own_addresses,
            rules=self._settings.processes,
        )
        written = build_documents(
            planned, TransactionContext(datetime.now(UTC), "dry", A_NEW_CASE, self._stages)
        )
        messages = replayed([asked], known, planned, written)
        [effect] = [effect for message in messages for effect in message.effects]
        self._simulate(asked, effect)
        self._totals[f"{effect.effect}" if recorded else f"would be {effect.effect}"] += 1
        print(_line(item, recorded, effect), flush=True)
        if recorded is not None and recorded.case is not None:
            for line in await self._fields.changes(mail.key):
                self._totals["fields would change"] += 1
                print(printable(line), flush=True)

    async def _item(self, command: Command) -> PreparedMail:
        try:
            return (await self._preparer.prepare([command]))[0]
        except PermanentError as error:
            reason = (
                error.reason
                if isinstance(error, UnreadableMailError)
                else ParkReason.CANNOT_BE_WRITTEN
            )
            return PreparedMail(
                ParkMail(mail=command.mail, decision=command.decision, reason=reason), None
            )

    def _with_simulated(self, known: Snapshot, asked: SnapshotQuery) -> Snapshot:
        mails_ = {
            key: recorded for key in asked.mails if (recorded := self._simulated.mails.get(key))
        }
        numbers = {*asked.cases, *(mail.case for mail in mails_.values())}
        cases = {
            number: case for number, case in self._simulated.cases.items() if number in numbers
        }
        return Snapshot(
            mails_ | known.mails, cases | known.cases, known.threads, known.senders, known.comments
        )

    def _simulate(self, mail: RawMail, effect: ReplayEffect) -> None:
        """Remember a case that would be restored, so that replies find it."""
        if effect.effect == "opened" and effect.case:
            recorded = RecordedMail("opened", mail.process, effect.case, None, "dry")
            self._simulated.mails[mail.key] = recorded
            stage = self._stages.get(mail.process, "")
            self._simulated.cases[effect.case] = CaseSnapshot(
                mail.process, stage, "open", "", frozenset()
            )


class _ReadOnlyBlobs:
    """A blob store that reads blobs, and only computes the references of those that it would
    write.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        return await self.put_hashed(
            [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        )

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        return [BlobRef(sha256=sha256, size=len(content)) for sha256, content in by_hash]

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        return [ref for ref in refs if not await self._exists(ref)]

    async def _exists(self, ref: BlobRef) -> bool:
        """Check by reading: `Blobs.missing` updates the time of last use, which is a write."""
        try:
            return len(await self._blobs.get(ref.sha256)) == ref.size
        except PermanentError:
            return False

    async def get(self, sha256: str) -> bytes:
        return await self._blobs.get(sha256)

    def pieces(self, sha256: str, size: int | None = None) -> AsyncIterator[bytes]:
        return self._blobs.pieces(sha256, size)


def _line(item: PreparedMail, recorded: RecordedMail | None, effect: ReplayEffect) -> str:
    mail = item.command.mail
    before = "no outcome"
    if recorded is not None:
        rule = recorded.decision.rule if recorded.decision else "?"
        before = f"{recorded.outcome} {_place(recorded.case, recorded.reason or '')} by {rule}"
    today = "the same"
    if effect.effect not in {"unchanged", "rederived"}:
        verb = "would be elsewhere:" if effect.effect == "differs" else effect.effect
        today = f"{verb} {_place(effect.case, effect.detail)} by {item.command.decision.rule}"
    elif effect.effect == "rederived":
        today = "the same, reads otherwise"
    return printable(
        f"{mail.key[:12]} {mail.fetched_at:%Y-%m-%d %H:%M} {mail.mailbox}: {before} | {today}"
    )


def _place(case: int | None, detail: str) -> str:
    words = [f"[#{case}]"] if case else ["a new case"] if case == A_NEW_CASE else []
    return " ".join([*words, *([f"({detail})"] if detail else [])]) or "in no case"
