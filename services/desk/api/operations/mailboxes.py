"""Mailboxes: whether they are read, what waits, why one is down, and a test of the log-in."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from schemas.stored import MailboxState, from_document
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import not_found
from services.runtime.settings import Mailbox

# The fetcher writes every five seconds, and another takes over within thirty.
SILENT_AFTER = timedelta(seconds=40)


class MailboxView(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox. `state` is `unread` when no fetcher has reported on it recently.

    `waiting` counts mails that are listed and not recorded yet; null while nobody knows, as before
    the first session. `failure` says why it is down,
    `hint` how to fix it; both are null if it is up. `problem` is the same as a constant word, and
    `answer` the mail server's own text in it; both may be empty. Responses never contain the
    password.
    """

    name: str
    process: str
    address: str
    server: str
    protocol: str
    host: str
    folder: str
    state: Literal["up", "down", "unread"]
    reported_at: datetime | None
    reader: str | None
    last_success_at: datetime | None
    waiting: int | None
    oldest_at: datetime | None
    failure: str | None
    hint: str | None
    problem: str
    answer: str


class MailboxList(msgspec.Struct, frozen=True, kw_only=True):
    """The mailboxes of the processes that the caller manages."""

    items: list[MailboxView]


class LoginTestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log in once; the body is empty."""


class LoginTestView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the log-in works now; `detail` says what was found, `hint` how to fix it. `problem`
    and `answer` are those of a mailbox.
    """

    ok: bool
    detail: str
    hint: str
    problem: str
    answer: str


async def list_mailboxes(call: Call[NoQuery, None]) -> Reply:
    """The mailboxes of the processes that the caller manages."""
    states = {
        document["_id"]: from_document(document, MailboxState)
        for document in await call.desk.store.collection(MailboxState.COLLECTION).find({})
    }
    shown = [
        _view(call, mailbox, states.get(mailbox.name))
        for mailbox in call.desk.settings.mailboxes.values()
        if call.desk.access.may(call.principal, Permission.PARKED, mailbox.process)
    ]
    return Reply(MailboxList(items=shown))


def _view(call: Call[Any, Any], mailbox: Mailbox, state: MailboxState | None) -> MailboxView:
    server = call.desk.settings.servers[mailbox.server]
    if state is not None and state.at < call.desk.clock() - SILENT_AFTER:
        state = None
    failure = state.failure if state else "no fetcher has reported on it recently"
    hint = state.hint if state else "start a fetcher, or see its log"
    return MailboxView(
        name=mailbox.name,
        process=mailbox.process,
        address=mailbox.address,
        server=mailbox.server,
        protocol=server.protocol,
        host=server.host,
        folder=mailbox.folder,
        state="unread" if state is None else "down" if state.failure else "up",
        reported_at=state.at if state else None,
        reader=state.reader if state else None,
        last_success_at=state.last_success_at if state else None,
        waiting=_waiting(state),
        oldest_at=state.oldest_at if state else None,
        failure=failure,
        hint=(hint or None) if failure else None,
        problem=state.problem if state else "",
        answer=state.answer if state else "",
    )


def _waiting(state: MailboxState | None) -> int | None:
    """How many mails wait; None if the mailbox was not read yet, or is not read now."""
    was_read = state is not None and (state.waiting or state.last_success_at)
    return state.waiting if state is not None and was_read else None


async def test_login(call: Call[NoQuery, LoginTestRequest]) -> Reply:
    """Log in to the mail server as the fetcher does."""
    mailbox = call.desk.settings.mailboxes.get(call.path["mailbox"])
    if mailbox is None or not call.desk.access.may(
        call.principal, Permission.PARKED, mailbox.process
    ):
        raise not_found("mailbox")
    found = await call.desk.tools.test_login(mailbox.name)
    return Reply(
        LoginTestView(
            ok=found.ok,
            detail=found.detail,
            hint=found.hint,
            problem=found.problem,
            answer=found.answer,
        )
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/mailboxes",
        name="list_mailboxes",
        summary="List mailboxes with their state",
        handler=list_mailboxes,
        permission=Permission.PARKED,
        response=MailboxList,
        tag="operations",
    ),
    Endpoint(
        method="POST",
        path="/mailboxes/{mailbox}/login-tests",
        name="test_login",
        summary="Test the log-in of a mailbox",
        handler=test_login,
        permission=Permission.PARKED,
        body=LoginTestRequest,
        response=LoginTestView,
        refusals=(404,),
        tag="operations",
    ),
)
