"""One request for a page as its handler sees it, and the possible responses."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from msgspec import structs
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from schemas.stored import Case
from services.desk.access import Permission, Principal
from services.desk.accounts.accounts import Client
from services.desk.accounts.web.cookies import Cookies, cookie_value
from services.desk.api.routes import ENDPOINTS
from services.desk.desk import Desk
from services.desk.http.endpoint import Call, Reply
from services.desk.http.problems import Problem, forbidden, invalid, validation_errors
from services.desk.pages.headers import new_nonce, page_headers
from services.desk.pages.i18n import CATALOGS, DEFAULT_LANGUAGE, Catalog
from services.desk.pages.templating import Renderer
from services.desk.pages.undo import read_steps, write_steps
from services.desk.pages.views.page import (
    Message,
    Navigation,
    Page,
    Refusal,
    Theme,
    Tone,
    Viewer,
)

FLASH_COOKIE = "flash"
UNDO_COOKIE = "undo"
MAX_FORM_KEY = 64
_ENDPOINTS = {endpoint.name: endpoint for endpoint in ENDPOINTS}
_THEMES: Mapping[str, Theme] = {"auto": "auto", "light": "light", "dark": "dark"}
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_TONES: Mapping[str, Tone] = {"i": "info", "g": "good", "b": "bad"}


@dataclass(frozen=True)
class Site:
    """What all pages share. `live_url` is the URL of the event stream, None if there is none."""

    desk: Desk
    renderer: Renderer
    live_url: str | None = None


@dataclass(frozen=True)
class Visit:
    """One request. `principal` is None on the pages before signing in; `form` is empty for GET.
    `seen` are the cases that a GET has read so far, so that its page reads each once. `navigation`
    is read while the handler runs; None for answers without one. `read_navigation` reads it for the
    page that a form may become. `stored` are those files of the form that became uploads, by the
    upload's id. A page that answers a refused form has its `refusal`, and a
    `message` if that has no place on the page.
    """

    site: Site
    request: Request
    signed_in: Principal | None
    form: FormData = field(default_factory=FormData)
    navigation: "asyncio.Task[Navigation] | None" = None
    read_navigation: "Callable[[Visit], Awaitable[Navigation]] | None" = None
    seen: dict[int, Case] = field(default_factory=dict)
    stored: dict[str, UploadFile] = field(default_factory=dict)
    refusal: Refusal | None = None
    message: Message | None = None

    @property
    def desk(self) -> Desk:
        return self.site.desk

    @property
    def principal(self) -> Principal:
        """The signed-in reader. Raises ValueError on a page that does not require signing in."""
        if self.signed_in is None:
            raise ValueError("this page is for everyone")
        return self.signed_in

    @property
    def t(self) -> Catalog:
        """The texts in the reader's language."""
        return CATALOGS[self.language]

    @property
    def language(self) -> str:
        """The language that was chosen, or else the first that the browser prefers and we have."""
        chosen = self.request.cookies.get("language", "")
        if chosen in CATALOGS:
            return chosen
        for part in self.request.headers.get("accept-language", "").split(",")[:10]:
            if (code := part.strip()[:2].lower()) in CATALOGS:
                return code
        return DEFAULT_LANGUAGE

    @property
    def is_fragment(self) -> bool:
        """Whether htmx requests only the content."""
        return self.request.headers.get("hx-request") == "true"

    def text(self, name: str) -> str:
        """A field of the form, empty if it is missing; line feeds as `\\n`."""
        value = self.form.get(name, "")
        return value.replace("\r\n", "\n") if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Every value of a field of the form."""
        return [value for value in self.form.getlist(name) if isinstance(value, str) and value]

    def files(self, name: str) -> list[UploadFile]:
        """The files of a form's field."""
        return [
            value
            for value in self.form.getlist(name)
            if isinstance(value, UploadFile) and value.filename
        ]

    @property
    def revision(self) -> int | None:
        """The revision that the form shows. Raises ProblemError 400 if it has none."""
        text = self.text("revision")
        if not (text.isascii() and text.isdigit()) or len(text) > 15:
            raise invalid("the form has no revision; reload the page")
        return int(text)

    async def api(
        self,
        name: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        path: Mapping[str, str] | None = None,
        expected: int | None = None,
    ) -> Reply:
        """Calls an operation of the API in process: the same checks, rules and permissions.

        Raises ProblemError and whatever the handler raises.
        """
        response = await self.api_response(
            name, query=query, body=body, path=path, expected=expected
        )
        if isinstance(response, Response):
            raise TypeError(f"{name} answers with a file")
        return response

    async def api_response(
        self,
        name: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        path: Mapping[str, str] | None = None,
        expected: int | None = None,
        request: Request | None = None,
    ) -> Reply | Response:
        """As `api`, for operations that return a file or read the request's body."""
        endpoint = _ENDPOINTS[name]
        if endpoint.permission is not None and not self.may(endpoint.permission):
            raise forbidden(f"this needs {endpoint.permission.value}")
        call = Call(
            desk=self.desk,
            principal=self.principal,
            query=_converted(query or {}, endpoint.query, strict=False),
            body=_converted(body or {}, endpoint.body) if endpoint.body is not None else None,
            path=path if path is not None else self.request.path_params,
            expected=expected,
            request=request,
            address=self.desk.client_address(self.request),
            seen=self.seen if self.request.method == "GET" else {},
            form_key=(self.text("key") or self.text("editor"))[:MAX_FORM_KEY],
        )
        return await endpoint.handler(call)

    @property
    def client(self) -> Client:
        """The client of the request, for limits and the audit log."""
        cookies = Cookies.of(self.desk.public_url)
        return Client(
            address=self.desk.client_address(self.request),
            user_agent=self.request.headers.get("user-agent", ""),
            device=cookie_value(self.request.headers.getlist("cookie"), cookies.device),
        )

    def refusal_text(self, problem: Problem) -> str:
        """Why something was refused, in the reader's language if there is a text for it."""
        return self.t.failures.refusal(problem.reason, problem.facts, problem.detail)

    def may(self, permission: Permission, process: str | None = None) -> bool:
        """Whether the reader has a permission."""
        return self.desk.access.may(self.principal, permission, process)

    def page(self, title: str, section: str = "", **changes: Any) -> Page:
        """The frame of the response."""
        here = self.request.url.path
        if self.request.method != "GET":
            here = local_path(self.text("next")) or "/todo"
        elif self.request.url.query:
            here = f"{here}?{self.request.url.query}"
        zone = unquote(self.request.cookies.get("zone", ""))
        return Page(
            language=self.language,
            nonce=new_nonce(),
            form_key=secrets.token_urlsafe(16),
            now=self.desk.clock(),
            title=title,
            here=local_path(here) or "/todo",
            section=section,
            theme=_THEMES.get(self.request.cookies.get("theme", ""), "auto"),
            zone=zone if _ZONE.fullmatch(zone) else self.desk.settings.desk.time_zone,
            viewer=self._viewer() if self.signed_in is not None else None,
            message=self.message
            or read_flash(
                self.request.cookies.get(FLASH_COOKIE), self.request.cookies.get(UNDO_COOKIE)
            ),
            refusal=self.refusal,
            live=self.site.live_url if self.signed_in is not None else None,
            **changes,
        )

    async def html(
        self, template: str, page: Page, *, status: int = 200, **values: object
    ) -> Response:
        """A response with a whole page, or with its content if htmx requests it.

        Raises what reading the navigation raises: TransientError, ProblemError.
        """
        if self.navigation is not None:
            page = structs.replace(page, navigation=await self.navigation)
        elif self.read_navigation is not None:
            page = structs.replace(page, navigation=await self.read_navigation(self))
        return self.html_alone(template, page, status=status, **values)

    def html_alone(
        self, template: str, page: Page, *, status: int = 200, **values: object
    ) -> Response:
        """As `html`, without what the navigation shows of its reader."""
        text = self.site.renderer.render(template, page, is_fragment=self.is_fragment, **values)
        response = HTMLResponse(text, status, headers=dict(page_headers(page.nonce)))
        if page.message is not None and FLASH_COOKIE in self.request.cookies:
            response.delete_cookie(FLASH_COOKIE)
            response.delete_cookie(UNDO_COOKIE)
        return response

    def redirect(
        self, path: str, message: str = "", *, tone: Tone = "good", undo: str = ""
    ) -> Response:
        """Redirect to another page after a POST (303, RFC 9110 section 15.4.4). The page shows the
        message once, with a button that undoes the steps in `undo`.
        """
        response = RedirectResponse(local_path(path) or "/todo", status_code=303)
        if message:
            value = quote(tone[0] + message[:500])
            response.set_cookie(FLASH_COOKIE, value, max_age=60, httponly=True, samesite="lax")
            if undo:
                response.set_cookie(UNDO_COOKIE, undo, max_age=60, httponly=True, samesite="lax")
            else:
                response.delete_cookie(UNDO_COOKIE)
        return response

    def _viewer(self) -> Viewer:
        actor = self.principal.acting.actor
        return Viewer(
            name=actor.name or actor.id,
            address=actor.id,
            can_park=self.may(Permission.PARKED),
            can_admin=self.may(Permission.ADMIN),
        )


def local_path(text: str) -> str | None:
    """A path to one of our own pages; None for anything that could lead to another site."""
    return text if len(text) <= 2000 and _LOCAL_PATH.fullmatch(text) else None


def read_flash(value: str | None, undo: str | None = None) -> Message | None:
    """The message of the previous page, with the steps that undo it; None if there is none."""
    if not value:
        return None
    text = unquote(value)
    tone = _TONES.get(text[:1])
    steps = write_steps(read_steps(undo or ""))
    return Message(text=text[1:501], tone=tone, undo=steps) if tone else None


def _converted(values: Mapping[str, Any], kind: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(dict(values), kind, strict=strict)
    except msgspec.ValidationError as error:
        raise invalid(str(error), *validation_errors(str(error)), status=422) from error
