"""Cursors, entity tags, origins and file names in headers."""

from datetime import UTC, datetime

import pytest

from services.desk.http.conditional import entity_tag, expected_revision
from services.desk.http.csrf import is_same_origin
from services.desk.http.cursors import Place, read_cursor, write_cursor
from services.desk.http.downloads import disposition, file_headers
from services.desk.http.problems import ProblemError

AT = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("at", [AT, None])
@pytest.mark.parametrize("of", [235, "note-7"])
def test_a_cursor_names_the_place_it_was_made_of(at: datetime | None, of: int | str) -> None:
    place = Place(sort="updated", at=at, id=of)
    assert read_cursor(write_cursor(place), "updated") == place


@pytest.mark.parametrize("text", ["", "A", "AAAA", "%%%", "kqd1cGRhdGVk", "ł", "A" * 600])
def test_an_invalid_cursor_is_refused(text: str) -> None:
    with pytest.raises(ProblemError) as raised:
        read_cursor(text, "updated")
    assert raised.value.problem.status == 400


def test_a_cursor_of_another_order_is_refused() -> None:
    with pytest.raises(ProblemError):
        read_cursor(write_cursor(Place(sort="due", at=AT, id=1)), "updated")


def test_an_entity_tag_is_read_as_it_is_written() -> None:
    assert expected_revision(entity_tag(17)) == 17


@pytest.mark.parametrize("text", ["*", 'W/"r17"', "r17", '"17"', '"r17", "r18"', '"r-1"', '"r01"'])
def test_what_is_no_entity_tag_of_a_case_is_refused(text: str) -> None:
    with pytest.raises(ProblemError) as raised:
        expected_revision(text)
    assert raised.value.problem.status == 400


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://desk.example"}, False),
        ({"origin": "https://desk.example"}, True),
        ({"origin": "https://desk.example:443"}, True),
        ({"origin": "http://desk.example"}, False),
        ({"origin": "https://desk.example.evil.test"}, False),
        ({"origin": "https://desk.example:x"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_only_our_own_pages_are_the_same_origin(headers: dict[str, str], own: bool) -> None:
    assert is_same_origin(headers, "https://desk.example") is own


@pytest.mark.parametrize(
    "name", ['a".pdf', "a\r\nSet-Cookie: x=1", "żółć.pdf", "a\\b;c", "%22x", "\u202egnp.exe"]
)
def test_a_file_name_stays_within_its_header(name: str) -> None:
    value = disposition(name, in_place=False)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/xhtml+xml"])
def test_what_can_run_scripts_is_never_shown_in_place(content_type: str) -> None:
    headers = file_headers("x", content_type, "0" * 64, in_place=True)
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["Content-Type"] == "application/octet-stream"
