"""A mail on its way into Mailcase: the message between fetcher and router, and the mail's identity."""

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # on the wire a time without a zone is a broken contract

# Keys and names become parts of AMQP routing keys and properties, which have 255 bytes at most.
Word = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,64}\Z")]


def mail_key(mailbox: str, raw: bytes) -> str:
    """The identity of a mail everywhere: SHA-256 hex (64 characters) of mailbox name + NUL + the raw bytes as fetched.

    The same bytes in two mailboxes are two mails; the same bytes twice in one mailbox are one.
    """
    digest = hashlib.sha256(mailbox.encode())
    digest.update(b"\0")
    digest.update(raw)
    return digest.hexdigest()


class BlobRef(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes kept in the database's blob store under their SHA-256 (hex); `size` in bytes."""

    sha256: str
    size: int


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay wants with a mail, beside bringing back one that has no outcome.

    `run` names the replay, which hears of the effect. `case` is the number of the case that the mail was in when it was
    recorded before, None where that is not known; `opener` is the key of the mail that opened that case, the mail's own
    where it did, None where that is not known. `rederive` asks to read and decide a recorded mail anew, in place; with
    `move` it goes to the case where it belongs by today's rules.
    """

    run: Word
    case: int | None = None
    opener: str | None = None
    rederive: bool = False
    move: bool = False


class RawMail(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="RawMail.v1"):
    """One mail exactly as the mail server gave it.

    Either `raw` holds the bytes, or, for a mail over the inline limit, `blob` tells where they are and `head` holds the
    first part of them, enough to classify by. `received_at` is the mail server's time (IMAP INTERNALDATE, RFC 9051
    section 2.3.3), None where the server keeps none (POP3, files). `origin` says how the mail came: `fetch`, `ingest`,
    `replay` or `retry`, and `replay` what a replay wants. Times are aware UTC; `size` is the length of the raw bytes.

    `whole_size` is None for a whole mail. Otherwise the mail is larger than what is taken: these are only its first
    bytes, and this is its size on the mail server, where it stays.
    """

    key: Word
    process: Word
    mailbox: Word
    size: int
    fetched_at: Moment
    received_at: Moment | None = None
    raw: bytes | None = None
    blob: BlobRef | None = None
    head: bytes | None = None
    origin: str = "fetch"
    replay: Replay | None = None
    whole_size: int | None = None

    @property
    def classifiable(self) -> bytes:
        """The bytes to classify by: all of the mail, or its first part where the mail travels as a blob."""
        return self.raw if self.raw is not None else self.head or b""
