"""Turns a row of the route table into an ASGI route: authenticates, authorizes, decodes, and
responds.
"""

import asyncio
import hashlib
from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.stored import Case
from services.desk.access import Principal
from services.desk.desk import Desk
from services.desk.http import bodies
from services.desk.http.conditional import entity_tag, expected_revision
from services.desk.http.csrf import SAFE_METHODS, is_same_origin
from services.desk.http.endpoint import Call, Endpoint, Reply, case_number
from services.desk.http.problems import (
    CONTENT_TYPE,
    FieldError,
    ProblemError,
    encoded,
    forbidden,
    invalid,
    problem_of,
    validation_errors,
)
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import cancel_all

log = get_logger(__name__)

ROUTE = "mailcase.route"  # in the scope: the path's template, for the log and the metrics
ACTOR = "mailcase.actor"
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396


class Authenticator(Protocol):
    """Authenticates requests."""

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        """The principal that the cookie or the bearer token proves; None if there is neither.

        Raises ProblemError 401 for a proof that is invalid, revoked or expired, TransientError.
        """

    async def again(self, principal: Principal) -> Principal | None:
        """The present state of a principal; None if the proof has ended. Does not count as activity
        of a session.

        Raises TransientError.
        """


class Dispatcher:
    """Answers requests by the rows of the route table."""

    def __init__(self, desk: Desk, authenticator: Authenticator) -> None:
        self._desk = desk
        self._authenticator = authenticator

    def route(self, endpoint: Endpoint[Any, Any], prefix: str) -> Route:
        """The ASGI route of one row."""
        handle = partial(self._answer, endpoint)
        return Route(prefix + endpoint.path, handle, methods=[endpoint.method], name=endpoint.name)

    async def _answer(self, endpoint: Endpoint[Any, Any], request: Request) -> Response:
        request.scope[ROUTE] = endpoint.path
        try:
            return await self._respond(endpoint, request)
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            return error_response(error)

    async def _respond(self, endpoint: Endpoint[Any, Any], request: Request) -> Response:
        if not endpoint.conditional or "if-match" not in request.headers:
            return await self._respond_with(endpoint, request, None)
        # An action waits for each request to the database, so these two run at the same time.
        ahead = asyncio.ensure_future(self._case_in_path(request))
        try:
            return await self._respond_with(endpoint, request, ahead)
        finally:
            await cancel_all([ahead])

    async def _case_in_path(self, request: Request) -> Case | None:
        """The case in the path, whoever may see it; None if it does not exist."""
        return await self._desk.reader.case(case_number(request.path_params["number"]), {})

    async def _respond_with(
        self,
        endpoint: Endpoint[Any, Any],
        request: Request,
        ahead: Awaitable[Case | None] | None,
    ) -> Response:
        principal = await self.signed_in(request)
        if endpoint.permission is not None and not self._desk.access.may(
            principal, endpoint.permission
        ):
            raise forbidden(
                f"this requires {endpoint.permission.value}; ask an administrator for it"
            )
        query = decode_query(endpoint.query, request)
        expected = (
            expected_revision(request.headers.get("if-match")) if endpoint.conditional else None
        )
        content = b""
        if endpoint.body is not None:
            async with self._desk.body_turns.of(principal.account):
                content = await bodies.read_body(request, bodies.MAX_JSON_BYTES)
        call = Call(
            desk=self._desk,
            principal=principal,
            query=query,
            body=decode_body(endpoint, request, content),
            path=request.path_params,
            expected=expected,
            request=request,
            address=self._desk.client_address(request),
            again=partial(self._authenticator.again, principal),
            ahead=ahead,
        )
        key = request.headers.get("idempotency-key") if endpoint.method == "POST" else None
        if key is None or endpoint.upload or endpoint.secret:
            return await _handled(endpoint, call)
        asked = f"{request.method} {request.url.path}?{request.url.query} {expected}\0".encode()
        fingerprint = asked + hashlib.sha256(content).digest()
        return await self._desk.idempotent_replies.once(
            principal.id,
            key,
            fingerprint,
            partial(_handled, endpoint, call),
            partial(_require_case, call),
        )

    async def signed_in(self, request: Request) -> Principal:
        """The caller. Raises ProblemError: 401 without a proof, 403 for a request that another site
        caused.
        """
        principal = await self._authenticator.principal(request)
        if principal is None:
            raise ProblemError(
                401,
                "not-signed-in",
                "sign in, or send a token as `Authorization: Bearer mlc_…`",
                headers={"WWW-Authenticate": 'Bearer realm="mailcase"'},
            )
        request.scope[ACTOR] = principal.id
        by_cookie = principal.session is not None
        if (
            by_cookie
            and request.method not in SAFE_METHODS
            and not is_same_origin(request.headers, self._desk.public_url)
        ):
            raise ProblemError(
                403, "cross-site", "the request came from another site; use the desk's own pages"
            )
        return principal


async def _handled(endpoint: Endpoint[Any, Any], call: Call[Any, Any]) -> Response:
    """The response. A refusal by the rules is a response as well, so that a repeated request gets
    the same."""
    try:
        reply = await endpoint.handler(call)
    except Exception as error:  # noqa: BLE001 - every error becomes a response
        return error_response(error)
    return reply if isinstance(reply, Response) else json_response(endpoint, reply)


async def _require_case(call: Call[Any, Any]) -> None:
    """Raises ProblemError 404 if the caller may not see the case in the path."""
    if "number" in call.path:
        await call.desk.visible_case(call.principal, call.number)


def json_response(endpoint: Endpoint[Any, Any], reply: Reply) -> Response:
    headers = {"Cache-Control": "no-store"} | dict(reply.headers)
    if reply.revision is not None:
        headers["ETag"] = entity_tag(reply.revision)
    status = reply.status or endpoint.status
    if reply.body is None:
        return Response(status_code=status, headers=headers)
    return Response(msgspec.json.encode(reply.body), status, headers, media_type=JSON)


def error_response(error: Exception) -> Response:
    """The problem for an error; an unexpected one is logged."""
    problem = problem_of(error)
    if problem.problem.status == 500:
        log.error("request_failed", error=error, exc=error)
    headers = {"Cache-Control": "no-store"} | problem.headers
    return Response(
        encoded(problem.problem), problem.problem.status, headers, media_type=CONTENT_TYPE
    )


def decode_query(kind: type[Any], request: Request) -> Any:
    """The parameters as a struct. Raises ProblemError 400 for unknown, repeated and invalid
    ones.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise invalid(
                f"{name} is given twice", FieldError(pointer=f"?{name}", detail="once only")
            )
        values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(f"invalid parameter: {error}", *_of_query(str(error))) from error


def _of_query(message: str) -> list[FieldError]:
    return [
        FieldError(pointer="?" + error.pointer.strip("/").split("/")[0], detail=error.detail)
        for error in validation_errors(message)
    ]


def decode_body(endpoint: Endpoint[Any, Any], request: Request, content: bytes) -> Any:
    """The body as a struct. Raises ProblemError: 415 for another media type, 422 for invalid
    JSON.
    """
    if endpoint.body is None:
        return None
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = {JSON, MERGE_PATCH} if endpoint.method == "PATCH" else {JSON}
    if media not in wanted:
        raise ProblemError(
            415, "unsupported-media-type", f"send the body as {' or '.join(sorted(wanted))}"
        )
    try:
        return msgspec.json.decode(content, type=endpoint.body)
    except msgspec.ValidationError as error:
        raise invalid(
            f"invalid body: {error}", *validation_errors(str(error)), status=422
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"the body is not JSON: {error}", status=400) from error
