"""What a batch did with the mails of a replay, for whoever runs it. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from schemas.events import MailsReplayed, ReplayEffect
from schemas.mails import RawMail
from services.case_writer.placement.plan import NewCase, Plan
from services.case_writer.placement.restore import NUMBER_TAKEN
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents


def replayed(mails: Sequence[RawMail], known: Snapshot, plan: Plan, written: Documents) -> list[MailsReplayed]:
    """One message a replay; none where no mail of the batch is of one."""
    effects = _Effects(known, plan, written)
    by_run: dict[str, list[ReplayEffect]] = defaultdict(list)
    for mail in mails:
        if mail.replay is not None:
            by_run[mail.replay.run].append(effects.of(mail.key))
    return [MailsReplayed(run=run, effects=of) for run, of in by_run.items()]


class _Effects:
    def __init__(self, known: Snapshot, plan: Plan, written: Documents) -> None:
        self._known = known
        self._plan = plan
        self._mails = {one.id: one for one in written.mails}
        self._replaced = {one.key: one for one in written.replaced}
        self._reconsidered = {one.item.key for one in plan.reconsidered}
        self._taken = {one.id for one in written.comments if NUMBER_TAKEN in one.flags}

    def of(self, key: str) -> ReplayEffect:
        recorded = self._known.mails.get(key)
        before = recorded.case if recorded else None
        if key in self._mails:
            mail = self._mails[key]
            detail = NUMBER_TAKEN if key in self._taken else mail.reason or ""
            return ReplayEffect(
                mail_key=key,
                effect="moved" if key in self._plan.retried else mail.outcome,
                case=mail.case,
                was=before,
                detail=detail,
            )
        if key in self._plan.differs:
            differs = self._plan.differs[key]
            target = None if isinstance(differs.target, NewCase) else differs.target
            return ReplayEffect(mail_key=key, effect="differs", case=target, was=before, detail=differs.detail)
        if key in self._replaced:
            one = self._replaced[key]
            return ReplayEffect(
                mail_key=key, effect="moved" if one.moves else "rederived", case=one.comment.case, was=one.was
            )
        if key in self._reconsidered:
            return ReplayEffect(mail_key=key, effect="rederived", detail=recorded.reason or "" if recorded else "")
        if key in self._plan.written_before and recorded is not None:
            return ReplayEffect(mail_key=key, effect=recorded.outcome, case=before)
        return ReplayEffect(mail_key=key, effect="unchanged", case=before)
