"""A row of the route table, and one request as its handler sees it."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas.stored import Case
from schemas.stored.desk import AuditEvent
from services.desk.access import Permission, Principal
from services.desk.http.problems import not_found

if TYPE_CHECKING:
    from services.desk.desk import Desk

Q = TypeVar("Q")
B = TypeVar("B")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
MAX_NUMBER = 2**53 - 1


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request without parameters."""


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """One request, checked and decoded.

    `query` and `body` have the types that the endpoint declares; `body` is None for an endpoint
    without one. `path` contains the values of the path's parameters. `expected` is the revision in
    `If-Match`, None if the endpoint takes none. `request` is the raw request, for uploads and
    streams; None if a page makes the call in process, which then has the `form_key` of
    the page's form. For long-lasting responses, `again` returns
    the present state of the principal, None if the proof has ended; it does not count as activity
    of a session. `ahead` is the case in the path, which is read while the caller is authenticated;
    whether they may see it is still to be checked.
    """

    desk: "Desk"
    principal: Principal
    query: Q
    body: B
    path: Mapping[str, str] = field(default_factory=dict)
    expected: int | None = None
    request: Request | None = None
    address: str = ""
    again: Callable[[], Awaitable[Principal | None]] | None = None
    seen: dict[int, Case] = field(default_factory=dict)
    ahead: Awaitable[Case | None] | None = None
    form_key: str = ""

    def new_id(self) -> str:
        """32 hex digits for what the call creates. They are random, except that a form that is sent
        again with the same content gets the same ones.
        """
        if not self.form_key:
            return secrets.token_hex(16)
        sent = f"{self.principal.id}\0{self.form_key}\0".encode() + msgspec.json.encode(self.body)
        return hashlib.sha256(sent).hexdigest()[:32]

    async def visible_case(self, permission: Permission = Permission.READ) -> Case:
        """The case in the path. Raises as `Desk.visible_case`."""
        case = self.seen.get(self.number) or await self._read_ahead()
        if case is None:
            case = await self.desk.visible_case(self.principal, self.number, permission)
        else:
            self.desk.access.require(self.principal, permission, case.process)
        self.seen[case.number] = case
        return case

    async def _read_ahead(self) -> Case | None:
        """The case of `ahead`, if the caller may see it and it is at the revision that they saw.

        A later revision, at which it may be in another process, is then refused as stale.
        """
        case = await self.ahead if self.ahead is not None else None
        if case is None or case.revision != self.expected:
            return None
        return case if self.desk.access.may_see(self.principal, case) else None

    async def audit(self, what: AuditEvent, thing: str) -> None:
        """Record what someone sees, downloads or changes. Call this before they see or get it."""
        await self.desk.accounts.audit.record(
            what, actor=self.principal.id, address=self.address, thing=thing
        )

    async def principal_now(self) -> Principal | None:
        """The present state of the principal; None if the proof has ended.

        Raises TransientError.
        """
        return await self.again() if self.again is not None else self.principal

    @property
    def number(self) -> int:
        """The case number in the path. Raises ProblemError 404 for one that cannot exist."""
        return case_number(self.path["number"])


def case_number(text: str) -> int:
    """The number in a path. Raises ProblemError 404 for one that cannot exist."""
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= MAX_NUMBER:
        raise not_found("case")
    return int(text)


@dataclass(frozen=True)
class Reply:
    """The result of a handler: a struct of the declared type, None for 204.

    With `revision`, the response has the `ETag` of that revision of the case.
    """

    body: Any = None
    status: int | None = None
    revision: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call[Q, B]], Awaitable[Reply | Response]]


@dataclass(frozen=True)
class Endpoint(Generic[Q, B]):
    """One operation of the API.

    `permission` is the permission that the caller needs in at least one process (handlers check it
    for the process of the case); None allows any signed-in caller. `query` and `body` are the
    structs that validate the request; `response` is the struct of the response's body, None if it
    has none. `conditional` operations need `If-Match`. `media` is the type of a response that is
    not JSON. `refusals` are the possible statuses in addition to those of every operation. `secret`
    means that the response contains a secret and is not stored for repeated requests.
    """

    method: Method
    path: str
    name: str
    summary: str
    handler: Handler[Q, B]
    permission: Permission | None
    query: type[Q] = NoQuery  # type: ignore[assignment]
    body: type[B] | None = None
    response: Any = None
    status: int = 200
    conditional: bool = False
    refusals: tuple[int, ...] = ()
    media: str | None = None
    tag: str = "cases"
    upload: bool = False
    secret: bool = False
