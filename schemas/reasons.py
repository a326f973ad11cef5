"""The constant words that explain an outcome: why a mail was parked or ignored, and which rule
decided.

The values are a contract. They are stored in `mails.reason`, `mails.decision` and `outbox.failure`,
published in events, and used as metric labels. A value never changes; new ones may be added.
"""

from enum import StrEnum


class Rule(StrEnum):
    """The rule that decided where a mail goes; `Decision.rule`.

    A rule that parks or ignores the mail has the name of the reason.
    """

    AUTOMATIC_REPLY = "automatic-reply"
    BY_PERSON = "by-person"
    CANNOT_BE_CLASSIFIED = "cannot-be-classified"
    CASE_REFERENCE = "case-reference"
    DELIVERY_REPORT = "delivery-report"
    DENIED_SENDER = "denied-sender"
    MAIL_LOOP = "mail-loop"
    MAIL_TOO_LARGE = "mail-too-large"
    NEW_CASE = "new-case"
    OWN_MAIL = "own-mail"
    OWN_MESSAGE_ID = "own-message-id"
    PLUS_ADDRESS = "plus-address"
    SENDER_NOT_ALLOWED = "sender-not-allowed"
    SPAM = "spam"
    THREAD = "thread"
    UNKNOWN_MAILBOX = "unknown-mailbox"
    UNKNOWN_PROCESS = "unknown-process"


class ParkReason(StrEnum):
    """Why a mail waits for a person; `Mail.reason` of a parked mail."""

    CANNOT_BE_CLASSIFIED = "cannot-be-classified"
    CANNOT_BE_WRITTEN = "cannot-be-written"
    CASE_NOT_RESTORED = "case-not-restored"
    CONTENT_MISSING = "content-missing"
    DELIVERY_REPORT = "delivery-report"
    MAIL_LOOP = "mail-loop"
    MAIL_TOO_LARGE = "mail-too-large"
    MAILBOX_LIMIT_REACHED = "mailbox-limit-reached"
    NOT_A_PARTICIPANT = "not-a-participant"
    READING_FAILED = "reading-failed"
    READING_TAKES_TOO_LONG = "reading-takes-too-long"
    READING_TAKES_TOO_MUCH_MEMORY = "reading-takes-too-much-memory"
    SENDER_NOT_ALLOWED = "sender-not-allowed"
    SPAM = "spam"
    TOO_MANY_NEW_CASES = "too-many-new-cases"
    UNKNOWN_MAILBOX = "unknown-mailbox"
    UNKNOWN_PROCESS = "unknown-process"


# Reading or writing failed, or the router's rules: another version of the program may succeed.
FAILURE_REASONS = frozenset(
    {
        ParkReason.CANNOT_BE_CLASSIFIED,
        ParkReason.CANNOT_BE_WRITTEN,
        ParkReason.READING_FAILED,
        ParkReason.READING_TAKES_TOO_LONG,
        ParkReason.READING_TAKES_TOO_MUCH_MEMORY,
    }
)


class IgnoreReason(StrEnum):
    """Why a mail belongs to no case; `Mail.reason` of an ignored mail."""

    AUTOMATIC_REPLY = "automatic-reply"
    COPY = "copy"  # another route delivered the same mail before
    DENIED_SENDER = "denied-sender"
    DISCARDED = "discarded"  # by a person
    OWN_MAIL = "own-mail"


class Resolution(StrEnum):
    """Why the case writer did not follow the rule's proposal; `Decision.resolution`."""

    CASE_CLOSED = "case-closed"  # the process opens a new case for replies to a closed one
    CASE_NOT_RESTORED = "case-not-restored"
    CONTENT_MISSING = "content-missing"
    COPY = "copy"
    FOREIGN_NUMBER = "foreign-number"  # a stranger's mail whose number may belong to another system
    ID_RESERVED = "id-reserved"  # only a stranger's mail referred to the mail's Message-ID
    NO_KNOWN_CASE = "no-known-case"
    NO_SUCH_CASE = "no-such-case"
    NOT_A_PARTICIPANT = "not-a-participant"
    # the number belongs to a case of a process that the mail may not reach
    OTHER_PROCESS = "other-process"
    RELEASED = "released"  # a person released a stranger's parked mail
    RESTORED = "restored"  # a replay put the mail back into the case that it was in


class NotAcknowledged(StrEnum):
    """Why a mail that was written to a case got no acknowledgement."""

    AUTOMATIC = "automatic"
    NO_ADDRESS = "no-address"
    NO_REPLY = "no-reply"
    OPENS_NO_CASE = "opens-no-case"
    OWN = "own"
    REPLAYED = "replayed"
    UNVERIFIED = "unverified"


class SuppressReason(StrEnum):
    """Why an automatic mail is never sent; `OutgoingMail.failure` of a suppressed one."""

    TOO_LATE = "too-late"
    TOO_MANY_ACKNOWLEDGEMENTS = "too-many-acknowledgements"
