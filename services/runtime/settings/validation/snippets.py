"""Checks that the ready-made texts of a process use existing values. Pure."""

import re
from collections.abc import Iterator

from services.runtime.errors import Mistake
from services.runtime.settings.schema.processes import SNIPPET_VALUES, ProcessTable

PLACE = re.compile(r"\{\{\s*([^{}]{0,100}?)\s*\}\}")


def snippet_mistakes(process: ProcessTable, path: str) -> Iterator[Mistake]:
    """Mistakes: unknown placeholders, and titles that occur twice."""
    names = ", ".join(SNIPPET_VALUES)
    titles: set[str] = set()
    for index, snippet in enumerate(process.snippet):
        where = f"{path}.snippet[{index}]"
        if snippet.title in titles:
            yield Mistake(
                f"{where}.title", "is also the title of another text", "give it another title"
            )
        titles.add(snippet.title)
        unknown = [name for name in PLACE.findall(snippet.text) if name not in SNIPPET_VALUES]
        if unknown:
            problem = f"names {{{{ {unknown[0]} }}}}, which has no value"
            yield Mistake(f"{where}.text", problem, f"the values are {names}")
