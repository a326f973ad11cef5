"""What goes out from a case, as documents of the outbox: acknowledgements and answers. Pure.

Who may be answered automatically follows RFC 3834 section 2. Nothing of the mail that is acknowledged goes into the
answer but its author's address and its Message-IDs.
"""

import re
from datetime import datetime

from schemas.stored import OutgoingMail
from services.case_writer.placement.plan import Placed
from services.case_writer.placement.rule_changes import NOT_A_PARTICIPANT
from services.casework.outgoing import OutgoingMailBuilder, mailable

# What the router flags that no machine may answer.
_MACHINES = frozenset({"auto-generated", "bulk", "list", "no-answer-wanted", "spam"})
_NO_REPLY = re.compile(
    r"(?:.*[._-])?(?:no|not|non|never|do-?not|don-?t|nie|nicht|kein)[._-]?(?:reply|replay|respond|response|answer|"
    r"odpowiada[jć]|antwort|antworten)(?:[._-].*)?|(?:.*[._-])?noreply.*|"
    r"mailer-?daemon|mail-?daemon|postmaster|bounces?(?:[._+-].*)?|.*-bounces?|owner-.*|.*-(?:request|owner)|"
    r"nobody|root|daemon|listserv|majordomo|mdaemon",
    re.IGNORECASE,
)


class OutgoingMailComposer(OutgoingMailBuilder):
    """Makes acknowledgements too, which depend on how a mail was placed."""

    def acknowledgement(self, placed: Placed, number: int, now: datetime) -> OutgoingMail | None:
        """The acknowledgement of a mail that opened case `number`; None where there shall be none."""
        mail, reading = placed.item.command.mail, placed.reading
        process = self._processes.get(placed.process)
        if process is None or process.smtp is None or not process.acknowledgement.enabled or self.why_not(placed):
            return None
        own_id = [reading.message_id] if reading.message_id else []
        return self._outgoing(
            process,
            mail.mailbox,
            number,
            now,
            id=f"ack {number}",
            kind="acknowledgement",
            to=[mailable(reading.author.address) or ""],
            subject=None,
            text=None,
            in_reply_to=reading.message_id,
            references=[*reversed(reading.references), *own_id],
            auto_submitted="auto-replied",
            caused_by=mail.key,
        )

    def why_not(self, placed: Placed) -> str | None:
        """Why a mail is not acknowledged, as a constant word; None where it may be."""
        address = placed.reading.author.address
        if not placed.opens or placed.kind != "mail":
            return "opens-no-case"
        if placed.item.command.mail.origin == "replay":
            return "replayed"
        if not _MACHINES.isdisjoint(placed.decision.flags):
            return "automatic"
        if placed.decision.resolution == NOT_A_PARTICIPANT:
            return "unverified"
        if mailable(address) is None:
            return "no-address"
        if self._is_own(address):
            return "own"
        return "no-reply" if _NO_REPLY.fullmatch(address.rpartition("@")[0]) else None
