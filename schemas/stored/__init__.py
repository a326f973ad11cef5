"""The documents in MongoDB. Field names are the contract; times are aware UTC, to the
millisecond.
"""

from schemas.stored.cases import (
    NO_SUBJECT,
    Attachment,
    Case,
    CaseStatus,
    Comment,
    Person,
    Thread,
    thread_id,
)
from schemas.stored.coordination import Counter, Lease, MailboxLease, MailboxState, SweepPosition
from schemas.stored.documents import BLOB_MARK, BlobId, from_document, to_document
from schemas.stored.field_keys import FieldKey, SellerAccount
from schemas.stored.mails import (
    Discard,
    DiscardedMessage,
    FetchedMail,
    LimitAlert,
    Mail,
    Outcome,
    Sender,
)
from schemas.stored.outgoing import (
    UNDELIVERABLE,
    AutomaticMails,
    OutgoingKind,
    OutgoingMail,
    OutgoingState,
    reported_by,
)

__all__ = [
    "BLOB_MARK",
    "NO_SUBJECT",
    "UNDELIVERABLE",
    "Attachment",
    "AutomaticMails",
    "BlobId",
    "Case",
    "CaseStatus",
    "Comment",
    "Counter",
    "Discard",
    "DiscardedMessage",
    "FetchedMail",
    "FieldKey",
    "Lease",
    "LimitAlert",
    "Mail",
    "MailboxLease",
    "MailboxState",
    "Outcome",
    "OutgoingKind",
    "OutgoingMail",
    "OutgoingState",
    "Person",
    "SellerAccount",
    "Sender",
    "SweepPosition",
    "Thread",
    "from_document",
    "reported_by",
    "thread_id",
    "to_document",
]
