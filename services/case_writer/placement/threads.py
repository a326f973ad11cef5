"""Finds the case of a Message-ID, in the database and in the batch so far. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.stored import thread_id
from services.case_writer.placement.plan import Plan, PreparedMail, Target, ThreadClaims
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.reading import MailReading

MAX_RESERVED = 20  # Message-IDs reserved for one mail; a References header may contain hundreds

# The case, and the key of the mail that claimed the id (None while the id is only reserved).
Thread = tuple[Target, str | None]


class LeadingThread(NamedTuple):
    """A Message-ID that leads a mail to the case `target`.

    `is_claimed` is true if a mail with that id is in the case. Otherwise the id is only reserved:
    anyone can do that by referring to it, even to a mail that has not arrived yet. `is_own` is true
    for the mail's own id.
    """

    target: Target
    message_id: str
    is_claimed: bool
    is_own: bool = False


class Threads:
    """Looks ids up in the plan first: a mail of this batch may have claimed an id that the database
    lacks.
    """

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._snapshot = snapshot
        self._plan = plan

    def find(self, process: str, message_id: str) -> Thread | None:
        key = thread_id(process, message_id)
        found = self._plan.claims.get(key) or self._plan.threads.get(key)
        stored = self._snapshot.threads.get(key)
        if found is None and stored is not None:
            found = stored.case, stored.claimed_by
        if found is None or found[1] != self._plan.released.get(key):
            return found
        return found[0], None

    def leading(self, mail: PreparedMail, reading: MailReading) -> Iterator[LeadingThread]:
        """The threads that the mail refers to, nearest first, then the one that reserved the mail's
        own id.
        """
        process, own = mail.process, reading.message_id
        for message_id in mail.decision.thread_ids:
            found = self.find(process, message_id)
            if found is not None and message_id != own:
                yield LeadingThread(found[0], message_id, is_claimed=found[1] is not None)
        reserved = self.find(process, own) if own else None
        if own and reserved is not None and reserved[1] is None:
            yield LeadingThread(reserved[0], own, is_claimed=False, is_own=True)

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

        Anyone who knows a Message-ID can send it first, with other content: that mail is not a
        copy.
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

    def claims(self, mail: PreparedMail, reading: MailReading, target: Target) -> ThreadClaims:
        """Claim the mail's own id and reserve those that it refers to, if they are free."""
        new: dict[str, Thread] = {}
        claimed: dict[str, tuple[Target, str]] = {}
        digests: dict[str, str] = {}
        is_reused = False
        if reading.message_id:
            key = thread_id(mail.process, reading.message_id)
            found = self.find(mail.process, reading.message_id)
            if found is None or (found[1] is None and key in self._plan.threads):
                new[key] = (target, mail.key)
            elif found[1] is None:
                claimed[key] = (target, mail.key)
            if reading.digest and (found is None or found[1] is None):
                digests[key] = reading.digest
            is_reused = key in self._plan.released or (
                found is not None and found[1] not in {None, mail.key}
            )
        return ThreadClaims(self._reserved(mail, target, new), claimed, digests, is_reused)

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
