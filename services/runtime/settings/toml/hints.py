"""The usual causes of TOML that cannot be parsed, by the parser's message and the line. Pure.

No hint shows a value of the file, which may be a misplaced secret.
"""

import re

_KEY = re.compile(r"""\s*(?P<key>[A-Za-z0-9_.-]+|"[^"]*"|'[^']*')\s*=\s*(?P<value>.*)""")
_COLON = re.compile(r"\s*[A-Za-z0-9_-]+\s*:\s")
_HEADER = re.compile(r"\s*\[\[?(?P<name>[^\]]*)")
_CURLY = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")
_TWICE = re.compile(r"\((?P<names>'.*')\) twice|Cannot declare \((?P<more>'.*')\)")
_WORDS = {
    "yes": "true",
    "no": "false",
    "True": "true",
    "False": "false",
    "on": "true",
    "off": "false",
}
_GENERAL = "fix this line first"


def hint_for(message: str, line: str) -> str:
    """How to fix the mistake that the parser reports in this line, as far as it can be guessed."""
    if _CURLY.search(line):
        return 'write straight quotes: " and not the curly ones of a word processor'
    twice = _TWICE.search(message)
    if twice is not None:
        names = re.findall(r"'([^']*)'", twice["names"] or twice["more"] or "")
        table = ".".join(names)
        return f"write [[{table}]] with double brackets if there are several of them, otherwise join them"
    if "Cannot overwrite" in message:
        return "this table has that name already: remove one of them"
    header = _HEADER.match(line)
    if header is not None:
        return _header_hint(line, header["name"])
    entry = _KEY.match(line)
    if entry is not None:
        return _value_hint(message, entry["key"], entry["value"].strip())
    if _COLON.match(line):
        return "write = between name and value, not :"
    if not line.isascii() and "=" in line:
        return "names have only ASCII letters, digits, - and _; others need quotes"
    if "=" not in line and line.strip():
        return 'write a line such as host = "imap.example.com", or begin a comment with #'
    return _GENERAL


def _header_hint(line: str, name: str) -> str:
    if not name.isascii():
        return "names have only ASCII letters, digits, - and _; titles may have any letters"
    if " " in name.strip():
        return "names have no spaces: write - or _ instead"
    if line.count("[") != line.count("]"):
        return "write as many ] as ["
    return _GENERAL


def _value_hint(message: str, key: str, value: str) -> str:
    if not value:
        return f"write a value after {key} ="
    if value in _WORDS:
        return f"write {_WORDS[value]} without quotes"
    if value[0] in "\"'":
        if "\\" in value and value[0] == '"':
            return "write \\ twice, or the text in single quotes: 'C:\\mail'"
        if value.count(value[0]) % 2:
            return "close the quotes at the end of the text"
        return "after the closing quotes, only a comment that begins with # may follow"
    if "Invalid value" in message or "Expected newline" in message or not value[0].isdigit():
        return f'put the text in quotes: {key} = "…"'
    return _GENERAL
