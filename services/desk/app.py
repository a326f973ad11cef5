"""The ASGI application: the API, its description, and the pages."""

from collections.abc import Sequence
from importlib.metadata import version

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.desk import Desk
from services.desk.http.descriptions.openapi import openapi
from services.desk.http.dispatch import Authenticator, Dispatcher, error_response
from services.desk.http.middleware import Observed
from services.desk.http.problems import TITLES, ProblemError


def build_app(desk: Desk, authenticator: Authenticator, pages: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The application; `pages` are the routes outside of the API."""
    dispatcher = Dispatcher(desk, authenticator)
    description = msgspec.json.encode(openapi(ENDPOINTS, PREFIX, version("mailcase")))

    async def describe(_request: Request) -> Response:
        return Response(description, media_type="application/json")

    routes: list[BaseRoute] = [dispatcher.route(endpoint, PREFIX) for endpoint in ENDPOINTS]
    routes += [Route(f"{PREFIX}/openapi.json", describe, methods=["GET"]), *pages]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error})
    app.router.redirect_slashes = False
    return Observed(app, lambda scope: desk.client_address(HTTPConnection(scope)), desk.activity)


async def _http_error(_request: Request, error: Exception) -> Response:
    """The refusals of the router itself: unknown paths and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    detail = {
        404: "there is no such resource; the API is described at /api/v1/openapi.json",
        405: f"use one of the methods {headers.get('Allow', 'described')} here",
    }.get(status, TITLES.get(status, "error"))
    reason = TITLES.get(status, "error").lower().replace(" ", "-")
    return error_response(ProblemError(status, reason, detail, headers=headers))
