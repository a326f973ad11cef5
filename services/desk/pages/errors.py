"""Every error as a page, in the reader's language."""

import uuid

from starlette.responses import Response

from services.desk.accounts.errors import AccountError
from services.desk.http.problems import Problem, ProblemError, problem_of
from services.desk.pages.views.people import ErrorView, KeptForm
from services.desk.pages.visit import Visit
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger

log = get_logger(__name__)

# The page's own text says all that people need.
_EXPLAINED = frozenset(
    {"not-found", "not-signed-in", "stale-revision", "internal-error", "unavailable"}
)


def page_problem(error: Exception) -> Problem:
    """The problem that a page shows: a refused form is invalid input."""
    if isinstance(error, AccountError):
        return ProblemError(422, error.reason, str(error), facts=error.facts).problem
    return problem_of(error).problem


async def error_page(visit: Visit, error: Exception, kept: KeptForm | None = None) -> Response:
    """The page for an error, in the frame of the reader as far as that can be read; `kept` is the
    form that it answers.
    """
    view, title = _view(visit, error, kept)
    page, status = visit.page(title), view.status
    try:
        return await visit.html("error.html", page, status=status, view=view)
    except Exception as unread:  # noqa: BLE001 - the navigation cannot be read either
        if unread is not error and not isinstance(unread, (TransientError, ProblemError)):
            log_failure(view.reference, unread)
        return visit.html_alone("error.html", page, status=status, view=view)


def error_page_alone(visit: Visit, error: Exception) -> Response:
    """As `error_page`, before signing in."""
    view, title = _view(visit, error)
    return visit.html_alone("error.html", visit.page(title), status=view.status, view=view)


def _view(visit: Visit, error: Exception, kept: KeptForm | None = None) -> tuple[ErrorView, str]:
    problem = page_problem(error)
    reference = ""
    if problem.status == 500:
        reference = uuid.uuid4().hex[:12]
        log_failure(reference, error)
    view = ErrorView(
        status=problem.status,
        detail="" if problem.reason in _EXPLAINED else visit.refusal_text(problem),
        reference=reference,
        back_href=_back(visit, problem),
        kept=kept,
    )
    titles = visit.t.errors.titles
    return view, titles.get(problem.status, titles[500])


def _back(visit: Visit, problem: Problem) -> str:
    if visit.signed_in is None:
        return "/sign-in"
    number = visit.request.path_params.get("number", "")
    is_case = number.isascii() and number.isdigit() and problem.reason != "not-found"
    return f"/cases/{number}" if is_case else "/todo"


def log_failure(reference: str, error: Exception) -> None:
    """Logs an unexpected error; the page shows the reference."""
    log.error("page_failed", reference=reference, error=error, exc=error)
