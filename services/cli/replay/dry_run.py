"""What a replay would come to: the stages' own rules on the archive and the database, and nothing written."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from schemas.cases import Command, ParkMail
from schemas.events import ReplayEffect
from schemas.mails import BlobRef, RawMail
from schemas.reasons import ParkReason
from services.case_writer.isolated_reader import IsolatedReader
from services.case_writer.main import reading_limits
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.planner import plan, query
from services.case_writer.placement.snapshot import CaseSnapshot, RecordedMail, Snapshot, SnapshotQuery
from services.case_writer.ports import UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.recording.replay_effects import replayed
from services.cli.replay.archive_reader import mails
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.publisher import ReplayOptions, as_replayed
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

A_NEW_CASE = 0  # the number of a case that has none yet


class DryRun:
    """Decides every chosen mail as if it were replayed with --rederive, in the order of the archive."""

    def __init__(self, settings: Settings, store: Store, choice: Choice, past: CaseHistory, stop: Stop) -> None:
        self._settings = settings
        self._choice = choice
        self._past = past
        self._stop = stop
        self._stages = settings.initial_stages
        self._cases = MongoCases(store)
        self._policy_of = policies(settings)
        reading = settings.reading
        self._aside = IsolatedReader(
            reading_limits(settings), max_seconds=reading.max_seconds, max_memory_bytes=reading.max_memory_bytes
        )
        self._intake = MailPreparer(
            _NothingKept(Blobs(store)),
            lambda _mailbox: False,
            limits=reading_limits(settings),
            aside=self._aside,
            aside_bytes=reading.aside_bytes,
        )
        self._pretended = Snapshot()  # what the mails before would have brought
        self._totals: Counter[str] = Counter()

    async def over(self, broker: Broker, start: Start, end: int | None) -> int:
        """Print a line a mail, then the totals."""
        seen: set[str] = set()
        try:
            async for batch in mails(broker, start, end):
                if self._stop.requested:
                    break
                chosen = [one.mail for one in batch if one.mail is not None and self._choice.has(one.mail)]
                fresh = [mail for mail in {one.key: one for one in chosen}.values() if mail.key not in seen]
                seen.update(mail.key for mail in fresh)
                for mail in self._openings_first(fresh):
                    await self._decide(mail)
                self._totals["unreadable"] += sum(one.mail is None for one in batch)
        finally:
            await self._aside.close()
        print(
            ", ".join(f"{count} {word}" for word, count in sorted(self._totals.items()) if count)
            or "no mail was chosen"
        )
        return 0

    def _openings_first(self, fresh: Iterable[RawMail]) -> list[RawMail]:
        return sorted(fresh, key=lambda mail: (was := self._past.of(mail.key)) is None or was.opener != mail.key)

    async def _decide(self, mail: RawMail) -> None:
        asked = as_replayed(mail, ReplayOptions(run="dry", rederive=True), self._past)
        item = await self._item(decide(asked, self._policy_of(mail.process, mail.mailbox)))
        known = self._with_pretended(await self._cases.snapshot(query([item])), query([item]))
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
        written = build_documents(planned, TransactionContext(datetime.now(UTC), "dry", A_NEW_CASE, self._stages))
        [effect] = [one for told in replayed([asked], known, planned, written) for one in told.effects]
        self._pretend(asked, effect)
        self._totals[f"{effect.effect}" if recorded else f"would be {effect.effect}"] += 1
        print(_line(item, recorded, effect), flush=True)

    async def _item(self, command: Command) -> PreparedMail:
        try:
            return (await self._intake.prepare([command]))[0]
        except PermanentError as error:
            reason = error.reason if isinstance(error, UnreadableMailError) else ParkReason.CANNOT_BE_WRITTEN
            return PreparedMail(ParkMail(mail=command.mail, decision=command.decision, reason=reason), None)

    def _with_pretended(self, known: Snapshot, asked: SnapshotQuery) -> Snapshot:
        mails_ = {key: one for key in asked.mails if (one := self._pretended.mails.get(key))}
        numbers = {*asked.cases, *(one.case for one in mails_.values())}
        cases = {number: one for number, one in self._pretended.cases.items() if number in numbers}
        return Snapshot(mails_ | known.mails, cases | known.cases, known.threads, known.senders, known.comments)

    def _pretend(self, mail: RawMail, effect: ReplayEffect) -> None:
        """A case that comes back is there for the replies to it."""
        if effect.effect == "opened" and effect.case:
            recorded = RecordedMail("opened", mail.process, effect.case, None, "dry")
            self._pretended.mails[mail.key] = recorded
            stage = self._stages.get(mail.process, "")
            self._pretended.cases[effect.case] = CaseSnapshot(mail.process, stage, "open", "", frozenset())


class _NothingKept:
    """A blob store that gives out what there is, and only names what it would keep."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        return [BlobRef(sha256=hashlib.sha256(one).hexdigest(), size=len(one)) for one in contents]

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        return [one for one in refs if not await self._is_there(one)]

    async def _is_there(self, ref: BlobRef) -> bool:
        """By reading it: the real one's look notes that it was asked, which is a write."""
        try:
            return len(await self._blobs.get(ref.sha256)) == ref.size
        except PermanentError:
            return False

    async def get(self, sha256: str) -> bytes:
        return await self._blobs.get(sha256)


def _line(item: PreparedMail, recorded: RecordedMail | None, effect: ReplayEffect) -> str:
    mail = item.command.mail
    before = "no outcome"
    if recorded is not None:
        rule = recorded.decision.rule if recorded.decision else "?"
        before = f"{recorded.outcome} {_where(recorded.case, recorded.reason or '')} by {rule}"
    today = "the same"
    if effect.effect not in {"unchanged", "rederived"}:
        word = "would be elsewhere:" if effect.effect == "differs" else effect.effect
        today = f"{word} {_where(effect.case, effect.detail)} by {item.command.decision.rule}"
    elif effect.effect == "rederived":
        today = "the same, reads otherwise"
    return printable(f"{mail.key[:12]} {mail.fetched_at:%Y-%m-%d %H:%M} {mail.mailbox}: {before} | {today}")


def _where(case: int | None, detail: str) -> str:
    words = [f"[#{case}]"] if case else ["a new case"] if case == A_NEW_CASE else []
    return " ".join([*words, *([f"({detail})"] if detail else [])]) or "in no case"
