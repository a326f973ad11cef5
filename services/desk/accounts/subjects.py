"""The names of sessions, tokens and users in announcements between desks. Pure.

They are digests, so that the broker's messages do not contain addresses.
"""

from collections.abc import Awaitable, Callable, Sequence

from services.desk.access import Principal
from services.desk.accounts.credentials.random_values import hashed

# Makes every desk check the streams of subjects whose access changed. Never raises.
Announce = Callable[[Sequence[str]], Awaitable[None]]


async def announce_nothing(_subjects: Sequence[str]) -> None:
    """Announces nothing, for programs without a broker: desks notice changes within ten seconds by
    themselves.
    """


def of_session(session_id: str) -> str:
    return hashed(f"session {session_id}")


def of_token(token_id: str) -> str:
    return hashed(f"token {token_id}")


def of_user(address: str) -> str:
    return hashed(f"user {address}")


def subjects_of(principal: Principal) -> frozenset[str]:
    """Everything that the principal's access depends on."""
    found = set()
    if principal.session is not None:
        found.add(of_session(principal.session))
    if principal.token is not None:
        found.add(of_token(principal.token))
    if principal.acting.user is not None:
        found.add(of_user(principal.acting.user))
    return frozenset(found)
