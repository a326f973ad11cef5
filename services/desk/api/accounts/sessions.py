"""Sessions: which browsers are signed in, and signing them out."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.stored.desk import DeskSession
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import forbidden, not_found


class SessionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose sessions: a user's address; the caller's own without it. Others' need the scope
    admin, and so do all for a token.
    """

    user: Annotated[str, Meta(min_length=1, max_length=254)] | None = None


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A valid session. `current` is the one that the request was made with."""

    id: str
    user: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    current: bool


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions, the newest first."""

    items: list[SessionView]


async def list_sessions(call: Call[SessionsQuery, None]) -> Reply:
    """The sessions of the caller, or for administrators of any user."""
    user = own_or_admin(call, call.query.user)
    accounts = call.desk.accounts
    sessions = await accounts.sessions.of_user(user)
    items = [
        _view(session, accounts.sessions.ends_at(session), call.principal.session)
        for session in sessions
    ]
    return Reply(SessionList(items=items))


async def end_session(call: Call[NoQuery, None]) -> Reply:
    """End a session at once: its browser is signed out, its live pages end."""
    is_admin = call.desk.access.may(call.principal, Permission.ADMIN)
    user = call.principal.acting.user
    if not is_admin and call.principal.session is None:
        raise not_found("session")
    ended = await call.desk.accounts.revoke_session(
        call.path["session"],
        None if is_admin else user,
        by=call.principal.id,
        from_address=call.address,
    )
    if not ended:
        raise not_found("session")
    return Reply()


def own_or_admin(call: Call[Any, Any], user: str | None) -> str:
    """The user that a request is about: the caller, or anyone with the scope admin.

    Raises ProblemError 403.
    """
    own = call.principal.acting.user
    wanted = user.strip().lower() if user is not None else own
    if wanted is None:
        raise forbidden("a program without an owner has no user; name a user")
    is_own = wanted == own and call.principal.session is not None
    if not is_own and not call.desk.access.may(call.principal, Permission.ADMIN):
        raise forbidden("only a signed-in person sees their own sessions; this requires admin")
    return wanted


def _view(session: DeskSession, ends_at: datetime, current: str | None) -> SessionView:
    return SessionView(
        id=session.id,
        user=session.user,
        method=session.method,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=ends_at,
        address=session.address,
        user_agent=session.user_agent,
        current=session.id == current,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/sessions",
        name="list_sessions",
        summary="List sessions",
        handler=list_sessions,
        permission=None,
        query=SessionsQuery,
        response=SessionList,
        tag="people",
    ),
    Endpoint(
        method="DELETE",
        path="/sessions/{session}",
        name="end_session",
        summary="End a session",
        handler=end_session,
        permission=None,
        status=204,
        refusals=(404,),
        tag="people",
    ),
)
