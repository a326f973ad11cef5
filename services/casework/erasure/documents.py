"""Redacts the documents of outgoing mails and of the history. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.mails import BlobRef
from schemas.stored import Attachment, from_document, to_document
from services.casework.erasure.redaction import ERASED, erased_file, redacted


def redacted_only(
    documents: Sequence[dict[str, Any]], pattern: re.Pattern[str]
) -> list[dict[str, Any]]:
    """The redacted form of each document that redaction changes."""
    pairs = [(document, redacted(document, pattern)) for document in documents]
    return [after for before, after in pairs if after != before]


def without_erased_recipients(mail: dict[str, Any]) -> dict[str, Any]:
    """An outgoing mail without the person as a recipient; if nobody is left, it is not sent."""
    if mail["state"] not in {"pending", "claimed"}:
        return mail
    remaining = [recipient for recipient in mail["remaining"] if ERASED not in recipient]
    ended = {} if remaining else {"state": "suppressed", "ended_at": datetime.now(UTC)}
    return mail | {"remaining": remaining} | ended


def emptied_outgoing(mail: dict[str, Any], blob: BlobRef) -> dict[str, Any]:
    """An outgoing mail without recipients and texts. If it is waiting, it is suppressed."""
    attachments = [
        to_document(erased_file(from_document(attachment, Attachment), blob))
        for attachment in mail["attachments"]
    ]
    gone = {
        "to": [ERASED],
        "remaining": [],
        "refused": [],
        "subject": ERASED,
        "text": ERASED,
        "failure": None,
    }
    ended = (
        {"state": "suppressed", "ended_at": datetime.now(UTC)}
        if mail["state"] in {"pending", "claimed"}
        else {}
    )
    return mail | gone | {"attachments": attachments} | ended


def emptied_change(change: dict[str, Any], pattern: re.Pattern[str] | None) -> dict[str, Any]:
    """A history entry without field values and without texts of its case."""
    emptied: dict[str, Any] = redacted(change, pattern) if pattern else change
    if emptied["what"]["type"] == "fields-set":
        values = {
            name: value and value | {"value": ERASED, "evidence": ""}
            for name, value in emptied["what"]["values"].items()
        }
        emptied["what"] = emptied["what"] | {"values": values, "was": {}, "candidates": {}}
    return emptied
