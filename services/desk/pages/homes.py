"""The page that a form is on: where a refused form is shown again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.responses import Response
from starlette.routing import compile_path

from services.desk.pages.visit import Visit, local_path

Handler = Callable[[Visit], Awaitable[Response]]
_LISTS = frozenset({"/cases/bulk", "/cases/undo", "/views/{view}"})
_COMPOSERS: Mapping[str, str] = {"answers": "answer", "notes": "note"}
# What scripts send; they read the status.
_FOR_SCRIPTS = frozenset({"drafts", "uploads", "presence"})


def home_path(route: str, path: str, text: Callable[[str], str]) -> str | None:
    """Path and query of the page with the form that was sent to `path`, which belongs to `route`;
    `text` reads the form. None if the form is on no page.
    """
    if route in _LISTS:
        return local_path(text("next")) or "/todo"
    if route == "/views":
        return local_path(text("href"))
    parts = path.split("/")
    if route.startswith("/cases/{number}/"):
        if parts[3] in _FOR_SCRIPTS:
            return None
        composer = _COMPOSERS.get(parts[3]) if len(parts) == 4 else None
        return f"/cases/{parts[2]}" + (f"/{composer}" if composer else "")
    if route.startswith("/parked/{key}/"):
        return f"/parked/{parts[2]}"
    return f"/{parts[1]}"


class Homes:
    """Finds the handlers of pages by their paths."""

    def __init__(self, pages: Sequence[tuple[str, Handler]]) -> None:
        self._pages = [(compile_path(path)[0], handler) for path, handler in pages]

    def find(self, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler of a path, and the parameters in the path; None if no page has it."""
        for pattern, handler in self._pages:
            if found := pattern.fullmatch(path):
                return handler, found.groupdict()
        return None
