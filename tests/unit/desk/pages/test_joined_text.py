"""Two texts of a draft are joined, unless one begins with the other."""

import pytest

from services.desk.pages.handlers.drafts import joined_text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("No", "Not before Friday, sorry", "No\n\nNot before Friday, sorry"),
        ("Not before Friday, sorry", "No", "Not before Friday, sorry\n\nNo"),
        ("No", "No \nNot before Friday", "No \nNot before Friday"),
        ("No\n\nPaid", "No\n", "No\n\nPaid"),
        ("No", "No \n", "No"),
        ("", "No", "No"),
        (" No", "", " No"),
    ],
)
def test_only_whole_lines_count_as_contained(first: str, second: str, expected: str) -> None:
    assert joined_text(first, second) == expected
