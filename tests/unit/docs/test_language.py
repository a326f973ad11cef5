"""Text for people uses the field's words: a list of words that must not come back.

Each rule is here because its words were replaced once. Code in backticks, fenced blocks and string
literals of a single word (names, wire values) are not text.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Rule:
    """A pattern that must not occur in text, the reason, and the files that may use it."""

    pattern: re.Pattern[str]
    reason: str
    except_in: tuple[str, ...] = ()


def _rule(pattern: str, reason: str, *except_in: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), reason, except_in)


RULES = (
    _rule(r"\btold\b", "programs report, log, return, print or raise; nothing is told"),
    _rule(r"\bmend(?:s|ed|ing)?\b", "what an error suggests is a hint; a fault is fixed"),
    _rule(r"\btorn\b", "say incomplete or damaged; the glossary defines torn", "docs/glossary.md"),
    _rule(
        r"\bit (?:is|was) (?:not )?(?:the|our|its|this|these) (?:[\w'-]+ ){1,4}that\b",
        "no cleft sentences: name the subject first",
    ),
    _rule(
        r"\b(?:none|empty|true|false|nothing|error|errors) where\b"
        r"|\bwhere (?:there (?:is|are|was)|nobody|none|no one)\b"
        r"|\bwhere it is (?:not|none|missing|empty|absent)\b",
        "a condition is if or when; where is for places",
    ),
    _rule(r"\bfor ever\b", "one word: forever"),
    _rule(r"\banew\b", "say again, or name what is replaced"),
    _rule(
        r"\b(?:he|him|his)\b",
        "write they, them, their",
        # lists the pronouns that people quote with
        "services/case_writer/reading/text/quote_markers.py",
    ),
    _rule(r"\bof no matter\b", "say that it does not matter, and why"),
    _rule(r"\bsomebody\b", "one word for one thing: someone"),
    _rule(r"\bin one go\b", "say at once or together"),
    _rule(r"\bwork(?:s|ed|ing)? (?:a|the|those|these) cases?\b", "people work on a case"),
    # The next five came from German and Polish sentences that were translated word by word.
    _rule(
        r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|fewer\b|less\b|larger\b)",
        "a thing is not a date, not 'is no date'; 'there is no date' is fine",
        "CHANGELOG.md",
    ),
    _rule(
        r"\bstands? (?:in|at|there|on|with|alone|before|behind|above|below|beside)\b",
        "text and values are somewhere, appear or follow; they do not stand",
    ),
    _rule(r"\bmeans? nothing\b", "a setting or a word has no effect, or no meaning"),
    _rule(r"\bshall\b", "must, may or will; nothing in these texts is a statute"),
    _rule(r"\bone behind the other\b", "one after the other; behind is a place"),
    _rule(
        r"\bblanks\b|\b(?:an?|the|one|no|by|its|trailing|leading) blank\b(?! (?:line|value|form|text))",
        "the character is a space; lines and values can be blank",
    ),
    _rule(r"\bas (?:it|they) stands?\b", "unchanged, or as it is"),
    _rule(r"\bgo(?:es)? on\b(?! to\b)", "work and lines continue"),
    _rule(r"\blooked at\b", "examined, searched or seen; say what is done"),
    _rule(r"\bany more\b(?= *[.,;:)]|$)", "no longer, before the verb; or anymore"),
    _rule(r"\basked for\b", "requested; people ask questions"),
    _rule(r"\bin vain\b", "say what has no effect"),
    _rule(r"\bbeside\b", "next to, in addition to, or after"),
    _rule(
        r"\b(?:file|row|line|struct|document|event) an? "
        r"(?:resource|section|table|collection|process|mail|row)\b",
        "one file per resource: `per` for a ratio",
    ),
    _rule(
        r"\b(?:colour|behaviour|neighbour|favour)\w*|\b(?:recognis|organis|normalis|initialis)\w*",
        "American spelling",
    ),
)

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`|https?://\S+")


@dataclass(frozen=True)
class Finding:
    """Words that a rule forbids, and where they are."""

    path: str
    line: int
    words: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words!r}: {self.reason}"


def findings(name: str, passages: Iterator[tuple[int, str]]) -> list[Finding]:
    """What the rules forbid in the passages of a file. Each passage comes with its first line."""
    return [
        Finding(
            name,
            line + text.count("\n", 0, found.start()),
            " ".join(found[0].split()),
            rule.reason,
        )
        for line, text in passages
        for rule in RULES
        if name not in rule.except_in
        for found in rule.pattern.finditer(_CODE.sub(_blank, text))
    ]


def in_page(source: str) -> Iterator[tuple[int, str]]:
    """The text of a page in Markdown."""
    yield 1, _FENCE.sub(_blank, source)


def in_program(source: str, *, all_strings: bool = True) -> Iterator[tuple[int, str]]:
    """The comments, docstrings and other string literals of a module. Tests quote text of all
    kinds, so of their string literals only docstrings count.
    """
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant if all_strings else ast.Expr):
            value = node.value.value if isinstance(node.value, ast.Constant) else node.value
            if isinstance(value, str) and " " in value:
                yield node.lineno, value


def _blank(found: re.Match[str]) -> str:
    """The same number of lines, without text."""
    return re.sub(r"[^\n]", " ", found[0])


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = ("schemas", "services", "deploy", "benchmarks", "tests", "tools")
PROGRAMS = sorted(
    file
    for folder in FOLDERS
    for file in (ROOT / folder).rglob("*.py")
    if "node_modules" not in file.parts
)


def _names(files: list[Path]) -> list[str]:
    return [file.relative_to(ROOT).as_posix() for file in files]


@pytest.mark.parametrize("name", _names(PAGES))
def test_pages_are_in_plain_english(name: str) -> None:
    found = findings(name, in_page((ROOT / name).read_text(encoding="utf-8")))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("folder", FOLDERS)
def test_programs_are_documented_in_plain_english(folder: str) -> None:
    names = [name for name in _names(PROGRAMS) if name.startswith(f"{folder}/")]
    assert names
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
    found = [
        finding
        for name, source in sources.items()
        for finding in findings(name, in_program(source, all_strings=folder != "tests"))
    ]
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    "text",
    [
        "The sender is told what to do.",
        "A file that cannot be read, with its mend.",
        "It is the database that decides.",
        "The name, None where there is none.",
        "It waits for ever.",
        "Ask the user for his password.",
        "It waits until somebody decides.",
        "The batch is written in one go.",
        "Whoever works a case needs a role.",
        "The value is no date.",
        "The name stands in the histories.",
        "The option means nothing for POP3.",
        "A service that shall not run.",
        "Documents, one behind the other.",
        "The text without blanks at its ends.",
        "A name without a blank.",
        "The value as it stands.",
        "The others go on.",
        "Each file is looked at.",
        "The link does not work any more.",
        "The page that was asked for.",
        "It is fetched in vain.",
        "A timer beside the unit.",
        "One file a resource.",
        "The behaviour of a server.",
    ],
)
def test_the_rules_find_the_words_that_they_replace(text: str) -> None:
    assert findings("page.md", in_page(text))
    assert findings("module.py", in_program(f'"""{text}"""\n'))
    assert findings("module.py", in_program(f"# {text}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "Recommended: amend the settings. It is known that this takes a minute.",
        "The folder where mails go, and where they come from.",
        "There is no date, the case is no longer open, and {text} stands for any words.",
        "The finding `told-another-case`; see the history, the chimney and this.",
        "```\nhe told\n```\n",
        "A blank line; any more mails; it goes on to the next page; one file per resource.",
    ],
)
def test_the_rules_leave_plain_english_alone(text: str) -> None:
    assert not findings("page.md", in_page(text))
