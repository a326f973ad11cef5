"""The pages are held to what there is: links, files, commands, options, log events and alerts."""

import ast
import re
from pathlib import Path

import pytest

from services.cli import app
from services.runtime.logs import Logger

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
FILE = re.compile(r"`((?:docs|services|schemas|deploy|tests|benchmarks|tools|requirements)/[\w./-]+)`")
COMMAND = re.compile(r"\bmailcase ((?:[a-z][a-z-]* ?){1,2})(.*)")
EVENT = re.compile(r"(?:grep (?:-e )?|-e |^\| |log: |, |: )`?([a-z]+(?:_[a-z]+)+)`?(?= \||;|\.|,| \(|:| -e| in the log)", re.M)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def anchors(page: Path) -> set[str]:
    """As the sites that show Markdown make them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def logged() -> set[str]:
    """Every event that a module of the services logs."""
    levels = {name for name in vars(Logger) if not name.startswith("_")}
    found = set()
    for file in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels:
                found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    return found


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for name, anchor in LINK.findall(page.read_text()):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    for name in FILE.findall(page.read_text()):
        assert (ROOT / name).exists(), name
