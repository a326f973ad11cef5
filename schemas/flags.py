"""The constant words in the `flags` of comments, attachments and cases.

The values are a contract: they are stored, published and shown. A value never changes; new ones may
be added.
"""

from enum import StrEnum


class CommentFlag(StrEnum):
    """Findings of the router, the case writer, the sender or an erasure about a comment's mail.

    `Comment.flags` also contains values of `ReadingDefect`.
    """

    AUTO_GENERATED = "auto-generated"
    AUTOMATIC = "automatic"  # of outgoing mail that no person wrote
    BULK = "bulk"
    DELIVERY_DELAYED = "delivery-delayed"
    DELIVERY_DELIVERED = "delivery-delivered"
    DELIVERY_EXPANDED = "delivery-expanded"
    DELIVERY_RELAYED = "delivery-relayed"
    EMPTIED = "emptied"  # of the note in a case that lost its last mail
    ERASED = "erased"
    LIST = "list"
    MESSAGE_ID_REUSED = "message-id-reused"
    NO_ANSWER_WANTED = "no-answer-wanted"
    NUMBER_TAKEN = "number-taken"  # another case got the number before the mail was restored
    SPAM = "spam"
    # of our mail that was not delivered to someone, and of the report about it
    UNDELIVERABLE = "undeliverable"
    UNVERIFIED_SENDER = "unverified-sender"


class ReadingDefect(StrEnum):
    """Defects that the reader found in a mail; stored among the flags of its comment."""

    ADDRESS_IN_AUTHOR_NAME = "address-in-author-name"
    AMBIGUOUS_STRUCTURE = "ambiguous-structure"
    BOUNDARY_GUESSED = "boundary-guessed"
    CHARSET_REPAIRED = "charset-repaired"
    ENCRYPTED = "encrypted"
    HEADER_MALFORMED = "header-malformed"
    HEADER_SHORTENED = "header-shortened"
    HTML_LEFT_OUT = "html-left-out"
    HTML_SHORTENED = "html-shortened"
    HTML_SIMPLIFIED = "html-simplified"
    MULTIPART_NOT_CLOSED = "multipart-not-closed"
    MULTIPART_WITHOUT_BOUNDARY = "multipart-without-boundary"
    NESTED_TOO_DEEP = "nested-too-deep"
    NO_AUTHOR = "no-author"
    NO_DATE = "no-date"
    SEVERAL_AUTHORS = "several-authors"
    SUBJECT_SHORTENED = "subject-shortened"
    TEXT_DAMAGED = "text-damaged"
    TEXT_FROM_MESSAGE = "text-from-message"
    TEXT_FROM_REPORT = "text-from-report"
    TEXT_SHORTENED = "text-shortened"
    TOO_MANY_ATTACHMENTS = "too-many-attachments"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    WINMAIL_DAMAGED = "winmail-damaged"
    WINMAIL_TEXT_UNREAD = "winmail-text-unread"


class AttachmentFlag(StrEnum):
    """Findings about an attachment; `Attachment.flags`."""

    BLOCKED_TYPE = "blocked-type"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    ERASED = "erased"
    FROM_MESSAGE = "from-message"
    FROM_TEXT = "from-text"
    FROM_WINMAIL = "from-winmail"
    NAME_CHANGED = "name-changed"
    ORIGINAL = "original"  # the attachment is the mail itself
    SIGNATURE = "signature"
    TYPE_MISMATCH = "type-mismatch"


WAS_SHA256 = "was-sha256:"  # prefix of the flag that keeps the SHA-256 of an erased attachment


class CaseFlag(StrEnum):
    """Findings about a case; `Case.flags`."""

    ACCOUNT_CHANGED = "account-changed"  # an account that is not the one known for the seller
    DUPLICATE_OF = "duplicate-of"  # the same invoice, or the same unique values, as another case
    EXTRACTION_LIMIT = "extraction-limit"  # reading the fields took too much time or memory
    AMBIGUOUS_VALUE = "ambiguous-value"  # a mail gives a field several values, or a doubtful one
    FIELD_CONFLICT = "field-conflict"


class InvoiceFlag(StrEnum):
    """Defects of an invoice, or reasons why a file was not read; also among `Case.flags`."""

    ACCOUNT_INVALID = "account-invalid"
    AMBIGUOUS_VALUE = "ambiguous-value"  # the value is given twice, differently, or in parts
    BUYER_IS_OTHER = "buyer-is-other"
    DOCTYPE_REFUSED = "doctype-refused"
    ENCRYPTED_PDF = "encrypted-pdf"
    EXTRACTION_LIMIT = "extraction-limit"
    INVALID_VALUE = "invalid-value"
    KNOWN_NOT_READ = "known-not-read"  # an invoice of a format or version that is not read
    KSEF_NUMBER_INVALID = "ksef-number-invalid"
    PDF_DAMAGED = "pdf-damaged"
    SEVERAL_VALUES = (
        "several-values"  # several accounts, due dates or orders: the first one is taken
    )
    SUM_MISMATCH = "sum-mismatch"  # net and tax do not add up to the gross amount
    TAX_ID_INVALID = "tax-id-invalid"
    XML_DAMAGED = "xml-damaged"
