"""Reads only the wanted elements of an XML file, with expat.

A DOCTYPE is always refused: readers replace entities silently, so that a DTD can hide or change an
amount. Elements are identified by namespace and name, never by prefix. Unwanted elements are
skipped and not kept in memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from xml.parsers import expat

MAX_BYTES = 3_000_000
MAX_DEPTH = 64
MAX_ELEMENTS = 250_000  # an FA(3) of 10,000 lines has about 160,000
MAX_KEPT = 40_000  # a correction of 10,000 invoices
MAX_TEXT_CHARS = 1_000  # of a wanted element; the longest of KSeF has 512
MAX_ATTRIBUTES = 100
MAX_NAMESPACES = 50_000  # declarations; some programs repeat them on every element
# Encodings for which expat needs Python's help are refused: a byte may mean anything in them.
_ENCODINGS = frozenset(
    {"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "iso-8859-1",
     "iso-8859-2", "iso-8859-15", "iso-8859-16", "iso8859-1", "iso8859-2", "iso_8859-1",
     "iso_8859-2", "latin1", "latin2", "windows-1250", "windows-1252", "cp1250", "cp1252"}
)  # fmt: skip
# A misspelling that expat does not know, and that many programs write and read.
_UTF8_MISSPELLED = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,80}encoding\s*=\s*["']utf8["']""", re.I
)


class XmlRefusedError(Exception):
    """The file is not read. `has_root` is whether a wanted root element had begun by then."""

    has_root = False


class DoctypeRefusedError(XmlRefusedError):
    """The file has a document type declaration."""


class XmlLimitError(XmlRefusedError):
    """The file exceeds a limit of size, depth or elements."""


class XmlDamagedError(XmlRefusedError):
    """The file is not well-formed, or its encoding is not supported."""


class UnknownRootError(XmlRefusedError):
    """The root element is not wanted. `root` is its namespace, a space and its name."""

    def __init__(self, root: str) -> None:
        super().__init__(f"root element {root[:200]!r}")
        self.root = root


class Pattern:
    """The wanted elements, as a tree of expat's names (namespace, space, name)."""

    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, Pattern] = {}

    @classmethod
    def of(cls, paths: str, namespaces: Mapping[str, str]) -> Self:
        """A pattern from paths such as `cac:OrderReference/cbc:ID`, separated by spaces."""
        root = cls()
        for path in paths.split():
            pattern: Pattern = root
            for step in path.split("/"):
                prefix, _, name = step.rpartition(":")
                key = f"{namespaces[prefix]} {name}"
                pattern = pattern.children.setdefault(key, Pattern())
        return root


class Element:
    """A wanted element. `text` is the exact text of an element without children.

    Comments and instructions are not part of it (XML Schema part 1, 3.1.4). `is_divided` is True if
    another element is inside that text. No schema allows this, and programs differ in what they
    read.
    """

    __slots__ = (
        "_counts", "_parts", "attributes", "children", "index", "is_divided", "name", "parent",
    )  # fmt: skip

    def __init__(self, name: str, attributes: dict[str, str], parent: "Element | None") -> None:
        self.name = name
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element] = []
        self.is_divided = False
        self._parts: list[str] = []
        self._counts: dict[str, int] = {}
        self.index = 1 if parent is None else parent.adopt(self)

    def adopt(self, child: "Element") -> int:
        """Add a child; returns its position among those of its name."""
        self.children.append(child)
        count = self._counts.get(child.name, 0) + 1
        self._counts[child.name] = count
        return count

    def count_of(self, name: str) -> int:
        """How many children of this name there are."""
        return self._counts.get(name, 0)

    def add_text(self, text: str) -> None:
        self._parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def path(self) -> str:
        """A path such as `/Faktura/Fa/DaneFaKorygowanej[2]/NrFaKorygowanej`. Positions are added if
        there are several elements.
        """
        if self.parent is None:
            return f"/{self.name}"
        several = self.parent.count_of(self.name) > 1
        return f"{self.parent.path}/{self.name}{f'[{self.index}]' if several else ''}"

    def all(self, path: str) -> "Iterator[Element]":
        """The elements at a path such as `Fa/P_2` below this one, in the order of the document."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child


def read_xml(data: bytes, roots: Mapping[str, Pattern]) -> tuple[str, Element]:
    """The root's full name and the root with its wanted elements. Raises XmlRefusedError."""
    if len(data) > MAX_BYTES:
        raise XmlLimitError(f"the XML has more than {MAX_BYTES} bytes")
    reader = _Reader(roots, "utf-8" if _UTF8_MISSPELLED.match(data) else None)
    try:
        return reader.read(data)
    except XmlRefusedError as error:
        error.has_root = reader.root is not None
        raise


class _Reader:
    """The handlers of one run. While an unwanted element is skipped, cheaper handlers replace
    them.
    """

    def __init__(self, roots: Mapping[str, Pattern], encoding: str | None) -> None:
        self._roots = roots
        self.root: Element | None = None
        self._root_name = ""
        self._element: Element | None = None
        self._patterns: list[Pattern] = []
        self._depth = 0
        self._elements_left = MAX_ELEMENTS
        self._kept_left = MAX_KEPT
        self._namespaces_left = MAX_NAMESPACES
        self._parser = expat.ParserCreate(encoding, " ")
        self._skip = self._skipping()

    def read(self, data: bytes) -> tuple[str, Element]:
        parser = self._parser
        parser.buffer_text = True
        parser.XmlDeclHandler = self._check_declaration
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartNamespaceDeclHandler = self._count_namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise XmlDamagedError(f"the XML is damaged: {error}") from None
        if self.root is None:
            raise XmlDamagedError("the XML has no element")
        return self._root_name, self.root

    def _check_declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise XmlDamagedError(f"the XML is in encoding {encoding[:40]!r}, which is not read")

    def _refuse_doctype(self, name: str, *_: Any) -> None:
        raise DoctypeRefusedError(f"the XML has a document type declaration ({name[:100]})")

    def _count_namespace(self, _prefix: str | None, _uri: str | None) -> None:
        self._namespaces_left -= 1
        if self._namespaces_left < 0:
            raise XmlLimitError(f"the XML has more than {MAX_NAMESPACES} namespace declarations")

    def _count(self) -> None:
        self._depth += 1
        self._elements_left -= 1
        if self._depth > MAX_DEPTH or self._elements_left < 0:
            self._refuse_size(is_deep=self._depth > MAX_DEPTH)

    def _refuse_size(self, *, is_deep: bool) -> None:
        if is_deep:
            raise XmlLimitError(f"the XML is nested deeper than {MAX_DEPTH} levels")
        raise XmlLimitError(f"the XML has more than {MAX_ELEMENTS} elements")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count()
        parent = self._element
        if parent is None:
            pattern = self._roots.get(name)
            if pattern is None:
                raise UnknownRootError(name)
            self._root_name = name
            self.root = self._keep(name, attributes, None, pattern)
            return
        wanted = self._patterns[-1].children.get(name)
        if wanted is None:
            if not self._patterns[-1].children:
                parent.is_divided = True
            self._skip(MAX_DEPTH - self._depth, self._elements_left)
        else:
            self._keep(name, attributes, parent, wanted)

    def _keep(
        self, name: str, attributes: dict[str, str], parent: Element | None, pattern: Pattern
    ) -> Element:
        self._kept_left -= 1
        if self._kept_left < 0:
            raise XmlLimitError(f"the XML repeats elements more than {MAX_KEPT} times")
        if len(attributes) > MAX_ATTRIBUTES:
            raise XmlLimitError(f"an element has more than {MAX_ATTRIBUTES} attributes")
        element = Element(name.rpartition(" ")[2], attributes, parent)
        self._element = element
        self._patterns.append(pattern)
        self._listen(pattern)
        return element

    def _listen(self, pattern: Pattern) -> None:
        """Collect text only inside elements that have a value."""
        parser = self._parser
        parser.CharacterDataHandler = self._text if not pattern.children else None

    def _text(self, text: str) -> None:
        if self._element is not None:
            self._element.add_text(text)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._patterns.pop()
        self._element = self._element.parent if self._element is not None else None
        if self._patterns:
            self._listen(self._patterns[-1])

    def _resume(self, elements_left: int) -> None:
        """Handle elements again, after an unwanted one has ended."""
        self._elements_left = elements_left
        self._depth -= 1
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._listen(self._patterns[-1])

    def _skipping(self) -> Callable[[int, int], None]:
        """The function that skips the element that has just begun.

        It uses closures: they take two thirds of the time of methods, and most elements are
        skipped.
        """
        parser, resume = self._parser, self._resume
        depth = most = left = 0

        def start(_name: str, _attributes: dict[str, str]) -> None:
            nonlocal depth, left
            depth += 1
            left -= 1
            if depth > most or left < 0:
                self._refuse_size(is_deep=depth > most)

        def end(_name: str) -> None:
            nonlocal depth
            depth -= 1
            if not depth:
                resume(left)

        def skip(levels_left: int, elements_left: int) -> None:
            nonlocal depth, most, left
            depth, most, left = 1, levels_left + 1, elements_left
            parser.CharacterDataHandler = None
            parser.StartElementHandler = start
            parser.EndElementHandler = end

        return skip
