"""The messages that report to a replay what a batch did with its mails. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from schemas.events import MailsReplayed, ReplayEffect
from schemas.flags import CommentFlag
from schemas.mails import RawMail
from services.case_writer.placement.plan import NewCase, Plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents


def replayed(
    mails: Sequence[RawMail], snapshot: Snapshot, plan: Plan, written: Documents
) -> list[MailsReplayed]:
    """One message per replay; empty if no mail of the batch belongs to one."""
    effects = _Effects(snapshot, plan, written)
    by_run: dict[str, list[ReplayEffect]] = defaultdict(list)
    for mail in mails:
        if mail.replay is not None:
            by_run[mail.replay.run].append(effects.of(mail.key))
    return [MailsReplayed(run=run, effects=of_run) for run, of_run in by_run.items()]


class _Effects:
    def __init__(self, snapshot: Snapshot, plan: Plan, written: Documents) -> None:
        self._snapshot = snapshot
        self._plan = plan
        self._mails = {mail.id: mail for mail in written.mails}
        self._replaced = {replaced.key: replaced for replaced in written.replaced}
        self._updated = {updated.mail.key for updated in plan.updated}
        self._number_taken = {
            comment.id for comment in written.comments if CommentFlag.NUMBER_TAKEN in comment.flags
        }

    def of(self, key: str) -> ReplayEffect:
        recorded = self._snapshot.mails.get(key)
        before = recorded.case if recorded else None
        if key in self._mails:
            return self._of_written(key, before)
        if key in self._plan.mismatches:
            mismatch = self._plan.mismatches[key]
            target = None if isinstance(mismatch.target, NewCase) else mismatch.target
            return ReplayEffect(
                mail_key=key, effect="differs", case=target, was=before, detail=mismatch.detail
            )
        if key in self._replaced:
            replaced = self._replaced[key]
            return ReplayEffect(
                mail_key=key,
                effect="moved" if replaced.moves else "rederived",
                case=replaced.comment.case,
                was=replaced.was,
            )
        if key in self._updated:
            detail = recorded.reason or "" if recorded else ""
            return ReplayEffect(mail_key=key, effect="rederived", detail=detail)
        if key in self._plan.written_before and recorded is not None:
            return ReplayEffect(mail_key=key, effect=recorded.outcome, case=before)
        return ReplayEffect(mail_key=key, effect="unchanged", case=before)

    def _of_written(self, key: str, before: int | None) -> ReplayEffect:
        mail = self._mails[key]
        return ReplayEffect(
            mail_key=key,
            effect="moved" if key in self._plan.retried else mail.outcome,
            case=mail.case,
            was=before,
            detail=CommentFlag.NUMBER_TAKEN if key in self._number_taken else mail.reason or "",
        )
