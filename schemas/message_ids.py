"""Message-IDs of our own mails. They contain the case's number and an HMAC, so that nobody can
forge one.

`<mc.235.Zk3q….f1e2…@mail.example>` consists of the case, a random part, and the first 32 hex digits
of an HMAC-SHA256 (RFC 2104) of the two. The domain is not signed, so replies still find their case
if a gateway rewrites domains.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from schemas.case_ref import MAX_DIGITS

OWN_MAIL_HEADER = "X-Mailcase-Case"  # on every mail that we send: the case's number and a MAC
_MAC_DIGITS = 32  # half of SHA-256's, as RFC 2104 section 5 allows
_ID_START = "<mc."
_ID = re.compile(
    rf"<mc\.([1-9][0-9]{{0,{MAX_DIGITS - 1}}})\.([A-Za-z0-9]{{8,40}})\.([0-9a-f]{{{_MAC_DIGITS}}})@[^<>@\s]+>"
)
_MARK = re.compile(rf"([1-9][0-9]{{0,{MAX_DIGITS - 1}}})\s+([0-9a-f]{{{_MAC_DIGITS}}})")


class MessageIdSigner:
    """Signs and recognizes our Message-IDs. The first key signs; all keys verify, so keys can be
    rotated.

    Without a key, no Message-ID can be recognized or made.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def make(self, case: int, unique: str, domain: str) -> str:
        """The Message-ID of a mail sent from `case`; `unique` is 8 to 40 ASCII letters and digits.

        Raises ValueError if there is no key, or if the id could not be read back.
        """
        if not self._keys:
            raise ValueError("there is no key to sign Message-IDs with")
        made = f"<mc.{case}.{unique}.{_mac(self._keys[0], case, unique)}@{domain}>"
        if self.case_of(made) != case:
            raise ValueError(f"{made!r} could not be read back")
        return made

    def case_of(self, message_id: str) -> int | None:
        """The case from which the mail with this Message-ID was sent; None if the Message-ID is not
        ours, or forged.
        """
        if not message_id.startswith(_ID_START):
            return None  # as most are: comparing the beginning is quicker than the pattern
        found = _ID.fullmatch(message_id)
        if found is None:
            return None
        case, unique, mac = int(found[1]), found[2], found[3]
        genuine = any(hmac.compare_digest(_mac(key, case, unique), mac) for key in self._keys)
        return case if genuine else None

    def mark(self, case: int, sent_at: datetime) -> str | None:
        """The value of `OWN_MAIL_HEADER`, which survives a relay that replaces Message-IDs.

        None if there is no key. The MAC covers the mail's Date, so that the header is invalid on a
        mail with another date.
        """
        return f"{case} {_mark_mac(self._keys[0], case, sent_at)}" if self._keys else None

    def is_marked(self, value: str, sent_at: datetime) -> bool:
        """Whether `value` is the header value of a mail that we sent with this Date."""
        found = _MARK.fullmatch(value.strip())
        if found is None:
            return False
        case, mac = int(found[1]), found[2]
        return any(hmac.compare_digest(_mark_mac(key, case, sent_at), mac) for key in self._keys)


NO_KEYS = MessageIdSigner(())


def _mac(key: bytes, case: int, unique: str) -> str:
    return hmac.new(key, f"{case}.{unique}".encode(), hashlib.sha256).hexdigest()[:_MAC_DIGITS]


def _mark_mac(key: bytes, case: int, sent_at: datetime) -> str:
    """The MAC of the mark. It covers the header's name, so that it differs from the MAC of a
    Message-ID.
    """
    signed = f"{OWN_MAIL_HEADER}:{case}:{int(sent_at.timestamp())}"
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()[:_MAC_DIGITS]
