"""The response to a form that was refused: what someone typed is never lost.

The page that the form is on is shown again, with the form as it was and the error next to its
field. If that page cannot be shown, the error page contains the form.
"""

from dataclasses import replace
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.pages.errors import error_page, log_failure, page_problem
from services.desk.pages.homes import Homes, home_path
from services.desk.pages.refusals import (
    PartlyRefusedError,
    kept_form,
    partial_refusal,
    refusal,
    with_left,
    with_stored,
)
from services.desk.pages.views.page import Message, Refusal
from services.desk.pages.visit import Visit

# The id of the text that says why; a template shows it with the form.
_SHOWN = b'id="why-refused"'


async def refused_page(visit: Visit, error: Exception, route: str, homes: Homes) -> Response:
    """The response to the form of `visit`, which `error` ended."""
    visit = replace(visit, form=with_stored(visit.form, visit.stored))
    problem = page_problem(error)
    if problem.reason == "cross-site":  # whoever wrote the form does not choose what a page shows
        return await error_page(visit, error)
    action, settings = visit.request.url.path, visit.desk.settings
    home = home_path(route, action, visit.text)
    if home is not None and isinstance(error, PartlyRefusedError):
        shown = partial_refusal(action, visit.form, error)
        response = await _home(visit, home, homes, shown, error.message)
        if response is None:
            message = error.message if error.message.undo else None
            left = replace(visit, form=with_left(visit.form, error), message=message)
            return await error_page(left, error, kept_form(action, left.form, visit.t, settings))
        response.status_code = problem.status
        return response
    kept = kept_form(action, visit.form, visit.t, settings)
    if problem.status == 401:
        if kept is not None or home is None:
            return await error_page(visit, error, kept)
        return RedirectResponse(f"/sign-in?next={quote(home or '/todo')}", 303)
    if home is not None and problem.status < 500:
        shown = refusal(action, visit.form, problem, visit.t, settings)
        has_place = kept is not None and kept.is_entered
        message = None if has_place else Message(text=shown.why, tone="bad")
        response = await _home(visit, home, homes, shown, message)
        if response is not None:
            response.status_code = problem.status
            return response
    return await error_page(visit, error, kept)


async def _home(
    visit: Visit,
    home: str,
    homes: Homes,
    shown: Refusal,
    message: Message | None,
) -> Response | None:
    """The page with the form; None if it cannot be shown, or no longer has the form. Without a
    message, the form itself must say why it was refused.
    """
    path, _, query = home.partition("?")
    found = homes.find(path)
    if found is None:
        return None
    handler, parameters = found
    scope = {
        **visit.request.scope,
        "method": "GET",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "path_params": parameters,
    }
    there = replace(
        visit, request=Request(scope), form=FormData(), seen={}, refusal=shown, message=message
    )
    try:
        response = await handler(there)
    except Exception as error:  # noqa: BLE001 - the error page shows why the form was refused
        if page_problem(error).status == 500:
            log_failure("", error)
        return None
    if response.status_code != 200 or (message is None and _SHOWN not in bytes(response.body)):
        return None
    return response
