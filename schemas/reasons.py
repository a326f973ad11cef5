"""The constant words that explain an outcome: why a mail was parked or ignored, which rule decided,
and why something failed.

The values are a contract. They are stored in `mails.reason`, `mails.decision`, `outbox.failure` and
`mailbox_states.problem`, published in events and headers, and used as metric labels. A value never
changes; new ones may be added.
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


class NotRetryable(StrEnum):
    """Why a retry of a mail without a case cannot succeed."""

    CONTENT_MISSING = "content-missing"
    MAIL_TOO_LARGE = "mail-too-large"  # only its beginning is stored


class DeadLetterReason(StrEnum):
    """Why a message is a dead letter: the beginning of `x-mailcase-reason`, or the broker's word.

    Refused commands begin with the reason of the refusal instead.
    """

    CANNOT_BE_ROUTED = "cannot be routed"
    NOT_HANDLED = "not handled"
    UNEXPECTED = "unexpected"
    UNREADABLE = "unreadable"
    # The broker's, rabbitmq.com/docs/dlx.
    DELIVERY_LIMIT = "delivery_limit"
    EXPIRED = "expired"
    MAXLEN = "maxlen"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class MailboxProblem(StrEnum):
    """Why a mailbox cannot be read; `MailboxState.problem`."""

    CA_FILE = "ca-file"
    CANNOT_MOVE = "cannot-move"
    CERTIFICATE_EXPIRED = "certificate-expired"  # or not valid yet
    CERTIFICATE_NAME = "certificate-name"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    DEPENDENCY = "dependency"  # the broker or the database does not accept its mail
    FAULT = "fault"  # a bug in our own code
    FOLDER_NOT_OPENED = "folder-not-opened"
    FOLDER_READ_ONLY = "folder-read-only"
    LOGIN_REFUSED = "login-refused"
    MAY_NOT_DELETE = "may-not-delete"
    NO_ENCRYPTION = "no-encryption"
    NO_NAME_SERVER = "no-name-server"
    NO_SECRET = "no-secret"  # noqa: S105 - a problem: the password cannot be read
    NO_SUCH_HOST = "no-such-host"
    NO_TOKEN = "no-token"  # noqa: S105 - a problem: no access token is issued
    PROTOCOL = "protocol"
    TOKEN_LIBRARY = "token-library"  # noqa: S105 - a problem: the libraries of OAuth 2.0 are missing
    TOKEN_SECRET = "token-secret"  # noqa: S105 - a problem: the secret of OAuth 2.0 cannot be used
    TOKEN_UNREACHABLE = "token-unreachable"  # noqa: S105 - a problem: who issues tokens is silent
    TLS_FAILED = "tls-failed"
    TOO_SLOW = "too-slow"
    UNREACHABLE = "unreachable"


class DeliveryProblem(StrEnum):
    """Why an attempt to deliver an event to a webhook got no good response; `Attempt.problem`."""

    ADDRESS_REFUSED = "address-refused"
    CONNECTION = "connection"
    INVALID_URL = "invalid-url"
    NO_HTTP = "no-http"
    REDIRECT = "redirect"
    STATUS = "status"
    TIMEOUT = "timeout"
    TLS = "tls"


class SendProblem(StrEnum):
    """Why a mail is not sent that no mail server has refused: the beginning of
    `OutgoingMail.failure`, or of its text after the address.
    """

    HELD = "held: too much automatic mail was sent"
    NO_SERVER = "the settings name no SMTP server for this process"
    NOT_COMPOSED = "the mail cannot be composed"
    FILE_MISSING = "one of its files is missing"  # after NOT_COMPOSED
    BAD_HEADER = "one of its headers cannot be written"  # after NOT_COMPOSED
    TOO_LARGE = "the mail is larger than sender.max_mail_bytes allows"
    INTERNAL = "internal error"
    NO_PASSWORD = "the password for the SMTP server cannot be read"  # noqa: S105 - a problem
    NO_TOKEN = "no access token was issued"  # noqa: S105 - a problem
    TOKEN_LIBRARY = "the libraries of OAuth 2.0 are not installed"  # noqa: S105 - a problem
    TOKEN_SECRET = "the secret of OAuth 2.0 cannot be used"  # noqa: S105 - a problem
    TOKEN_UNREACHABLE = "the server that issues access tokens does not answer"  # noqa: S105 - as above
    NO_SESSION = "no session with the SMTP server"
    BAD_ADDRESS = "SMTP cannot carry one of its addresses"


class IdentityProblem(StrEnum):
    """Why the proof of an OpenID provider is refused; in the audit log, and in the URL of the page
    to sign in.
    """

    ADDRESS_TAKEN = "address-taken"
    BAD_SIGNATURE = "bad-signature"
    DISABLED = "disabled"
    EXPIRED = "expired"
    HAS_NONCE = "has-nonce"
    NO_ADDRESS = "no-address"
    NO_CODE = "no-code"
    NO_LOGOUT = "no-logout"
    NO_SUBJECT = "no-subject"
    NO_TIME = "no-time"
    NO_TOKEN = "no-token"  # noqa: S105 - a problem: there is no ID token that can be read
    NOT_ALLOWED = "not-allowed"
    NOT_NOW = "not-now"
    PROVIDER_REFUSED = "provider-refused"
    REPLAYED = "replayed"
    UNAVAILABLE = "unavailable"
    UNKNOWN_KEY = "unknown-key"
    UNVERIFIED_ADDRESS = "unverified-address"
    WRONG_AUDIENCE = "wrong-audience"
    WRONG_ISSUER = "wrong-issuer"
    WRONG_NONCE = "wrong-nonce"
    WRONG_STATE = "wrong-state"
    WRONG_SUBJECT = "wrong-subject"
    WRONG_TYPE = "wrong-type"


class Evidence(StrEnum):
    """Evidence in our own words, in `Decision.evidence`; the rest is names of headers, and ids."""

    AUTOMATIC_SUBJECT = "subject of an automatic answer, sent by a machine"
    MAIL_SERVER = "from a mail server's own address"
