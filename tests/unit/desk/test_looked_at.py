"""Axe and the HTML validator check every page."""

import json
from pathlib import Path

from services.desk.accounts.web.pages import SIGN_IN, WELCOME
from services.desk.pages.routes import FORMS, PAGES

LOOKED_AT = json.loads(Path("tests/browser/pages.json").read_text())
NO_PAGES = {
    "/": "leads to a list",
    "/counts": "numbers as JSON",
    "/cases/{number}/row": "a part of a list",
    "/cases/{number}/attachments/{sha256}": "a file",
    "/cases/{number}/comments/{comment}/mail": "what someone else wrote, in a frame",
    "/cases/{number}/comments/{comment}/original": "a file",
    "/parked/{key}/original": "a file",
}


def test_every_page_is_looked_at() -> None:
    pages = {path for path, _ in PAGES}
    assert set(LOOKED_AT["pages"]) == pages - set(NO_PAGES)
    assert set(NO_PAGES) <= pages
    signed_out = {path.partition("?")[0] for path in LOOKED_AT["signed_out"]}
    assert signed_out == {SIGN_IN, WELCOME}


def test_what_is_looked_at_belongs_to_its_route() -> None:
    for pattern, paths in LOOKED_AT["pages"].items():
        for path in paths:
            assert _matches(path.partition("?")[0], pattern), path
    for path, _ in LOOKED_AT["posted"]:
        assert any(_matches(path, pattern) for pattern, _ in FORMS), path


def _matches(path: str, pattern: str) -> bool:
    parts = zip(path.split("/"), pattern.split("/"), strict=False)
    same = all(part == wanted or wanted.startswith("{") for part, wanted in parts)
    return same and path.count("/") == pattern.count("/")
