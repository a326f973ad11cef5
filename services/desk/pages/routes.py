"""The routes of all pages, and of their files."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.desk.accounts.web.forms import MAX_FORM_BYTES
from services.desk.accounts.web.wiring import sign_in_routes
from services.desk.api.routes import PREFIX as API
from services.desk.desk import Desk
from services.desk.http.dispatch import ROUTE, Authenticator, Dispatcher
from services.desk.pages.assets import PREFIX, Assets
from services.desk.pages.dispatch import MAX_BYTES, MAX_BYTES_WITH_FILES, PageDispatcher
from services.desk.pages.handlers import (
    account,
    cases,
    compose,
    dead_letters,
    lists,
    mail,
    navigation,
    operations,
    people,
    recall,
    search,
    webhooks,
)
from services.desk.pages.handlers.account import TemplateSignInPages
from services.desk.pages.homes import Handler, Homes
from services.desk.pages.templating import Renderer
from services.desk.pages.visit import Site

LIVE_URL = f"{API}/events"
_CASE = "/cases/{number}"
_PARKED = "/parked/{key}"
PAGES: Sequence[tuple[str, Handler]] = (
    ("/", account.home),
    *((f"/{name}", lists.show_list) for name in ("todo", "mine", "unassigned", "all", "closed")),
    ("/search", search.search),
    ("/counts", navigation.show_counts),
    (_CASE, cases.show_case),
    (f"{_CASE}/row", lists.show_row),
    (f"{_CASE}/answer", compose.answer_form),
    (f"{_CASE}/note", compose.note_form),
    (f"{_CASE}/attachments/{{sha256}}", mail.attachment),
    (f"{_CASE}/comments/{{comment}}/mail", mail.show_mail),
    (f"{_CASE}/comments/{{comment}}/original", mail.original),
    ("/parked", operations.show_parked_list),
    (_PARKED, operations.show_parked_mail),
    (f"{_PARKED}/original", operations.parked_original),
    ("/dead", dead_letters.show_dead_letters),
    ("/mailboxes", operations.show_mailboxes),
    ("/flow", operations.show_flow),
    ("/people", people.show_people),
    ("/tokens", people.show_tokens),
    ("/webhooks", webhooks.show_webhooks),
    ("/audit", people.show_audit),
    ("/account", account.show_account),
)
FORMS: Sequence[tuple[str, Handler]] = (
    ("/cases/bulk", lists.act_on_many),
    ("/cases/undo", lists.undo),
    ("/views", lists.save_view),
    ("/views/{view}", lists.remove_view),
    (f"{_CASE}/moves", cases.move),
    (f"{_CASE}/assignments", cases.assign),
    (f"{_CASE}/closures", cases.close),
    (f"{_CASE}/reopenings", cases.reopen),
    (f"{_CASE}/merges", cases.merge),
    (f"{_CASE}/unmerge", cases.unmerge),
    (f"{_CASE}/splits", cases.split),
    (f"{_CASE}/edit", cases.edit),
    (f"{_CASE}/presence", cases.report_presence),
    (f"{_CASE}/answers", compose.answer),
    (f"{_CASE}/answers/{{answer}}/recall", recall.recall),
    (f"{_CASE}/notes", compose.note),
    (f"{_CASE}/drafts/{{kind}}", compose.keep_draft),
    (f"{_CASE}/uploads", compose.upload),
    ("/parked/bulk", operations.act_on_parked),
    (f"{_PARKED}/retries", operations.retry),
    (f"{_PARKED}/discards", operations.discard),
    (f"{_PARKED}/placements", operations.place),
    ("/dead/bulk", dead_letters.act_on_dead_letters),
    ("/mailboxes/{mailbox}/tests", operations.test_login),
    ("/people", people.add_person),
    ("/people/{user}", people.change_person),
    ("/tokens", people.make_token),
    ("/tokens/{token}", people.revoke_token),
    ("/webhooks", webhooks.add_webhook),
    ("/webhooks/{webhook}", webhooks.change_webhook),
    ("/webhooks/{webhook}/deliveries/{delivery}", webhooks.redeliver),
    ("/account/password", account.change_password),
    ("/account/sessions/{session}", account.end_session),
)


_WITH_FILES = frozenset({f"{_CASE}/answers", f"{_CASE}/notes"})


def page_routes(desk: Desk, authenticator: Authenticator) -> Sequence[BaseRoute]:
    """Every page."""
    assets = Assets()
    site = Site(desk=desk, renderer=Renderer(assets), live_url=LIVE_URL)
    dispatcher = PageDispatcher(site, Dispatcher(desk, authenticator), Homes(PAGES))
    pages = {path for path, _ in PAGES}
    return [
        *(dispatcher.home(path) for path, _ in FORMS if path not in pages),
        *(dispatcher.route(path, handler) for path, handler in PAGES),
        *(
            dispatcher.route(path, handler, "POST", most=_most_bytes(path))
            for path, handler in FORMS
        ),
        dispatcher.route(
            "/preferences", account.preferences, "POST", public=True, most=MAX_FORM_BYTES
        ),
        *sign_in_routes(desk, TemplateSignInPages(site)),
        _static(assets),
        dispatcher.everything_else(),
    ]


def _most_bytes(path: str) -> int:
    return MAX_BYTES_WITH_FILES if path in _WITH_FILES else MAX_BYTES


def _static(assets: Assets) -> Route:
    """Files under hashed URLs, which never change."""

    async def answer(request: Request) -> Response:
        request.scope[ROUTE] = f"{PREFIX}{{name}}"
        asset = assets.find(request.url.path)
        if asset is None:
            return Response("not found", 404, media_type="text/plain")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.compressed, headers=headers, media_type=asset.content_type)
        return Response(asset.content, headers=headers, media_type=asset.content_type)

    return Route(f"{PREFIX}{{name:path}}", answer, methods=["GET"])
