"""Sessions: who is logged in with which browser. They are looked up for every request, so that
revoking one takes effect at once in every replica.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from schemas.stored import from_document, to_document
from schemas.stored.desk import DeskSession, LoginMethod, User
from services.desk.accounts.credentials.random_values import hashed, random_value
from services.desk.accounts.joined_users import joined_user, with_user
from services.desk.accounts.subjects import Announce, of_session
from services.runtime.settings.durations import duration
from services.runtime.settings.schema.desk import Desk as DeskSettings
from services.runtime.store.mongo import Store

_TOUCH_EVERY = timedelta(minutes=1)
_AGENT_CHARS = 200


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(
        self,
        store: Store,
        settings: DeskSettings,
        clock: Callable[[], datetime],
        announce: Announce,
    ) -> None:
        self._sessions = store.collection(DeskSession.COLLECTION)
        self._idle = duration(settings.session_idle)
        self._length = duration(settings.session_length)
        self._clock = clock
        self._announce = announce

    async def begin(
        self,
        user: User,
        address: str,
        user_agent: str,
        *,
        method: LoginMethod = "local",
        provider_session: str | None = None,
    ) -> tuple[str, DeskSession]:
        """The cookie's value, which is new at every log-in, and the session."""
        value, now = random_value(), self._clock()
        session = DeskSession(
            id=hashed(value),
            user=user.id,
            method=method,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._length,
            address=address,
            user_agent=_one_line(user_agent),
            issuer=user.issuer if method == "oidc" else None,
            subject=user.subject if method == "oidc" else None,
            provider_session=provider_session,
        )
        await self._sessions.insert([to_document(session)])
        return value, session

    async def find(self, value: str) -> tuple[DeskSession, User | None] | None:
        """The session that the cookie's value proves, and its user, None if there is no such user
        anymore. None if there is no session, or if it has ended.
        """
        found = await self._sessions.aggregate(with_user({"_id": hashed(value)}, "user"))
        if not found:
            return None
        document = found[0]
        session = from_document(document, DeskSession)
        now = self._clock()
        if not self._holds(session, now):
            return None
        if now - session.last_seen_at >= _TOUCH_EVERY:
            await self._sessions.update({"_id": session.id}, {"$max": {"last_seen_at": now}})
        return structs.replace(session, last_seen_at=now), joined_user(document)

    async def look_up(self, session_id: str) -> DeskSession | None:
        """The session with this id; None if it has ended. Does not count as activity of the
        session.
        """
        document = await self._sessions.find_one({"_id": session_id})
        session = from_document(document, DeskSession) if document else None
        return session if session is not None and self._holds(session, self._clock()) else None

    def ends_at(self, session: DeskSession) -> datetime:
        """The time at which the session ends without further requests."""
        return min(session.expires_at, session.last_seen_at + self._idle)

    async def of_user(self, user: str) -> list[DeskSession]:
        """The valid sessions of a user, the newest first."""
        found = await self._sessions.find({"user": user, "revoked_at": None}, sort="-created_at")
        now = self._clock()
        sessions = [from_document(document, DeskSession) for document in found]
        return [session for session in sessions if self._holds(session, now)]

    async def revoke(self, query: Mapping[str, Any]) -> list[str]:
        """End all sessions that match, at once; the ids of those that ended."""
        matching = {**query, "revoked_at": None}
        found = await self._sessions.find(matching, ["_id"])
        ids = [str(document["_id"]) for document in found]
        if ids:
            await self._sessions.update_all(
                {"_id": {"$in": ids}}, {"$set": {"revoked_at": self._clock()}}
            )
            await self._announce([of_session(session_id) for session_id in ids])
        return ids

    def _holds(self, session: DeskSession, now: datetime) -> bool:
        return session.revoked_at is None and now < self.ends_at(session)


def _one_line(user_agent: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in user_agent[:_AGENT_CHARS])
    return " ".join(printable.split())
