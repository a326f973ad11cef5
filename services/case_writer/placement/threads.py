"""Which case a Message-ID belongs to, as the database and the batch so far have it. Pure."""

from collections.abc import Callable, Collection

import msgspec

from schemas.cases import Decision
from schemas.stored import thread_id
from services.case_writer.placement.plan import Plan, PreparedMail, Target
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.reading import MailReading

MESSAGE_ID_REUSED = "message-id-reused"
COPY = "copy"  # the reason of a mail that another route brought before
MAX_RESERVED = 20  # Message-IDs reserved for one mail; a References header may hold hundreds

Thread = tuple[Target, str | None]  # the case, and the key of the mail that claimed the id, None while only reserved


class Threads:
    """Lookups go through the plan first: a mail of this batch may have claimed what the database does not know yet."""

    def __init__(self, known: Snapshot, plan: Plan) -> None:
        self._known = known
        self._plan = plan

    def find(self, process: str, message_id: str) -> Thread | None:
        key = thread_id(process, message_id)
        if key in self._plan.claims:
            return self._plan.claims[key]
        if key in self._plan.threads:
            return self._plan.threads[key]
        known = self._known.threads.get(key)
        return (known.case, known.claimed_by) if known else None

    def target(
        self,
        item: PreparedMail,
        reading: MailReading,
        decision: Decision,
        *,
        takes_part: Callable[[Target], bool],
        without: Collection[int] = (),
    ) -> tuple[Target | None, Decision]:
        """The case of the nearest id that the mail refers to, or that reserved the mail's own id.

        Anyone can reserve an id by referring to it, also one that is still to come. So an id that
        is only reserved counts if the author takes part in that case, and it is not in `without`.
        """
        process, own = item.command.mail.process, reading.message_id
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

    def reserved_by(self, item: PreparedMail, reading: MailReading) -> Target | None:
        """The case that only reserved one of the mail's ids: what a mail that does not join it refers to."""
        own = [reading.message_id] if reading.message_id else []
        for message_id in [*item.command.decision.thread_ids, *own]:
            found = self.find(item.command.mail.process, message_id)
            if found is not None and found[1] is None:
                return found[0]
        return None

    def copy_of(self, item: PreparedMail, reading: MailReading) -> tuple[Target, str] | None:
        """Where the mail is already, by another route, and its key there; None if it is no copy.

        Whoever knows a Message-ID can send it first, with another content: that is no copy.
        """
        if not reading.message_id or not reading.digest:
            return None
        found = self.find(item.command.mail.process, reading.message_id)
        if found is None or found[1] in {None, item.key}:
            return None
        key = thread_id(item.command.mail.process, reading.message_id)
        known = self._known.threads.get(key)
        digest = self._plan.digests.get(key) or (known.digest if known else None)
        return (found[0], found[1]) if digest == reading.digest and found[1] else None

    def flags(self, item: PreparedMail, reading: MailReading) -> tuple[str, ...]:
        """The flag of a mail whose own id another mail bears."""
        found = self.find(item.command.mail.process, reading.message_id) if reading.message_id else None
        return () if found is None or found[1] in {None, item.key} else (MESSAGE_ID_REUSED,)

    def claim(self, item: PreparedMail, reading: MailReading, target: Target) -> None:
        """Claim the mail's own id and reserve those that it refers to, as far as they are free."""
        process = item.command.mail.process
        if reading.message_id:
            key = thread_id(process, reading.message_id)
            found = self.find(process, reading.message_id)
            if found is None or (found[1] is None and key in self._plan.threads):
                self._plan.threads[key] = (target, item.key)
            elif found[1] is None:
                self._plan.claims[key] = (target, item.key)
            if reading.digest and (found is None or found[1] is None):
                self._plan.digests[key] = reading.digest
        self._reserve(item, target)

    def claim_if_free(self, item: PreparedMail, reading: MailReading, target: Target) -> None:
        """As `claim`, but for an id that was reserved for another case, which stays there."""
        found = self.find(item.command.mail.process, reading.message_id) if reading.message_id else None
        if found is None or found == (target, None):
            self.claim(item, reading, target)
        else:
            self._reserve(item, target)

    def _reserve(self, item: PreparedMail, target: Target) -> None:
        process = item.command.mail.process
        for message_id in item.command.decision.thread_ids[:MAX_RESERVED]:
            if self.find(process, message_id) is None:
                self._plan.threads[thread_id(process, message_id)] = (target, None)


def thread_decision(decision: Decision, message_id: str) -> Decision:
    return msgspec.structs.replace(decision, rule="thread", evidence=[*decision.evidence, message_id])


def thread_ids(item: PreparedMail) -> list[str]:
    """The keys of all Message-IDs that placing the mail may ask about."""
    if item.reading is None:
        return []
    own = [item.reading.message_id] if item.reading.message_id else []
    process = item.command.mail.process
    return [thread_id(process, one) for one in [*own, *item.command.decision.thread_ids]]
