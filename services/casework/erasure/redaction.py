"""Redacts a person's data in each document. Pure.

Numbers, times and hashes stay; names, addresses and texts are removed. In a text of someone else,
only the person's data is replaced, and quotes are removed.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from schemas.mails import BlobRef
from schemas.stored import Attachment, Case, Comment, Person

ERASED = "[erased]"
ERASED_FLAG = "erased"
ERASED_CONTENT = b"This content was erased at the request of the person concerned.\n"
MIN_PHRASE_CHARS = 12  # shorter lines are greetings, which do not identify anyone
MIN_NAME_CHARS = 3
# A letter or digit before a trace may be the end of an escape: `=3D` (RFC 2045), `%3C`, `\n`.
_ESCAPED = r"(?<=[=%][0-9a-f]{2})|(?<=\\[nrt])"
# A sign of addresses may also be a list's bullet, or end a sentence.
_BEGINS = rf"(?:(?<!\w)(?<!\w[.+@-])|{_ESCAPED})"
_ENDS = r"(?!\w|@|[.+-]\w)"
_NAME_BEGINS = _BEGINS.replace(r"\w", r"[^\W_]")  # an underscore may stand for a space
# Identifiers that are not personal data and that other documents refer to.
_KEPT_KEYS = frozenset(
    {"_id", "process", "stage", "blob", "sha256", "original", "raw", "type", "kind", "state"}
)


@dataclass(frozen=True)
class Traces:
    """The traces of a person in documents: their address, their names, and lines that they
    wrote."""

    address: str
    names: Collection[str]
    phrases: Collection[str]

    def pattern(self) -> re.Pattern[str]:
        """Matches every trace, the longest first, in upper or lower case; but not within another
        address or word, such as marjan@x.example for jan@x.example, or January for Jan. A name of
        several words may have an ending, as in `Jan Kowalskiego`.
        """
        bounded = {self.address: f"{_BEGINS}{re.escape(self.address)}{_ENDS}"}
        for name in self.names:
            ends = "" if " " in name else _ENDS
            bounded.setdefault(name, f"{_NAME_BEGINS}{re.escape(name)}{ends}")
        for phrase in self.phrases:
            bounded.setdefault(phrase, re.escape(phrase))
        bounded.pop("", None)
        ordered = sorted(bounded, key=lambda text: (-len(text), text))
        return re.compile("|".join(bounded[text] for text in ordered), re.IGNORECASE)


def phrases(texts: Iterable[str]) -> set[str]:
    """The lines by which a person's own texts are found in quotes."""
    lines = (line.strip() for text in texts for line in text.splitlines())
    return {line for line in lines if len(line) >= MIN_PHRASE_CHARS}


def usable_names(names: Iterable[str], address: str) -> set[str]:
    """Names that are specific enough to be replaced in texts."""
    found = {" ".join(name.split()) for name in names}
    return {
        name for name in found if len(name) >= MIN_NAME_CHARS and name.lower() != address.lower()
    }


def is_by(comment: Comment, address: str) -> bool:
    return comment.author.address.lower() == address.lower()


def erased_comment(
    comment: Comment, traces: Traces, pattern: re.Pattern[str], blob: BlobRef
) -> Comment:
    """The comment without the person's data: emptied if they wrote it, redacted if it mentions
    them.

    `blob` contains ERASED_CONTENT, which replaces erased files. Returns the same comment if there
    is nothing to erase.
    """
    if is_by(comment, traces.address):
        return emptied_comment(comment, blob)
    shown = (
        comment.subject,
        comment.text,
        comment.full_text,
        comment.html or "",
        comment.failure or "",
    )
    if not any(pattern.search(text) for text in shown):
        return comment
    text = pattern.sub(ERASED, comment.text)
    return structs.replace(
        comment,
        subject=pattern.sub(ERASED, comment.subject),
        text=text,
        full_text=text,
        html=None,
        attachments=[
            erased_file(attachment, blob) if "original" in attachment.flags else attachment
            for attachment in comment.attachments
        ],
        original=blob.sha256 if comment.original is not None else None,
        flags=_flagged(comment),
        failure=pattern.sub(ERASED, comment.failure) if comment.failure else None,
    )


def emptied_comment(comment: Comment, blob: BlobRef) -> Comment:
    """The comment with its time, its kind and its place in the case, and nothing else."""
    return structs.replace(
        comment,
        author=Person(ERASED, ""),
        subject=ERASED,
        text=ERASED,
        full_text=ERASED,
        html=None,
        message_id=None,
        in_reply_to=None,
        attachments=[erased_file(attachment, blob) for attachment in comment.attachments],
        original=blob.sha256 if comment.original is not None else None,
        flags=_flagged(comment),
        failure=None,
    )


def emptied_case(case: Case) -> Case:
    """The case with its number, its times and its stage, without anything that people wrote."""
    return structs.replace(
        case, title=ERASED, opened_by=Person(ERASED, ""), participants=[], fields={}, candidates={}
    )


def with_files_erased(comment: Comment, blobs: Collection[str], blob: BlobRef) -> Comment:
    """The comment with those of its files replaced whose blobs are among `blobs`."""
    if not any(attachment.blob in blobs for attachment in comment.attachments):
        return comment
    attachments = [
        erased_file(attachment, blob) if attachment.blob in blobs else attachment
        for attachment in comment.attachments
    ]
    return structs.replace(comment, attachments=attachments, flags=_flagged(comment))


def redacted(value: Any, pattern: re.Pattern[str]) -> Any:
    """A document with every trace in its texts replaced, identifiers left alone."""
    if isinstance(value, str):
        return pattern.sub(ERASED, value)
    if isinstance(value, dict):
        return {
            name: entry if name in _KEPT_KEYS else redacted(entry, pattern)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [redacted(element, pattern) for element in value]
    return value


def erased_file(attachment: Attachment, blob: BlobRef) -> Attachment:
    """The attachment with `blob` in place of its content; the hash of the old content stays as a
    flag.
    """
    if ERASED_FLAG in attachment.flags:
        return attachment
    return Attachment(
        name="erased.txt",
        content_type="text/plain",
        size=blob.size,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
        flags=[*attachment.flags, ERASED_FLAG, f"was-sha256:{attachment.sha256}"],
    )


def _flagged(comment: Comment) -> list[str]:
    return list(dict.fromkeys([*comment.flags, ERASED_FLAG]))
