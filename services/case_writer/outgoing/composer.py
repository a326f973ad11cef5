"""Composes the outgoing mail of a case as documents of the outbox: acknowledgements and answers.
Pure.

RFC 3834 section 2 says which mail may be answered automatically. An acknowledgement contains
nothing of the acknowledged mail except the author's address and the Message-IDs.
"""

import re
from datetime import datetime

from schemas.flags import CommentFlag
from schemas.reasons import NotAcknowledged, Resolution
from schemas.stored import OutgoingMail
from services.case_writer.placement.plan import Placed
from services.casework.outgoing import OutgoingMailBuilder, mailable

# Mails that the router flags like this must not be answered by a program.
_MACHINES = frozenset(
    {
        CommentFlag.AUTO_GENERATED,
        CommentFlag.BULK,
        CommentFlag.LIST,
        CommentFlag.NO_ANSWER_WANTED,
        CommentFlag.SPAM,
    }
)
_NO_REPLY = re.compile(
    r"(?:.*[._-])?(?:no|not|non|never|do-?not|don-?t|nie|nicht|kein)[._-]?(?:reply|replay|respond|response|answer|"
    r"odpowiada[jć]|antwort|antworten)(?:[._-].*)?|(?:.*[._-])?noreply.*|"
    r"mailer-?daemon|mail-?daemon|postmaster|bounces?(?:[._+-].*)?|.*-bounces?|owner-.*|.*-(?:request|owner)|"
    r"nobody|root|daemon|listserv|majordomo|mdaemon",
    re.IGNORECASE,
)


class OutgoingMailComposer(OutgoingMailBuilder):
    """Also composes acknowledgements, which depend on how a mail was placed."""

    def acknowledgement(self, placed: Placed, number: int, now: datetime) -> OutgoingMail | None:
        """The acknowledgement of a mail that opened case `number`; None if it gets none."""
        mail, reading = placed.mail.raw, placed.reading
        process = self._processes.get(placed.process)
        if (
            process is None
            or process.smtp is None
            or not process.acknowledgement.enabled
            or self.why_not(placed)
        ):
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

    def why_not(self, placed: Placed) -> NotAcknowledged | None:
        """Why a mail is not acknowledged; None if it may be."""
        address = placed.reading.author.address
        if not placed.opens or placed.kind != "mail":
            return NotAcknowledged.OPENS_NO_CASE
        if placed.mail.raw.origin == "replay":
            return NotAcknowledged.REPLAYED
        if not _MACHINES.isdisjoint(placed.decision.flags):
            return NotAcknowledged.AUTOMATIC
        if placed.decision.resolution == Resolution.NOT_A_PARTICIPANT:
            return NotAcknowledged.UNVERIFIED
        if mailable(address) is None:
            return NotAcknowledged.NO_ADDRESS
        if self._is_own(address):
            return NotAcknowledged.OWN
        is_no_reply = _NO_REPLY.fullmatch(address.rpartition("@")[0])
        return NotAcknowledged.NO_REPLY if is_no_reply else None
