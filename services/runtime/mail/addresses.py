"""Address lists of a header (RFC 5322 section 3.4), read as mail programs really write them. Never raises.

The address in angle brackets is the one that counts, whatever stands before it: in `jan@bank.example <evil@z.example>`
the mail is from evil@z.example. Display names are decoded after parsing, so that an encoded comma cuts nothing.
"""

import re

import msgspec

from services.runtime.mail.words import header_text

MAX_ADDRESSES = 1000
_MAX_ADDRESS_CHARS = 320  # RFC 3696 errata 1690 has 254; RFC 5321 section 4.5.3.1 allows 64 + 1 + 255
_MAX_NAME_CHARS = 500

_TOKEN = re.compile(
    rb"""(?P<word>=\?[^?\s]{1,80}\?[bBqQ]\?[^?\s]*+\?=)
    | "(?P<quoted>(?:[^"\\]++|\\.)*+)"
    | <(?P<angle>[^<>]*+)>
    | (?P<comma>[,;])
    | (?P<colon>:)
    | (?P<bracket>[()])
    | \\(?P<escaped>.)
    | (?P<plain>[^"<>,;:()\\=]++|.)""",
    re.VERBOSE | re.DOTALL,
)
# What nearly all fields are: one name, perhaps quoted, and one address, in plain letters.
_USUAL = re.compile(
    rb"""(?:"([A-Za-z0-9\ ._'-]*+)"|([A-Za-z0-9\ ._'-]*+))\s*+
    <([A-Za-z0-9._%+-]{1,64}+)@([A-Za-z0-9][A-Za-z0-9.-]{0,200}+)>""",
    re.VERBOSE,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ROUTE = re.compile(r"^@[^:]*:")  # `<@relay.example:jan@x.example>`, RFC 5322 section 4.4
# Blanks, controls, and characters that only change how a text is shown: none of them is part of an address.
_UNSEEN = re.compile('[\\s\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff<>"(),;:]+')
_HIDDEN = re.compile("[\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BLANKS = re.compile(" {2,}")
_IN_NAME = re.compile(r"<([^<>@\s]{1,64}@[^<>@\s]{1,255})>")


class Address(msgspec.Struct, frozen=True):
    """A name as people read it and an address with its domain in small letters; either may be empty, not both."""

    name: str
    address: str


def parse_addresses(raw: bytes) -> list[Address]:
    """The addresses of one header value, in order; at most `MAX_ADDRESSES`.

    A value without any address gives its names (`From: Jan Kowalski`); an empty group (`undisclosed-recipients:;`)
    gives nothing.
    """
    usual = _USUAL.fullmatch(raw)
    if usual:
        quoted, plain, local, domain = usual.groups()
        name = (quoted or plain or b"").decode("ascii").strip(" '")
        return [Address(_short(name), f"{local.decode('ascii')}@{domain.decode('ascii').rstrip('.').lower()}")]
    reader = _Reader()
    for token in _TOKEN.finditer(raw):
        reader.take(token.lastgroup or "", token[token.lastgroup or 0])
        if len(reader.found) >= MAX_ADDRESSES:
            break
    return reader.end()


class _Reader:
    """Takes tokens one by one; a comma ends an entry, a bracketed address completes one."""

    def __init__(self) -> None:
        self.found: list[Address] = []
        self._phrase: list[bytes] = []
        self._comment: list[bytes] = []
        self._depth = 0
        self._quoted = b""  # the quoted text just taken, which a following `@` makes a local part
        self._names: list[bytes] = []  # entries that were only a name: `Kowalski, Jan <jan@x.example>`

    def take(self, kind: str, value: bytes) -> None:
        if kind == "bracket":
            self._bracket(value)
        elif self._depth:
            self._comment.append(value)
        elif kind == "angle":
            for one in value.split(b",") if b'"' not in value else (value,):  # several in one pair of brackets
                self._complete(one)
        elif kind == "plain" and value.startswith(b"@") and self._quoted:
            domain, _, rest = value.partition(b" ")
            self._phrase.pop()
            self._complete(b'"' + self._quoted + b'"' + domain)
            self._phrase.append(rest)
        elif kind == "comma":
            self._end_entry()
        elif kind == "colon":
            self._phrase.clear()  # a group's name, or `mailto:`
        else:
            self._phrase.append(_ESCAPED.sub(rb"\1", value) if kind == "quoted" else value)
        self._quoted = value if kind == "quoted" and not self._depth else b""

    def end(self) -> list[Address]:
        self._end_entry()
        if self.found:
            return self.found[:MAX_ADDRESSES]
        names = [name for name in (_name(raw) for raw in self._names) if name]
        hidden = _IN_NAME.search(names[0]) if len(names) == 1 else None
        if hidden and _clean(hidden[1]):  # the program encoded the whole entry, address and all
            return [Address(_short(names[0][: hidden.start()].strip(' "')), _clean(hidden[1]))]
        return [Address(_short(", ".join(names)), "")] if names else []

    def _bracket(self, value: bytes) -> None:
        if value == b"(":
            if self._depth:
                self._comment.append(value)
            self._depth += 1
        elif self._depth:
            self._depth -= 1
            self._comment.append(value if self._depth else b"")
        else:
            self._phrase.append(value)

    def _complete(self, inner: bytes) -> None:
        address = _address(inner)
        phrase = b"".join(self._phrase).strip()
        self._phrase.clear()
        if not address:
            self._phrase.append(phrase or inner.strip())
            return
        if phrase and self._names:
            phrase = b", ".join((*self._names, phrase))
        self._names.clear()
        self.found.append(Address(_name(phrase), address))

    def _end_entry(self) -> None:
        phrase = b"".join(self._phrase).strip()
        comment = b"".join(self._comment).strip()
        self._phrase.clear()
        self._comment.clear()
        self._depth = 0
        if b"@" in phrase:
            self._bare(phrase, comment)
        elif phrase:
            self._names.append(phrase)
        elif comment and self.found and not self.found[-1].name:
            self.found[-1] = Address(_name(comment), self.found[-1].address)

    def _bare(self, phrase: bytes, comment: bytes) -> None:
        """`jan@x.example (Jan Kowalski)`, or words with an address among them."""
        words = b"@".join([piece.strip() for piece in phrase.split(b"@")]).split()
        for index in reversed(range(len(words))):
            address = _address(words[index])
            if address:
                rest = b" ".join((*words[:index], *words[index + 1 :]))
                self.found.append(Address(_name(rest or comment), address))
                self._names.clear()
                return
        self._names.append(phrase)


def _name(raw: bytes) -> str:
    return _short(_HIDDEN.sub("", header_text(raw)).strip(" '\"")) if raw else ""


def _short(name: str) -> str:
    return _BLANKS.sub(" ", name.strip()[:_MAX_NAME_CHARS]).rstrip()


def _address(raw: bytes) -> str:
    return _clean(header_text(raw))


def _clean(text: str) -> str:
    """An address in one form, or "" where the text is none."""
    if text[:7].lower() == "mailto:":
        text = text[7:]
    local, _, domain = _ROUTE.sub("", text.strip()).rpartition("@")
    domain = _UNSEEN.sub("", domain).rstrip(".").lower()
    if domain.endswith("]") and not domain.startswith("["):
        domain = domain.rstrip("]")
    local = _local_part(local.strip())
    if not (local and domain) or len(local) + len(domain) >= _MAX_ADDRESS_CHARS:
        return ""
    return f"{local}@{domain}"


def _local_part(text: str) -> str:
    """Without quotes where it needs none (RFC 5321 section 4.1.2); else with them, or it would be another mailbox."""
    if text.startswith('"') and text.endswith('"') and len(text) > 2:
        inner = text[1:-1]
        return text if _UNSEEN.search(inner) or "\\" in inner or "@" in inner else inner
    return _UNSEEN.sub("", text)
