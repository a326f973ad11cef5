"""docs/tested-versions.md matches the recorded runs."""

from pathlib import Path

from tests.matrix.catalog import TESTS, long_names, names
from tests.matrix.runs import Result, recorded
from tests.matrix.table import DOC, page


def test_the_page_is_the_one_of_the_recorded_results() -> None:
    assert DOC.read_text() == page(recorded()), "run: python -m tests.matrix --write"


def test_no_recorded_run_failed() -> None:
    assert [result.key for result in recorded() if result.failed] == []


def test_every_run_has_files_that_exist() -> None:
    runs = [name.split("/")[2] for name in names() + long_names()]
    files = {file.split("::")[0] for run in runs for file in TESTS[run]}
    assert [file for file in files if not Path(file).exists()] == []


def test_figures_of_a_cluster_are_below_its_version() -> None:
    versions = {"RabbitMQ": "4.0.5 (Erlang 27)", "MongoDB": "6.0.5"}
    figures = ["machine 1 killed: median 1.0 s, worst 2.0 s", "5000 mails: 0 lost"]
    result = Result("cluster", "trixie", "killed", versions, 1, 0, 0, 9, "2026-11-30", figures)
    text = page([result])
    assert (
        "| 4.0.5 (Erlang 27) | Debian trixie | `tests/cluster/test_nodes.py`: each broker node is killed | 1 |"
        in text
    )
    assert text.endswith(
        "- A cluster of RabbitMQ 4.0.5 (Erlang 27):\n"
        + "".join(f"  - {figure}\n" for figure in figures)
    )
