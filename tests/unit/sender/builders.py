"""Shortcuts that build outgoing mails and settings. All people are invented."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.message_ids import MessageIdSigner
from schemas.stored import OutgoingMail, Person
from services.runtime.settings import SenderLimits, Settings, load_settings

NOW = datetime(2026, 11, 25, 8, 30, 15, tzinfo=UTC)
IDS = MessageIdSigner([b"0123456789abcdef0123456789abcdef"])
LIMITS = SenderLimits()

TOML = """
[server.s]
protocol = "imap"
host = "imap.office.example"
[smtp.relay]
host = "smtp.office.example"
[case_reference]
key_file = "keys"
[process.invoices]
title = "Faktury kosztowe"
[process.invoices.acknowledgement]
enabled = true
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "s"
address = "invoices@office.example"
password_file = "password"
"""


def settings(folder: Path, change: tuple[str, str] = ("", ""), more: str = "") -> Settings:
    """Settings in which `change` replaces text and `more` is appended."""
    assert change[0] in TOML
    (folder / "mailcase.toml").write_text((TOML.replace(*change) if change[0] else TOML) + more)
    return load_settings(folder / "mailcase.toml", {})


def outgoing(**more: Any) -> OutgoingMail:
    """An acknowledgement of case 235 to Anna, with its text rendered."""
    fields: dict[str, Any] = {
        "id": "ack 235",
        "kind": "acknowledgement",
        "case": 235,
        "process": "invoices",
        "state": "claimed",
        "message_id": IDS.make(235, "abcdefgh", "office.example"),
        "author": Person("Faktury kosztowe", "invoices@office.example"),
        "reply_to": None,
        "to": ["anna@customer.example"],
        "remaining": ["anna@customer.example"],
        "subject": "Case [#235] was opened",
        "text": "Thank you.\n",
        "attachments": [],
        "in_reply_to": "<letter-1@customer.example>",
        "references": ["<letter-1@customer.example>"],
        "auto_submitted": "auto-replied",
        "caused_by": "0f" * 32,
        "created_at": NOW,
        "due_at": NOW,
        "attempts": 1,
    }
    return OutgoingMail(**(fields | more))


def limits(**more: Any) -> SenderLimits:
    return msgspec.structs.replace(LIMITS, **more)
