"""Jinja2 behind one function. Everything is escaped, and an unknown name is an error.

Only this module of the desk uses Jinja2. Templates are our own files; no text of a mail or a person
is ever compiled as a template.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
from jinja2.runtime import Context, Macro

from schemas.stored import NO_SUBJECT
from services.desk.pages.assets import Assets
from services.desk.pages.i18n import CATALOGS, DEFAULT_LANGUAGE
from services.desk.pages.i18n.formats import Formats
from services.desk.pages.i18n.plurals import Plural
from services.desk.pages.text import initials, plain
from services.desk.pages.views.page import Page

# About 1 kB each; fifty are on a page. Titles can be long.
REMEMBERED_ROWS = 2_000
REMEMBERED_CHARS = 4_000


class Renderer:
    """Renders templates of the folder `templates`."""

    def __init__(self, assets: Assets) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("services.desk.pages", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.url
        self._environment.globals["no_subject"] = NO_SUBJECT
        self._environment.globals["remembered"] = _Remembered(REMEMBERED_ROWS)
        self._environment.filters |= {
            "short_time": jinja2.pass_context(_short_time),
            "short_date": jinja2.pass_context(_short_date),
            "full_time": jinja2.pass_context(_full_time),
            "input_time": jinja2.pass_context(_input_time),
            "clock_time": jinja2.pass_context(_clock_time),
            "age": jinja2.pass_context(_age),
            "number": jinja2.pass_context(_number),
            "field_value": jinja2.pass_context(_field_value),
            "size": jinja2.pass_context(_size),
            "count": jinja2.pass_context(_count),
            "fill": _fill,
            "fill_known": _fill_known,
            "initials": initials,
            "iso": datetime.isoformat,
            "word": _word,
            "plain": plain,
        }

    def render(
        self, template: str, page: Page, *, is_fragment: bool = False, **values: object
    ) -> str:
        """A page as HTML, or only its content if htmx asked.

        Raises jinja2.UndefinedError if the template uses a name that is not there.
        """
        catalog = CATALOGS.get(page.language, CATALOGS[DEFAULT_LANGUAGE])
        formats = Formats(catalog.code, zone_of(page.zone), page.now)
        return self._environment.get_template(template).render(
            page=page,
            t=catalog,
            formats=formats,
            languages=CATALOGS,
            parent="layout/fragment.html" if is_fragment else "layout/base.html",
            **values,
        )


class _Remembered:
    """Calls a macro, or returns what it returned before: `remembered(macro, value, flag)`.

    The macro may use only its arguments, the catalog and the formats, but not `age`. Arguments are
    hashable and do not change. The least recently used results are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: dict[Hashable, str] = {}

    @jinja2.pass_context
    def __call__(self, context: Context, macro: Macro, *arguments: Hashable) -> str:
        key = (macro.name, _formats(context).day, arguments)
        result = self._results.pop(key, None)
        if result is None:
            result = macro(*arguments)
            if len(result) > REMEMBERED_CHARS:
                return result
            if len(self._results) >= self._most:
                del self._results[next(iter(self._results))]
        self._results[key] = result
        return result


def zone_of(name: str) -> ZoneInfo:
    """The time zone with that IANA name; UTC if this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _formats(context: Context) -> Formats:
    formats: Formats = context["formats"]
    return formats


def _short_time(context: Context, at: datetime) -> str:
    return _formats(context).short_time(at)


def _short_date(context: Context, at: datetime) -> str:
    return _formats(context).short_date(at)


def _full_time(context: Context, at: datetime) -> str:
    return _formats(context).full_time(at)


def _clock_time(context: Context, at: datetime) -> str:
    return _formats(context).clock_time(at)


def _input_time(context: Context, at: datetime | None) -> str:
    return _formats(context).input_time(at)


def _age(context: Context, at: datetime) -> str:
    return _formats(context).age(at)


def _number(context: Context, value: float) -> str:
    return _formats(context).number(value)


def _field_value(context: Context, value: str, kind: str) -> str:
    return _formats(context).field(value, kind)


def _size(context: Context, size: int) -> str:
    return _formats(context).size(size)


def _count(context: Context, plural: Plural, count: int) -> str:
    return plural.form(count).format(n=_formats(context).number(count))


def _fill(text: str, **values: Any) -> str:
    """The text with its placeholders filled in. `format_map` cannot reach attributes of objects:
    the text is ours, and the values are converted to text first.
    """
    return text.format_map({name: str(value) for name, value in values.items()})


def _fill_known(text: str, values: Mapping[str, str]) -> str:
    """As `fill`, for values that may be missing: a placeholder without a value becomes a dash."""
    return text.format_map(defaultdict(lambda: "\N{EN DASH}", values))


def _word(words: Mapping[str, str], key: str) -> str:
    """A constant word for people; the word itself if the catalog does not have it yet."""
    return words.get(key, key)
