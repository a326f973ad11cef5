import gzip
import itertools
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import msgspec
import pytest

from services.desk.pages.assets import Assets
from services.desk.pages.templating import REMEMBERED_ROWS, Renderer, _Remembered
from services.desk.pages.views.lists import ListView, SearchView
from tests.unit.desk.pages import samples

TEMPLATES = Path("services/desk/pages/templates")
STATIC = Path("services/desk/pages/static")
ASSETS = Assets()
RENDERER = Renderer(ASSETS)
ALL = {**samples.PAGES, **samples.COMPOSE, **samples.BEFORE_SIGN_IN}
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "circle"}


class Outline(HTMLParser):
    """Collects what the tests ask about, and checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if len(values) != len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.tags.append((tag, values))
        if identifier := values.get("id"):
            self.ids.append(identifier)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes another element at {self.getpos()}")


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    parsed.close()
    return parsed


def rendered(name: str, language: str = "en", *, is_fragment: bool = False) -> str:
    template, view = ALL[name]
    page = samples.page(language)
    if name in samples.BEFORE_SIGN_IN:
        page = samples.page(language, viewer=None)
    return RENDERER.render(template, page, is_fragment=is_fragment, view=view, kind=name)


@pytest.mark.parametrize(("name", "language"), [*itertools.product(ALL, ("en", "pl"))])
def test_every_page_is_well_formed_in_every_language(name: str, language: str) -> None:
    page = outline(rendered(name, language))
    assert page.problems == []
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.parametrize("name", ALL)
def test_no_page_needs_inline_script_style_or_another_origin(name: str) -> None:
    for tag, attributes in outline(rendered(name)).tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [key for key in attributes if key.startswith(("on", "hx-on"))]
        for key in ("src", "href", "action", "hx-get", "hx-post"):
            assert not re.match(r"\w+:|//", attributes.get(key) or ""), (tag, attributes)
        if tag == "script":
            assert attributes["nonce"] == "bm9uY2Utb2YtdGVzdHM"
            assert attributes["src"]


@pytest.mark.parametrize("name", ALL)
def test_every_element_with_behavior_carries_the_nonce(name: str) -> None:
    for tag, attributes in outline(rendered(name)).tags:
        if any(key.startswith("hx-") for key in attributes):
            assert attributes.get("hx-nonce") == "bm9uY2Utb2YtdGVzdHM", tag


@pytest.mark.parametrize("name", ALL)
def test_every_form_works_without_javascript(name: str) -> None:
    for tag, attributes in outline(rendered(name)).tags:
        if tag == "form":
            assert attributes.get("method") in {"get", "post"}
            assert (attributes.get("action") or "").startswith("/")


@pytest.mark.parametrize("name", samples.PAGES)
def test_a_fragment_is_the_content_alone(name: str) -> None:
    html = rendered(name, is_fragment=True)
    assert html.lstrip().startswith("<title>")
    assert "<script" not in html
    assert outline(html).problems == []


def test_no_template_marks_anything_as_safe() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup", text), path


def test_text_of_a_mail_is_inert_wherever_it_appears() -> None:
    attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\u202egnp.exe"
    row = msgspec.structs.replace(
        samples.rows(1)[0], title=attack, author=attack, snippet=attack, stage_title=attack
    )
    view = SearchView(query=attack, rows=(row,))
    html = RENDERER.render("work/search.html", samples.page(title=attack), view=view)
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "{{ 7*7 }}" in html
    assert "\u202e" not in html


@pytest.mark.parametrize(
    "change",
    [
        {"language": "pl"},
        {"zone": "America/New_York"},
        {"now": samples.NOW + timedelta(days=1)},
        {"now": samples.NOW + timedelta(days=400)},
    ],
)
def test_a_remembered_row_is_as_a_new_one(change: dict[str, object]) -> None:
    """Rows contain times in the reader's language and zone, and those of today are shorter."""
    template, view = ALL["todo"]
    renderer = Renderer(ASSETS)
    first = renderer.render(template, samples.page(), view=view)
    later = samples.page(**change)  # type: ignore[arg-type] # a language is a str
    assert (
        renderer.render(template, later, view=view)
        == RENDERER.render(template, later, view=view)
        == Renderer(ASSETS).render(template, later, view=view)
    )
    assert renderer.render(template, samples.page(), view=view) == first


def test_only_the_latest_rows_are_remembered() -> None:
    renderer = Renderer(ASSETS)
    _, view = ALL["todo"]
    assert isinstance(view, ListView)
    remembered = renderer._environment.globals["remembered"]
    assert isinstance(remembered, _Remembered)
    for first in range(1_000, 1_000 + REMEMBERED_ROWS + 200, 100):
        rows = msgspec.structs.replace(view, rows=samples.rows(100, first), overdue=())
        renderer.render("work/list.html", samples.page(), view=rows)
    assert len(remembered._results) == REMEMBERED_ROWS


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        RENDERER.render("work/list.html", samples.page())


def test_a_page_stays_within_its_weight() -> None:
    for name in ("todo", "case"):
        html = rendered(name)
        linked = [ASSETS.find(url) for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', html)]
        files = sum(len(asset.compressed) for asset in linked if asset)
        assert len(linked) == len(list(STATIC.rglob("*.js"))) + 2
        assert files + len(gzip.compress(html.encode())) < 60_000
