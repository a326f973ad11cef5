"""Plural forms. Pure. The rules are those of Unicode CLDR 45 for English and Polish."""

import msgspec


class Plural(msgspec.Struct, frozen=True):
    """A text with `{n}` for each of a language's plural forms.

    English needs `one` and `many`. Polish has three forms for whole numbers: 1 sprawa, 2 sprawy,
    5 spraw. `few` is empty for a language without that form.
    """

    one: str
    many: str
    few: str = ""

    def form(self, count: int) -> str:
        """The text for a whole number; `{n}` is not filled in yet."""
        if count == 1:
            return self.one
        if self.few and count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14}:
            return self.few
        return self.many
