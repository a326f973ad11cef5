"""Ready-made texts for answers, filled in with values of the case. Pure.

Each placeholder is replaced once, by text. A value that looks like a placeholder is not evaluated,
so that no mail can inject one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.runtime.settings.schema.processes import Snippet
from services.runtime.settings.validation.snippets import PLACE


@dataclass(frozen=True)
class FilledSnippet:
    """A text as the writer gets it."""

    title: str
    text: str


def fill_snippets(
    snippets: Sequence[Snippet], values: Mapping[str, str]
) -> tuple[FilledSnippet, ...]:
    """The texts with their placeholders replaced; one without a value becomes empty."""
    return tuple(
        FilledSnippet(
            title=snippet.title,
            text=PLACE.sub(lambda place: values.get(place[1], ""), snippet.text),
        )
        for snippet in snippets
    )
