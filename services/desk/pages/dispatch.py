"""Dispatches requests to pages: who asks, from which site, and how errors are shown."""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.desk.access import Principal
from services.desk.http.bodies import BoundedRequest
from services.desk.http.csrf import SAFE_METHODS, is_same_origin
from services.desk.http.dispatch import ROUTE, Dispatcher
from services.desk.http.problems import ProblemError, invalid, not_found
from services.desk.pages.errors import error_page, page_problem
from services.desk.pages.handlers.navigation import read_navigation
from services.desk.pages.homes import Handler, Homes, home_path
from services.desk.pages.refused import refused_page
from services.desk.pages.views.page import Navigation
from services.desk.pages.visit import Site, Visit

MAX_FORM_FIELDS = 1000
MAX_FORM_FILES = 50
MAX_FIELD_BYTES = 2_000_000
MAX_BYTES = 4_000_000  # of a form without files
MAX_BYTES_WITH_FILES = 50_000_000
# Files of forms are in the temporary folder, which has 256 MiB on Kubernetes.
LARGE_AT_ONCE = 4
STRANGER_S = 30.0
# Some of Python's encodings take minutes for what a form may contain.
_CHARSET = re.compile(r"charset[^=;]{0,20}=[\s\"]{0,20}([^\s\";]*)")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class PageDispatcher:
    """Makes routes of page handlers."""

    def __init__(self, site: Site, dispatcher: Dispatcher, homes: Homes) -> None:
        self._site = site
        self._dispatcher = dispatcher
        self._homes = homes
        self._large_forms = asyncio.Semaphore(LARGE_AT_ONCE)

    def route(
        self,
        path: str,
        handler: Handler,
        method: str = "GET",
        *,
        public: bool = False,
        most: int = MAX_BYTES,
    ) -> Route:
        """The route of one page. A `public` page is available before signing in. A form of more
        than `most` bytes is refused.
        """

        async def answer(request: Request) -> Response:
            request.scope[ROUTE] = path
            return await self._answer(request, handler, public=public, most=most)

        return Route(path, answer, methods=[method])

    def home(self, path: str) -> Route:
        """The route of a form for someone who opens its address: to the page that the form is on.
        A browser shows that address while it shows a refused form.
        """

        async def answer(visit: Visit) -> Response:
            home = home_path(path, visit.request.url.path, visit.text)
            return RedirectResponse(home or "/todo", 303)

        return self.route(path, answer)

    def everything_else(self) -> Route:
        """The page for paths that nothing answers; programs get the API's own error."""

        async def answer(request: Request) -> Response:
            if "text/html" not in request.headers.get("accept", ""):
                raise HTTPException(404)
            return await self._answer(request, _nothing, public=False)

        return Route("/{path:path}", answer, methods=["GET"])

    async def _answer(
        self, request: Request, handler: Handler, *, public: bool, most: int = MAX_BYTES
    ) -> Response:
        visit = Visit(self._site, request, None)
        async with AsyncExitStack() as turns:
            try:
                if request.method not in SAFE_METHODS:
                    self._require_same_origin(request)
                visit = replace(visit, signed_in=await self._principal(request, public=public))
                if visit.signed_in and not visit.is_fragment:
                    visit = with_navigation(visit)
                if not _is_large(request):
                    most = min(most, MAX_BYTES)
                elif most > MAX_BYTES:
                    turn = self._site.desk.form_turns.of(visit.principal.account)
                    await turns.enter_async_context(turn)
                    await turns.enter_async_context(self._large_forms)
                visit = replace(visit, form=await _form(request, most))
                try:
                    return await handler(visit)
                finally:
                    await visit.form.close()
            except Exception as error:  # noqa: BLE001 - every error becomes a page
                response = await self._error(visit, error)
                if isinstance(error, ProblemError) and error.headers.get("Connection"):
                    response.headers["Connection"] = "close"  # the rest of the form is not read
                return response
            finally:
                if visit.navigation is not None:
                    visit.navigation.cancel()

    async def _principal(self, request: Request, *, public: bool) -> Principal | None:
        """Who is signed in, None if nobody has to be. Tokens are for programs. Raises
        ProblemError.
        """
        try:
            principal = await self._dispatcher.signed_in(request)
        except ProblemError as error:
            if public and error.problem.status == 401:
                return None
            raise
        if principal.session is not None:
            return principal
        if public:
            return None
        raise ProblemError(401, "not-signed-in", "pages are for people; sign in with a browser")

    def _require_same_origin(self, request: Request) -> None:
        """Checked even before signing in; otherwise another site could sign someone in as someone
        else.
        """
        if not is_same_origin(request.headers, self._site.desk.public_url):
            raise ProblemError(403, "cross-site", "the request came from another site")

    async def _error(self, visit: Visit, error: Exception) -> Response:
        problem = page_problem(error)
        if visit.is_fragment and problem.status == 401:  # htmx would swap the form into the page
            return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
        if visit.request.method == "POST":
            # Neither the form of another site nor one that was read without success.
            if visit.signed_in is None and problem.status not in {400, 403, 408, 413}:
                visit = replace(visit, form=await _form_of_a_stranger(visit.request))
            try:
                return await refused_page(visit, error, visit.request.scope[ROUTE], self._homes)
            finally:
                await visit.form.close()
        if problem.status != 401:
            return await error_page(visit, error)
        url = visit.request.url
        wanted = f"{url.path}?{url.query}" if url.query else url.path
        return RedirectResponse(f"/sign-in?next={quote(wanted)}", 303)


async def _nothing(_visit: Visit) -> Response:
    raise not_found("page")


def with_navigation(visit: Visit) -> Visit:
    """The visit with its navigation: a form usually redirects, and then needs none."""
    if visit.request.method == "GET":
        return replace(visit, navigation=reading_beside(visit))
    return replace(visit, read_navigation=read_navigation)


def reading_beside(visit: Visit) -> "asyncio.Task[Navigation]":
    """The navigation of a whole page, read while the handler reads the page's content."""
    reading = asyncio.create_task(read_navigation(visit))
    # A page that ends without it, such as a redirect, does not ask how the reading ended.
    reading.add_done_callback(lambda done: done.cancelled() or done.exception())
    return reading


def _is_large(request: Request) -> bool:
    """Whether a form has files, by its length. Browsers send it."""
    length = request.headers.get("content-length", "")
    return not (length.isascii() and length.isdigit()) or int(length[:12]) > MAX_BYTES


async def _form(request: Request, most: int) -> FormData:
    """The fields of a posted form; empty for any other body, which the handler reads. Raises
    ProblemError: 400, and as `bounded_chunks`.
    """
    media, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if request.method != "POST" or media.strip() not in _FORMS:
        return FormData()
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1] not in {"utf-8", "utf8"}:
        raise invalid("send the form in UTF-8")
    try:
        return await BoundedRequest(request, most).form(
            max_files=MAX_FORM_FILES, max_fields=MAX_FORM_FIELDS, max_part_size=MAX_FIELD_BYTES
        )
    except HTTPException as error:
        raise invalid(error.detail) from error


async def _form_of_a_stranger(request: Request) -> FormData:
    """The form of someone whose session ended or cannot be read, to be shown to them; empty if it
    is so large or slow that reading it for anyone would be an attack.
    """
    try:
        async with asyncio.timeout(STRANGER_S):
            return await _form(request, MAX_BYTES)
    except (TimeoutError, ProblemError):
        return FormData()
