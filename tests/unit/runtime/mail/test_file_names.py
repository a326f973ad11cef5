"""Attachment names are safe on any file system and in any URL, whatever the mail contains."""

import mimetypes
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading.attachments.media_types import type_by_name
from services.runtime.mail.file_names import (
    MAX_NAME_BYTES,
    extension,
    safe_name,
    unique_name,
)


@pytest.mark.parametrize(
    ("original", "safe"),
    [
        ("faktura.pdf", "faktura.pdf"),
        ("Zażółć gęślą jaźń.pdf", "Zażółć gęślą jaźń.pdf"),
        ("請求書.pdf", "請求書.pdf"),
        ("a/b.pdf", "a_b.pdf"),
        ("a\uff0eexe", "a.exe"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\x.ini", "x.ini"),
        ("C:\\x\\y.doc", "y.doc"),
        ("....", ""),
        ("   ", ""),
        ("", ""),
        (".htaccess", "htaccess"),
        ("a. . .", "a"),
        ("nul", "_nul"),
        ("NUL.txt", "_NUL.txt"),
        ("Com1.pdf", "_Com1.pdf"),
        ("lpt¹", "_lpt¹"),
        ("com", "com"),
        ("console.log", "console.log"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u200d\u2060b", "ab"),
        ("a\u2028b", "a b"),
        ("a\x00b\nc", "ab c"),
        ("a\u00a0\u3000b", "a b"),
        ("a\u2215b", "a_b"),
        ("what?*.pdf", "what__.pdf"),
        ("-rf", "_rf"),
        ("~root", "_root"),
        ("file:///etc/x", "x"),
        ("🙂.png", "🙂.png"),
    ],
)
def test_a_name_becomes_safe(original: str, safe: str) -> None:
    assert safe_name(original) == safe


@given(st.text(max_size=400) | st.text(alphabet="./\\ \u202e\x00aCONnul:*żé-~\u0301", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_name_becomes_safe_and_stays_so(original: str) -> None:
    name = safe_name(original)
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\:*?"<>|')
    assert name.isprintable()
    assert not name.startswith((".", "-", "~", " "))
    assert not name.endswith((".", " "))
    assert name == unicodedata.normalize("NFC", name)
    assert safe_name(name) == name


def test_a_long_name_keeps_its_ending() -> None:
    name = safe_name("ż" * 500 + ".xlsx")
    assert name.endswith("ż.xlsx")
    assert len(name.encode()) <= MAX_NAME_BYTES


def test_an_ending_that_is_too_long_is_none() -> None:
    assert extension("a." + "x" * 100) == ""
    assert extension("a.PDF") == "pdf"
    assert extension("pdf") == ""
    assert extension(".pdf") == ""


def test_the_same_name_again_gets_a_number_whatever_its_capitals() -> None:
    taken: set[str] = set()
    names = [
        unique_name(name, taken) for name in ("a.pdf", "A.pdf", "a.pdf", "b", "b", "a (2).pdf")
    ]
    assert names == ["a.pdf", "A (2).pdf", "a (3).pdf", "b", "b (2)", "a (2) (2).pdf"]


def test_a_number_never_makes_a_name_too_long() -> None:
    taken: set[str] = set()
    long = safe_name("ż" * 500 + ".pdf")
    names = [unique_name(long, taken) for _ in range(30)]
    assert len(set(names)) == len(names)
    assert all(len(name.encode()) <= MAX_NAME_BYTES and name.endswith(".pdf") for name in names)


def test_a_name_claims_the_same_type_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "_db", mimetypes.MimeTypes())
    mimetypes.add_type("application/x-odd", ".pdf")
    assert type_by_name("a.pdf") == "application/pdf"
    assert type_by_name("a.unheard-of") is None
