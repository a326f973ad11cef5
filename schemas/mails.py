"""Fetched mails: the message between fetcher and router, and the identity of a mail."""

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec

# on the wire, a time without a zone is invalid
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# Keys and names become parts of AMQP routing keys and properties, which have 255 bytes at most.
Word = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,64}\Z")]


def mail_key(mailbox: str, raw: bytes) -> str:
    """The identity of a mail everywhere: 64 hex digits.

    It is the SHA-256 of the mailbox name, NUL and the raw bytes as fetched.

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
    """What a replay does with a mail, besides restoring one that has no outcome.

    `run` names the replay, which receives the effect. `case` is the number of the case that the
    mail was in before, None if that is not known. `opener` is the key of the mail that opened that
    case, which may be the mail itself, None if that is not known. `rederive` reads and decides a
    recorded mail again, in place; with `move` it goes to the case where it belongs by the current
    rules.
    """

    run: Word
    case: int | None = None
    opener: str | None = None
    rederive: bool = False
    move: bool = False


class RawMail(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="RawMail.v1"):
    """One mail, exactly as the mail server returned it.

    Either `raw` contains the bytes or, for a mail over the inline limit, `blob` refers to them and
    `head` contains the first part, which is enough to classify the mail. `received_at` is the mail
    server's time (IMAP INTERNALDATE, RFC 9051 section 2.3.3), None if the server keeps none (POP3,
    files). `origin` is how the mail came: `fetch`, `ingest`, `replay` or `retry`; `replay` is what
    a replay does with it. Times are aware UTC; `size` is the length of the raw bytes.

    `whole_size` is None for a whole mail. Otherwise the mail exceeds the size limit and stays on
    the mail server: `raw` contains only its first bytes, and `whole_size` is its size there.
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
        """The bytes for classification: the whole mail, or its first part if the mail travels as a
        blob.
        """
        return self.raw if self.raw is not None else self.head or b""
