"""The layout of the code: folders that a newcomer can survey, and files that have one job."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
MAX_FILES = 17  # CONTRIBUTING.md says about 15
MAX_LINES = 400  # and about 300
TABLES = ROOT / "services/desk/pages/i18n"  # texts, which grow by entries


def modules(*folders: str) -> list[Path]:
    return [
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if "node_modules" not in file.parts
    ]


def test_no_folder_has_more_files_than_a_reader_can_survey() -> None:
    files = modules("schemas", "services", "deploy", "benchmarks", "tools", "tests")
    counts = Counter(file.parent.relative_to(ROOT).as_posix() for file in files)
    assert len(counts) > 100
    crowded = {folder: count for folder, count in counts.items() if count > MAX_FILES}
    assert not crowded, "split these folders by subject"


def test_no_module_is_long() -> None:
    files = modules("schemas", "services", "deploy", "benchmarks", "tools")
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_bytes().splitlines())
        for file in files
        if TABLES not in file.parents
    }
    long = {name: lines for name, lines in lengths.items() if lines > MAX_LINES}
    assert not long, "split these modules by job"
