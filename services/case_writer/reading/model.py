"""The result of reading a mail, the limits of reading, and the names of the defects."""

from datetime import datetime

import msgspec

from services.runtime.mail.headers import Address


class ReadingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a mail is read. Above a limit, the reading is shortened and has a defect; the
    mail itself is kept whole.

    Sizes of text are in characters, those of raw data in bytes. The defaults keep a comment below
    MongoDB's 16 MiB.
    """

    max_header_bytes: int = 256 * 1024  # of the mail and of each part
    max_nesting: int = 40  # multiparts within multiparts
    max_parts: int = 1000
    max_attachments: int = 500
    max_text_chars: int = 500_000
    max_html_chars: int = 1_000_000  # of the HTML that is read; longer HTML is cut
    max_html_bytes: int = 3_000_000  # of the sanitized HTML; longer HTML is left out
    max_subject_chars: int = 2000
    max_recipients: int = 500


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a mail.

    `name` is safe for any file system and URL and unique within the mail. `original_name` is the
    name in the mail, None if it has none; treat it as data, never as a path. `content` is the exact
    bytes that were attached, `sha256` their hash (hex). `inline` means that the text shows it.
    `content_id` has no angle brackets, None if absent. `flags` are constant words: `blocked-type`,
    `name-changed`, `type-mismatch`, `encrypted`, `signature`, `damaged`, `from-winmail`,
    `from-message`, `from-text`.
    """

    name: str
    original_name: str | None
    content_type: str
    content: bytes
    sha256: str
    inline: bool = False
    content_id: str | None = None
    flags: list[str] = []


class MailReading(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as a person reads it. All strings are valid UTF-8 without NUL. Subject and names are
    on one line.

    `sent_at` is aware UTC, None if the mail has no credible date. `references` are the Message-IDs
    of In-Reply-To and References, nearest first. `text` is the author's own new text; `full_text`
    also contains quotes and the signature. `html` is sanitized, None if the mail has none.
    `defects` are constant words, each once, in the order found. `remote_images` counts the pictures
    that are prevented from loading. `digest` is the same for copies of one mail.
    """

    subject: str
    author: Address
    reply_to: list[Address]
    recipients: list[Address]
    sent_at: datetime | None
    message_id: str | None
    in_reply_to: str | None
    references: list[str]
    text: str
    full_text: str
    html: str | None
    attachments: list[Attachment]
    defects: list[str]
    remote_images: int = 0
    digest: str | None = None


AMBIGUOUS = "ambiguous-structure"

# Defects after which the reading lacks something that the mail has.
SHORTENED = frozenset(
    {
        "header-shortened",
        "html-left-out",
        "html-shortened",
        "nested-too-deep",
        "subject-shortened",
        "text-shortened",
        "too-many-attachments",
        "too-many-parts",
        "too-many-recipients",
    }
)
# Defects after which the reading may lack something or be wrong: the mail can be read in more than
# one way.
DOUBTFUL = frozenset(
    {
        AMBIGUOUS,
        "boundary-guessed",
        "header-malformed",
        "multipart-without-boundary",
        "text-damaged",
    }
)
DAMAGED = "damaged"
_LOST_BYTES = "\ufffd"  # what decoding writes for bytes that are not a character


def needs_original(reading: MailReading) -> bool:
    """Whether the reading lacks, or may lack, something that the mail has. The original is then
    kept.
    """
    if not (SHORTENED | DOUBTFUL).isdisjoint(reading.defects):
        return True
    if "charset-repaired" in reading.defects and _LOST_BYTES in reading.full_text + (
        reading.html or ""
    ):
        return True
    return any(DAMAGED in attachment.flags for attachment in reading.attachments)


class Defects:
    """Collects constant words, each once, in the order found."""

    def __init__(self) -> None:
        self._words: dict[str, None] = {}

    def add(self, word: str, when: object = True) -> None:
        """Note `word` if `when` is true."""
        if when:
            self._words[word] = None

    def list(self) -> "list[str]":
        return list(self._words)
