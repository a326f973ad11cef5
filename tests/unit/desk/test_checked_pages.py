"""Axe and the HTML validator check every page."""

import json
from pathlib import Path

from services.desk.accounts.web.pages import SIGN_IN, WELCOME
from services.desk.pages.routes import FORMS, PAGES

CHECKED = json.loads(Path("tests/browser/pages.json").read_text())
NO_PAGES = {
    "/": "leads to a list",
    "/counts": "numbers as JSON",
    "/cases/{number}/row": "a part of a list",
    "/cases/{number}/attachments/{sha256}": "a file",
    "/cases/{number}/comments/{comment}/mail": "what someone else wrote, in a frame",
    "/cases/{number}/comments/{comment}/original": "a file",
    "/parked/{key}/original": "a file",
}


def test_every_page_is_checked_in_the_browser() -> None:
    pages = {path for path, _ in PAGES}
    assert set(CHECKED["pages"]) == pages - set(NO_PAGES)
    assert set(NO_PAGES) <= pages
    signed_out = {path.partition("?")[0] for path in CHECKED["signed_out"]}
    assert signed_out == {SIGN_IN, WELCOME}


def test_checked_pages_belong_to_their_routes() -> None:
    for pattern, paths in CHECKED["pages"].items():
        for path in paths:
            assert _matches(path.partition("?")[0], pattern), path
    for path, _ in CHECKED["posted"]:
        assert any(_matches(path, pattern) for pattern, _ in FORMS), path


def _matches(path: str, pattern: str) -> bool:
    parts = zip(path.split("/"), pattern.split("/"), strict=False)
    same = all(part == wanted or wanted.startswith("{") for part, wanted in parts)
    return same and path.count("/") == pattern.count("/")
