"""Subject and sender of recorded mails, for lists: of a comment, or of a parked mail's headers."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.stored import Comment, Mail
from services.runtime.mail.headers import MailHeaders
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

_AT_ONCE = 20  # heads of mails, of up to 255 KiB each


@dataclass(frozen=True)
class MailSummary:
    """Parts are empty if the mail does not have them or is gone. `sender` is the name, or else the
    address.
    """

    subject: str = ""
    sender: str = ""


async def summaries(store: Store, mails: Sequence[Mail]) -> dict[str, MailSummary]:
    """By mail key. Raises TransientError."""
    keys = [mail.id for mail in mails if mail.case is not None]
    comments = await store.collection(Comment.COLLECTION).find(
        {"_id": {"$in": keys}}, ["subject", "author"]
    )
    found = {
        comment["_id"]: MailSummary(
            comment["subject"], comment["author"]["name"] or comment["author"]["address"]
        )
        for comment in comments
    }
    blobs = Blobs(store)
    others = [mail for mail in mails if mail.id not in found and mail.raw is not None]
    for start in range(0, len(others), _AT_ONCE):
        some = others[start : start + _AT_ONCE]
        heads = await blobs.heads(mail.raw for mail in some if mail.raw is not None)
        for mail in some:
            if mail.raw in heads:
                found[mail.id] = _of_headers(heads[mail.raw])
    return found


def _of_headers(head: bytes) -> MailSummary:
    headers = MailHeaders.parse(head)
    authors = headers.addresses("From")
    sender = (authors[0].name or authors[0].address) if authors else ""
    return MailSummary(headers.text("Subject") or "", sender)
