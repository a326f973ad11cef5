"""Credentials for the log-in to a mailbox: a password, or an OAuth 2.0 access token."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.runtime.oauth2.tokens import AccessToken


@dataclass(frozen=True)
class Password:
    text: str = field(repr=False)


Credential = Password | AccessToken


def xoauth2(user: str, token: AccessToken) -> Callable[[bytes], bytes]:
    """The client's side of SASL XOAUTH2: a function from the server's challenge to the response.

    The first response logs in. A second challenge is the server's error; an empty response ends the
    exchange. Source: developers.google.com/workspace/gmail/imap/xoauth2-protocol.
    """
    responses = iter([f"user={user}\1auth=Bearer {token.text}\1\1".encode()])
    return lambda _challenge: next(responses, b"")
