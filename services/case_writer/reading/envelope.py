"""Reads from a mail's header what a case needs: subject, author, recipients, time, Message-IDs."""

from datetime import datetime

import msgspec

from services.case_writer.reading.model import Defects, ReadingLimits
from services.runtime.mail.headers import Address, MailHeaders

_NOBODY = Address("", "")


class Envelope(msgspec.Struct, frozen=True):
    """The fields of `MailReading` that come from the header; see there."""

    subject: str
    author: Address
    reply_to: list[Address]
    recipients: list[Address]
    sent_at: datetime | None
    message_id: str | None
    in_reply_to: str | None
    references: list[str]


def read_envelope(headers: MailHeaders, limits: ReadingLimits, defects: Defects) -> Envelope:
    """The envelope of a mail. Missing and odd values are noted in `defects`."""
    subject = headers.text("subject") or ""
    defects.add("subject-shortened", len(subject) > limits.max_subject_chars)
    sent_at = headers.date("date")
    defects.add("no-date", sent_at is None)
    own_ids = headers.message_ids("message-id")
    answered = headers.message_ids("in-reply-to")
    references = headers.message_ids("references")
    return Envelope(
        subject=subject[: limits.max_subject_chars].rstrip(),
        author=_author(headers, defects),
        reply_to=[address for address in headers.addresses("reply-to") if address.address][
            : limits.max_recipients
        ],
        recipients=_recipients(headers, limits, defects),
        sent_at=sent_at,
        message_id=own_ids[0] if own_ids else None,
        in_reply_to=answered[0] if answered else None,
        references=list(dict.fromkeys([*answered, *reversed(references)])),
    )


def _author(headers: MailHeaders, defects: Defects) -> Address:
    """The author: the first person in From with an address. Without one, that of
    Sender, Reply-To or Return-Path with From's name; without any address, a name only.
    """
    found = headers.addresses("from")
    addressed = [address for address in found if address.address]
    defects.add("several-authors", len(addressed) > 1)
    if addressed:
        defects.add("address-in-author-name", _shows_another(addressed[0]))
        return addressed[0]
    defects.add("no-author")
    for sender in headers.addresses("sender", "reply-to", "return-path"):
        if sender.address:
            return Address(found[0].name if found else sender.name, sender.address)
    return found[0] if found else _NOBODY


def _shows_another(author: Address) -> bool:
    """Whether the display name contains an address that is not the author's: often phishing,
    sometimes a mailing list.
    """
    return "@" in author.name and author.address.lower() not in author.name.lower()


def _recipients(headers: MailHeaders, limits: ReadingLimits, defects: Defects) -> list[Address]:
    found: dict[str, Address] = {}
    for address in headers.addresses("to", "cc"):
        if address.address:
            found.setdefault(address.address, address)
    defects.add("too-many-recipients", len(found) > limits.max_recipients)
    return list(found.values())[: limits.max_recipients]
