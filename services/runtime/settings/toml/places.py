"""The lines of tables and values in a TOML file, by their paths. Pure."""

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*=")


class Places:
    """Finds the line of a path such as `process.invoices.mailbox[0].server`.

    It reads line by line, which is enough for settings. Multi-line strings and inline tables may
    hide a place; the result is then the line of the enclosing table.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[str, int] = {}
        counts: dict[str, int] = {}
        current = ""
        for number, line in enumerate(text.split("\n"), 1):
            header = _HEADER.match(line)
            if header is not None:
                current = self._table(header[2], counts, is_list=header[1] == "[[")
                self._lines.setdefault(current, number)
                continue
            key = _KEY.match(line)
            if key is not None:
                name = key[1].strip("\"'")
                self._lines.setdefault(f"{current}.{name}" if current else name, number)

    @staticmethod
    def _table(header: str, counts: dict[str, int], *, is_list: bool) -> str:
        """The path of a table. Each part that is a list gets the index of its last entry."""
        path = ""
        names = [name.strip().strip("\"'") for name in header.split(".")]
        for position, name in enumerate(names):
            path = f"{path}.{name}" if path else name
            if is_list and position == len(names) - 1:
                counts[path] = counts.get(path, -1) + 1
            if path in counts:
                path = f"{path}[{counts[path]}]"
        return path

    def line(self, path: str) -> int | None:
        """The line of the path, or of the closest enclosing table; None if there is none."""
        while path:
            if (line := self._lines.get(path)) is not None:
                return line
            path = path.rpartition(".")[0] if not path.endswith("]") else path.rpartition("[")[0]
        return None
