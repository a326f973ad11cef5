"""Finds the case of a Message-ID, in the database and in the batch so far. Pure."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from schemas.cases import Decision
from schemas.flags import CommentFlag
from schemas.reasons import Rule
from schemas.stored import thread_id
from services.case_writer.placement.plan import Plan, PreparedMail, Target, ThreadClaims
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.reading import MailReading

MAX_RESERVED = 20  # Message-IDs reserved for one mail; a References header may contain hundreds

# The case, and the key of the mail that claimed the id (None while the id is only reserved).
Thread = tuple[Target, str | None]


class Threads:
    """Looks ids up in the plan first: a mail of this batch may have claimed an id that the database
    lacks.
    """

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._snapshot = snapshot
        self._plan = plan

    def find(self, process: str, message_id: str) -> Thread | None:
        key = thread_id(process, message_id)
        planned = self._plan.claims.get(key) or self._plan.threads.get(key)
        if planned is not None:
            return planned
        stored = self._snapshot.threads.get(key)
        return (stored.case, stored.claimed_by) if stored else None

    def target(
        self,
        mail: PreparedMail,
        reading: MailReading,
        decision: Decision,
        *,
        takes_part: Callable[[Target], bool],
        without: Collection[int] = (),
    ) -> tuple[Target | None, Decision]:
        """The case of the nearest id that the mail refers to, or the case that reserved the mail's
        own id.

        Anyone can reserve an id by referring to it, even the id of a mail that has not arrived yet.
        So a reserved id counts only if the author takes part in its case and the case is not in
        `without`.
        """
        process, own = mail.process, reading.message_id
        for message_id in decision.thread_ids:
            found = self.find(process, message_id)
            if found is None or message_id == own:
                continue
            target, claimed_by = found
            if claimed_by is not None or (target not in without and takes_part(target)):
                return target, thread_decision(decision, message_id)
        reserved = self.find(process, own) if own else None
        if own and reserved and reserved[1] is None and takes_part(reserved[0]):
            return reserved[0], thread_decision(decision, own)
        return None, decision

    def reserved_by(self, mail: PreparedMail, reading: MailReading) -> Target | None:
        """The case that reserved one of the mail's ids. A mail that does not join it refers to
        it.
        """
        own = [reading.message_id] if reading.message_id else []
        for message_id in [*mail.decision.thread_ids, *own]:
            found = self.find(mail.process, message_id)
            if found is not None and found[1] is None:
                return found[0]
        return None

    def copy_of(self, mail: PreparedMail, reading: MailReading) -> tuple[Target, str] | None:
        """The case and the key of another copy of the mail that came by another route; None if
        there is none.

        Whoever knows a Message-ID can send it first, with other content: that mail is not a copy.
        """
        if not reading.message_id or not reading.digest:
            return None
        found = self.find(mail.process, reading.message_id)
        if found is None or found[1] in {None, mail.key}:
            return None
        key = thread_id(mail.process, reading.message_id)
        stored = self._snapshot.threads.get(key)
        digest = self._plan.digests.get(key) or (stored.digest if stored else None)
        return (found[0], found[1]) if digest == reading.digest and found[1] else None

    def flags(self, mail: PreparedMail, reading: MailReading) -> tuple[str, ...]:
        """The flag of a mail whose Message-ID another mail has."""
        found = self.find(mail.process, reading.message_id) if reading.message_id else None
        if found is None or found[1] in {None, mail.key}:
            return ()
        return (CommentFlag.MESSAGE_ID_REUSED,)

    def claims(self, mail: PreparedMail, reading: MailReading, target: Target) -> ThreadClaims:
        """Claim the mail's own id and reserve those that it refers to, if they are free."""
        new: dict[str, Thread] = {}
        claimed: dict[str, tuple[Target, str]] = {}
        digests: dict[str, str] = {}
        if reading.message_id:
            key = thread_id(mail.process, reading.message_id)
            found = self.find(mail.process, reading.message_id)
            if found is None or (found[1] is None and key in self._plan.threads):
                new[key] = (target, mail.key)
            elif found[1] is None:
                claimed[key] = (target, mail.key)
            if reading.digest and (found is None or found[1] is None):
                digests[key] = reading.digest
        return ThreadClaims(self._reserved(mail, target, new), claimed, digests)

    def claims_if_free(
        self, mail: PreparedMail, reading: MailReading, target: Target
    ) -> ThreadClaims:
        """As `claims`, except that an id reserved for another case stays there."""
        found = self.find(mail.process, reading.message_id) if reading.message_id else None
        if found is None or found == (target, None):
            return self.claims(mail, reading, target)
        return ThreadClaims(self._reserved(mail, target, {}), {}, {})

    def _reserved(
        self, mail: PreparedMail, target: Target, new: Mapping[str, Thread]
    ) -> Mapping[str, Thread]:
        taken = dict(new)
        for message_id in mail.decision.thread_ids[:MAX_RESERVED]:
            if self.find(mail.process, message_id) is None:
                taken.setdefault(thread_id(mail.process, message_id), (target, None))
        return taken


def thread_decision(decision: Decision, message_id: str) -> Decision:
    return msgspec.structs.replace(
        decision, rule=Rule.THREAD, evidence=[*decision.evidence, message_id]
    )


def thread_ids(mail: PreparedMail) -> list[str]:
    """The keys of all Message-IDs that placing the mail may look up."""
    if mail.reading is None:
        return []
    own = [mail.reading.message_id] if mail.reading.message_id else []
    return [thread_id(mail.process, message_id) for message_id in [*own, *mail.decision.thread_ids]]
