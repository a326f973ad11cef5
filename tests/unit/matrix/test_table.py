"""docs/tested-versions.md matches the recorded runs."""

from tests.matrix.runs import recorded
from tests.matrix.table import DOC, page


def test_the_page_is_the_one_of_the_recorded_results() -> None:
    assert DOC.read_text() == page(recorded()), "run: python -m tests.matrix --write"


def test_no_recorded_run_failed() -> None:
    assert [result.key for result in recorded() if result.failed] == []
