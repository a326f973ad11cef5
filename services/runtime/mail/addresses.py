"""Parses address lists of a header (RFC 5322 section 3.4) as mail programs really write them. Never
raises.

The address in angle brackets counts, whatever precedes it: a mail from `jan@bank.example
<evil@z.example>` is from evil@z.example. Display names are decoded after parsing, so that an
encoded comma does not split them.
"""

import re

import msgspec

from services.runtime.mail.words import header_text

MAX_ADDRESSES = 1000
MAX_WORDS = 1000  # encoded ones in the names of one field that are decoded
_MAX_ADDRESS_CHARS = (
    320  # RFC 3696 errata 1690 has 254; RFC 5321 section 4.5.3.1 allows 64 + 1 + 255
)
_MAX_NAME_CHARS = 500

_TOKEN = re.compile(
    rb"""(?P<word>=\?[^?\s]{1,80}\?[bBqQ]\?[^?\s]*+\?=)
    | "(?P<quoted>(?:[^"\\]++|\\.)*+)"
    | <(?P<angle>[^<>]*+)>
    | (?P<comma>[,;])
    | (?P<colon>:)
    | (?P<bracket>[()])
    | \\(?P<escaped>.)
    | (?P<literal>\[[0-9A-Fa-fIPv:.]{2,60}\])
    | (?P<plain>[^"<>,;:()\\=\[]++|.)""",
    re.VERBOSE | re.DOTALL,
)
# The form of nearly all fields: one name, perhaps quoted, and one address, in ASCII.
_USUAL = re.compile(
    rb"""(?:"([A-Za-z0-9\ ._'-]*+)"|([A-Za-z0-9\ ._'-]*+))\s*+
    <([A-Za-z0-9._%+-]{1,64}+)@([A-Za-z0-9][A-Za-z0-9.-]{0,200}+)>""",
    re.VERBOSE,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SEPARATOR = re.compile(rb"[,;]")
_ROUTE = re.compile(r"^@[^:]*:")  # `<@relay.example:jan@x.example>`, RFC 5322 section 4.4
_COMMENT_TOKEN = re.compile(rb'(?P<quoted>"(?:[^"\\]++|\\.)*+")|\\.|[()]|[^"\\()]++|.', re.DOTALL)
# Spaces, control characters, and characters that only change how a text is shown. None of them is
# part of an address. The syntax of RFC 5322 (section 4.4) allows spaces around its dots and its
# `@`.
_UNSEEN = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+"
)
# Never part of an address outside quotes; deleting them would invent another address.
_SPECIAL = re.compile(r'[<>"(),;:@\\\[\]]')
_LITERAL = re.compile(r"\[[0-9a-z:.]+\]")  # `[192.0.2.1]`, RFC 5321 section 4.1.3
_HIDDEN = re.compile("[\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BLANKS = re.compile(" {2,}")
_IN_NAME = re.compile(r"(?:<|^)([^<>@\s]{1,64}@[^<>@\s]{1,255})(?:>|$)")


class Address(msgspec.Struct, frozen=True):
    """A name as people read it and an address with its domain in lower case; either may be empty,
    not both.
    """

    name: str
    address: str


def base_address(address: str) -> str:
    """The address without the `+tag` of its local part (RFC 5233): all such addresses reach one
    account.
    """
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def parse_addresses(raw: bytes, charset: str | None = None) -> list[Address]:
    """The addresses of one header value, in order; at most `MAX_ADDRESSES`.

    A value without any address returns its names (`From: Jan Kowalski`); an empty group
    (`undisclosed-recipients:;`) returns nothing. `charset` applies to names beyond ASCII that are
    not UTF-8; see `header_text`.
    """
    usual = _USUAL.fullmatch(raw)
    if usual:
        quoted, plain, local, domain = usual.groups()
        name = (quoted or plain or b"").decode("ascii").strip(" '")
        return [
            Address(
                _short(name),
                f"{local.decode('ascii')}@{domain.decode('ascii').rstrip('.').lower()}",
            )
        ]
    reader = _read(raw, charset, brackets_are_comments=True)
    if (
        reader.is_in_comment
    ):  # `Jan (office <jan@x.example>`: an open bracket does not begin a comment
        reader = _read(raw, charset, brackets_are_comments=False)
    return reader.end()


def _read(raw: bytes, charset: str | None, *, brackets_are_comments: bool) -> "_Reader":
    reader = _Reader(charset, brackets_are_comments=brackets_are_comments)
    for token in _TOKEN.finditer(raw):
        reader.take(token.lastgroup or "", token[token.lastgroup or 0])
        if len(reader.found) >= MAX_ADDRESSES:
            break
    return reader


class _Reader:
    """Reads token by token. A comma ends an entry; a bracketed address completes one."""

    def __init__(self, charset: str | None, *, brackets_are_comments: bool) -> None:
        self._charset = charset
        self._words_left = MAX_WORDS
        self.found: list[Address] = []
        self._phrase: list[bytes] = []
        self._comments: list[bytes] = []  # those of the entry that are outside its address
        self._comment: list[bytes] = []
        self._depth = 0
        self._brackets_are_comments = brackets_are_comments
        self._is_refused = False  # the entry's angle brackets contain no address
        self._after_comment = False
        self._quoted = b""  # the quoted text just read, which is a local part if `@` follows
        self._before_quoted = (0, 0)  # phrases and comments before it
        self._names: list[
            bytes
        ] = []  # entries that were only a name: `Kowalski, Jan <jan@x.example>`
        self._any_refused = False

    @property
    def is_in_comment(self) -> bool:
        return self._depth > 0 and len(self.found) < MAX_ADDRESSES

    def take(self, kind: str, value: bytes) -> None:
        if kind == "bracket" and self._brackets_are_comments and (self._depth or value == b"("):
            self._bracket(value)
            return
        if self._depth:
            self._comment.append(value)
            return
        before = (len(self._phrase), len(self._comments))
        self._take_outside(kind, value)
        self._before_quoted = before
        self._quoted = value if kind == "quoted" else b""
        self._after_comment = False

    def _take_outside(self, kind: str, value: bytes) -> None:
        if kind == "angle":
            self._angle(value)
        elif kind == "plain" and self._quoted and value.lstrip().startswith(b"@"):
            domain, *rest = _glued(value)
            phrases, comments = self._before_quoted
            # comments between the two are in the address
            del (
                self._phrase[phrases:],
                self._comments[comments:],
            )
            self._complete(b'"' + self._quoted + b'"' + domain)
            self._phrase += [b" ".join(rest)]
        elif kind == "comma":
            self._end_entry()
        elif kind == "colon":
            self._phrase.clear()  # a group's name, or `mailto:`
        else:
            self._plain(_ESCAPED.sub(rb"\1", value) if kind == "quoted" else value)

    def _plain(self, value: bytes) -> None:
        if self._after_comment and self._comments:
            before = b"".join(self._phrase[-3:]).rstrip()
            if value.lstrip().startswith((b"@", b".")) or before.endswith((b"@", b".")):
                self._comments.pop()  # within the address: not the name of a person
        self._phrase.append(value)

    def end(self) -> list[Address]:
        self._end_entry()
        if self.found:
            return self.found[:MAX_ADDRESSES]
        names = [name for name in (self._name(raw) for raw in self._names) if name]
        if len(names) == 1 and b"=?" in self._names[0] and not self._any_refused:
            hidden = _IN_NAME.search(names[0])
            if hidden and _clean(hidden[1]):  # the program encoded the whole entry, address and all
                return [Address(_short(names[0][: hidden.start()].strip(' "')), _clean(hidden[1]))]
        return [Address(_short(", ".join(names)), "")] if names else []

    def _bracket(self, value: bytes) -> None:
        if value == b"(":
            if self._depth:
                self._comment.append(value)
            self._depth += 1
        elif self._depth > 1:
            self._depth -= 1
            self._comment.append(value)
        else:
            self._depth = 0
            self._comments.append(b"".join(self._comment).strip())
            self._comment.clear()
            if not (self._phrase and self._phrase[-1].endswith((b"@", b"."))):
                self._phrase.append(b" ")  # RFC 5322 section 3.2.2: a comment counts as a space
            self._after_comment = True

    def _angle(self, value: bytes) -> None:
        pieces = [value] if b'"' in value or b"(" in value else _SEPARATOR.split(value)
        if not all(b"@" in piece for piece in pieces if piece.strip()):
            pieces = [
                value
            ]  # `<anna,office@x.example>` is not a list, and neither half is an address
        addressed = [self._complete(_without_comments(piece)) for piece in pieces]
        self._is_refused = not any(addressed)
        self._any_refused |= self._is_refused

    def _complete(self, inner: bytes) -> bool:
        address = _address(inner)
        phrase = b"".join(self._phrase).strip()
        self._phrase.clear()
        if not address:
            self._phrase.append(phrase or inner.strip())
            return False
        if phrase and self._names:
            phrase = b", ".join((*self._names, phrase))
        self._names.clear()
        self.found.append(Address(self._name(phrase), address))
        return True

    def _name(self, raw: bytes) -> str:
        if not raw:
            return ""
        self._words_left -= raw.count(b"=?")
        if self._words_left < 0 and raw.isascii():
            name = raw.decode("ascii")  # the words of so many names would take seconds
        else:
            name = _HIDDEN.sub("", header_text(raw, self._charset))
        return _short(name.strip(" '\"").rstrip("< "))  # `Jan <<jan@x.example>>`

    def _end_entry(self) -> None:
        phrase = b"".join(self._phrase).strip()
        comment = b" ".join(self._comments).strip()
        self._phrase.clear()
        self._comments.clear()
        is_refused, self._is_refused = self._is_refused, False
        if b"@" in phrase and not is_refused:
            self._bare(phrase, comment)
        elif phrase:
            self._names.append(phrase)
        elif comment and self.found and not self.found[-1].name:
            self.found[-1] = Address(self._name(comment), self.found[-1].address)

    def _bare(self, phrase: bytes, comment: bytes) -> None:
        """The entry without angle brackets: `jan@x.example (Jan Kowalski)`, or words with an
        address among them.
        """
        words = _glued(phrase)
        for index in reversed(range(len(words))):
            before, _, word = words[index].rpartition(b"<")  # `Jan <jan@x.example`, never closed
            address = _address(word.strip(b"<>")) if b"@" in word else ""
            if address:
                rest = b" ".join((*words[:index], before, *words[index + 1 :])).strip()
                self.found.append(Address(self._name(rest or comment), address))
                self._names.clear()
                return
        self._names.append(phrase)


def _glued(phrase: bytes) -> list[bytes]:
    """The words of a phrase. Spaces around the `@` and the dots of an address do not separate
    words.

    RFC 5322 section 4.4 still allows `jan @ x . example`. `Jan K. jan@x.example` keeps its space: a
    dot that is only followed by a space ends a word, except in `jan@x. example`.
    """
    words: list[bytes] = []
    goes_on = False
    for word in phrase.split():
        if words and (goes_on or word.startswith((b"@", b"."))):
            words[-1] += word
        else:
            words.append(word)
        last = words[-1]
        alone = word == b"." or (word.startswith(b".") and word.endswith(b"."))
        goes_on = last.endswith(b"@") or (
            last.endswith(b".")
            and (alone or (b"@" in last and b"." not in last.rpartition(b"@")[2][:-1]))
        )
    return words


def _without_comments(raw: bytes) -> bytes:
    """The text between angle brackets, without its comments (RFC 5322 section 3.2.2)."""
    if b"(" not in raw:
        return raw
    kept: list[bytes] = []
    depth = 0
    for token in _COMMENT_TOKEN.finditer(raw):
        piece = token.group()
        if piece == b"(":
            depth += 1
        elif piece == b")" and depth:
            depth -= 1
        elif not depth:
            kept.append(piece)
    return raw if depth else b"".join(kept)


def _short(name: str) -> str:
    name = name.strip()[:_MAX_NAME_CHARS]
    return (_BLANKS.sub(" ", name) if "  " in name else name).rstrip()


def _address(raw: bytes) -> str:
    if not raw.isascii():
        try:
            # RFC 6532 section 3.2: only UTF-8; with a guessed letter it would be another address
            raw.decode()
        except UnicodeDecodeError:
            return ""
    return _clean(header_text(raw))


def _clean(text: str) -> str:
    """An address in normal form; "" if the text is not an address."""
    text = text.strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if text.startswith("'") and text.endswith("'"):
        text = text[1:-1]
    local, _, domain = _ROUTE.sub("", text).rpartition("@")
    domain = _UNSEEN.sub("", domain).rstrip(".").lower()
    if domain.endswith("]") and not domain.startswith("["):
        domain = domain.rstrip("]")
    local = _local_part(local.strip())
    if not (local and domain) or len(local) + len(domain) >= _MAX_ADDRESS_CHARS:
        return ""
    if _SPECIAL.search(domain) and not _LITERAL.fullmatch(domain):
        return ""
    return f"{local}@{domain}"


def _local_part(text: str) -> str:
    """The local part, quoted only if necessary (RFC 5321 section 4.1.2); the quotes are then part
    of it.

    "" if it contains characters that no local part may contain: leaving them out would invent an
    address.
    """
    if text.startswith('"') and text.endswith('"') and len(text) > 2:
        inner = text[1:-1]
        return text if _UNSEEN.search(inner) or _SPECIAL.search(inner) else inner
    text = _UNSEEN.sub("", text)
    return "" if _SPECIAL.search(text) else text
