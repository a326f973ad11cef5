"""What a mailbox is logged in with: a password, or an access token."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.runtime.oauth2.tokens import AccessToken


@dataclass(frozen=True)
class Password:
    text: str = field(repr=False)


Credential = Password | AccessToken


def xoauth2(user: str, token: AccessToken) -> Callable[[bytes], bytes]:
    """The client's side of SASL XOAUTH2 (developers.google.com/workspace/gmail/imap/xoauth2-protocol).

    The first answer logs in. A second challenge is the server's refusal with its reason; an empty answer ends it.
    """
    answers = iter([f"user={user}\1auth=Bearer {token.text}\1\1".encode()])
    return lambda _challenge: next(answers, b"")
