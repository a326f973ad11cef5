"""Reads mail: from bytes to what a person sees. Pure."""

from services.case_writer.reading.model import (
    DOUBTFUL,
    SHORTENED,
    Attachment,
    MailReading,
    ReadingLimits,
    needs_original,
)
from services.case_writer.reading.reader import read_mail
from services.runtime.mail.headers import Address

__all__ = [
    "DOUBTFUL",
    "SHORTENED",
    "Address",
    "Attachment",
    "MailReading",
    "ReadingLimits",
    "needs_original",
    "read_mail",
]
