"""The section of a version in CHANGELOG.md."""

import re

from tools.release.version import ReleaseError, Version

UNRELEASED = "Unreleased"


def release_notes(changelog: str, version: Version) -> str:
    """The text below `## VERSION (DATE)`; of a rehearsal, below `## Unreleased`.

    Raises ReleaseError if the section is missing or empty, or has no date.
    """
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    found = {
        title.strip(): text.strip() for title, _, text in (s.partition("\n") for s in sections)
    }
    titles = [title for title in found if title.split(" ")[0] == _wanted(version)]
    if not titles:
        raise ReleaseError(f"CHANGELOG.md has no section {_wanted(version)}: rename {UNRELEASED}")
    title = titles[0]
    if version.tagged and not re.fullmatch(r"\S+ \(\d{4}-\d\d-\d\d\)", title):
        raise ReleaseError(
            f"CHANGELOG.md: the section {title} has no date: {version.text} (2026-01-31)"
        )
    if not found[title]:
        raise ReleaseError(f"CHANGELOG.md: the section {title} is empty: say what has changed")
    return found[title] + "\n"


def _wanted(version: Version) -> str:
    return version.text if version.tagged else UNRELEASED
