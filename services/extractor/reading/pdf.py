"""Invoices in the files that a PDF embeds (ISO 32000-1, 7.11.4): Factur-X, ZUGFeRD, KSeF and
others.

All embedded files are examined, whatever their names: those of the name tree, the associated files
of the document, and the attachments of its first pages. Needs the extra `invoices` (pypdf).
"""

import importlib.util
import io
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemas.flags import InvoiceFlag
from services.extractor.reading.characters import one_visible_line
from services.extractor.reading.invoice import ReadDocument
from services.extractor.reading.xml_document import is_xml, read_xml_document

if TYPE_CHECKING:
    from pypdf import PdfReader
    from pypdf.generic import DictionaryObject, PdfObject

HAS_PDF_READER = importlib.util.find_spec("pypdf") is not None

MAX_BYTES = 50_000_000
MAX_OBJECTS = 200_000  # of a file without a table of its objects, which are searched for one by one
MAX_PARSED = 100_000  # pypdf parses all objects of a stream when it needs one
MAX_TABLES = 1_000  # each update of a file adds one
MAX_FILES = 50
MAX_NODES = 500  # of the name tree
MAX_PAGES = 20
MAX_ANNOTATIONS = 200  # of all these pages
MAX_DECODED_BYTES = 16_000_000  # of one stream, and of all files together
_MAX_NAME_CHARS = 200
_UNNAMED = "unnamed"
_SIGNATURE = b"%PDF-"
_WINMAIL = b"\x78\x9f\x3e\x22"  # [MS-OXTNEF]
_SIGNATURE_WITHIN = (
    1024  # other bytes may come before the header (implementation note 13 of PDF 1.7)
)
# of a stream that contains other objects or a table of them; a file may be larger
_LIMITS: dict[str, Any] = {
    "maximum_declared_stream_length": 50_000_000,
    "array_based_stream_maximum_output_length": 2_000_000,
    "lzw_maximum_output_length": 2_000_000,
    "run_length_maximum_output_length": 2_000_000,
    "zlib_maximum_output_length": 2_000_000,
    "zlib_maximum_recovery_input_length": 200_000,
    "brotli_maximum_output_length": 2_000_000,
    "stream_filters_maximum_length": 3,
    "stream_decoding_work_maximum_length": 2 * MAX_DECODED_BYTES,
}
_FILE_LIMITS: dict[str, Any] = {
    "zlib_maximum_output_length": MAX_DECODED_BYTES,
    "run_length_maximum_output_length": MAX_DECODED_BYTES,
}


class _TooMuchError(Exception):
    """The PDF exceeds a limit."""


class _DamagedError(Exception):
    """The PDF does not conform to the standard."""


def is_pdf(data: bytes) -> bool:
    """Whether the data is a PDF. A winmail.dat that begins with one is not; its files are read
    separately.
    """
    return _SIGNATURE in data[:_SIGNATURE_WITHIN] and not data.startswith(_WINMAIL)


def read_pdf(data: bytes) -> list[ReadDocument]:
    """The invoices embedded in a PDF. A file that cannot be read gives a flag and no invoice. Empty
    without the extra `invoices`.
    """
    if not HAS_PDF_READER:
        return []
    from pypdf import apply_configuration  # noqa: PLC0415 - optional, and slow to import
    from pypdf.errors import LimitReachedError  # noqa: PLC0415

    # pypdf logs pieces of the file, which must not be in a log.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        with apply_configuration(**_LIMITS):
            return _read(data)
    except (_TooMuchError, LimitReachedError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        detail = "the PDF is nested too deep" if deep else str(error)
        return [ReadDocument(flags=(InvoiceFlag.EXTRACTION_LIMIT,), detail=detail)]
    except Exception as error:  # noqa: BLE001 - pypdf raises anything for a damaged file
        reason = str(error) if isinstance(error, _DamagedError) else type(error).__name__
        detail = f"the PDF is damaged: {reason}"
        return [ReadDocument(flags=(InvoiceFlag.PDF_DAMAGED,), detail=detail)]


def _read(data: bytes) -> list[ReadDocument]:
    from pypdf import PdfReader  # noqa: PLC0415

    if len(data) > MAX_BYTES:
        raise _TooMuchError(f"the PDF has more than {MAX_BYTES} bytes")
    if data.count(b"obj") > 2 * MAX_OBJECTS:  # obj and endobj
        raise _TooMuchError(f"the PDF has more than {MAX_OBJECTS} objects")
    if data.count(b"/Prev") > MAX_TABLES:
        raise _TooMuchError(f"the PDF has more than {MAX_TABLES} tables of objects")
    reader = PdfReader(io.BytesIO(data), strict=False, xref_stream_maximum_entries=MAX_OBJECTS)
    if reader.is_encrypted:
        detail = "the PDF is encrypted"
        return [ReadDocument(flags=(InvoiceFlag.ENCRYPTED_PDF,), detail=detail)]
    documents: list[ReadDocument] = []
    contents: set[bytes] = set()
    left = MAX_DECODED_BYTES
    for name, content in EmbeddedFiles(reader).read():
        left -= len(content)
        if left < 0:
            raise _TooMuchError(f"the embedded files have more than {MAX_DECODED_BYTES} bytes")
        if content in contents or not is_xml(content):
            continue
        contents.add(content)
        document = read_xml_document(content, name=name, embedded=True)
        if document is not None:
            documents.append(document)
    return documents


class EmbeddedFiles:
    """The files that a document embeds. Raises _TooMuchError, _DamagedError, and what pypdf
    raises.
    """

    def __init__(self, reader: "PdfReader") -> None:
        self._reader = reader

    def read(self) -> Iterator[tuple[str, bytes]]:
        """The files with their names, without duplicate streams."""
        from pypdf import apply_configuration  # noqa: PLC0415
        from pypdf.generic import StreamObject  # noqa: PLC0415

        seen: set[int] = set()
        for specification in self._specifications():
            name = str(specification.get("/UF") or specification.get("/F") or _UNNAMED)
            streams = self._dictionary(specification.get("/EF"))
            if streams is None:
                continue  # a file elsewhere
            for key in ("/F", "/UF"):
                stream = self._resolved(streams.get(key))
                if stream is None or id(stream) in seen:
                    continue
                if not isinstance(stream, StreamObject):
                    raise _DamagedError("an embedded file has no content")
                seen.add(id(stream))
                if len(seen) > MAX_FILES:
                    raise _TooMuchError(f"the PDF has more than {MAX_FILES} embedded files")
                with apply_configuration(**_FILE_LIMITS):
                    content = stream.get_data()
                yield one_visible_line(name)[:_MAX_NAME_CHARS] or _UNNAMED, content

    def _specifications(self) -> "Iterator[DictionaryObject]":
        """The file specifications of the document; some may occur twice."""
        catalog = self._reader.root_object
        names = self._dictionary(catalog.get("/Names"))
        candidates = self._name_tree(names.get("/EmbeddedFiles")) if names is not None else []
        candidates += self._array(catalog.get("/AF"), MAX_FILES + 1)
        candidates += self._page_attachments(catalog.get("/Pages"))
        for candidate in candidates:
            specification = self._dictionary(candidate)
            if specification is not None:
                yield specification

    def _name_tree(self, root: "PdfObject | None") -> "list[PdfObject | None]":
        """The values of a name tree (7.9.6)."""
        values: list[PdfObject | None] = []
        nodes, seen = [root], _Nodes()
        while nodes:
            node = self._dictionary(nodes.pop())
            if node is None:
                continue
            seen.add(node)
            if "/Names" not in node and "/Kids" not in node:
                raise _DamagedError("a node of a name tree is empty")
            values += self._array(node.get("/Names"), 2 * MAX_FILES + 3)[1::2]
            nodes += reversed(self._array(node.get("/Kids"), MAX_NODES + 1))
            if seen.count > MAX_NODES or len(nodes) > 2 * MAX_NODES or len(values) > MAX_FILES:
                raise _TooMuchError(f"the PDF has more than {MAX_FILES} embedded files")
        return values

    def _page_attachments(self, pages: "PdfObject | None") -> "Iterator[PdfObject | None]":
        """The files of the annotations on the first pages (12.5.6.15)."""
        left = MAX_ANNOTATIONS
        for page in self._first_pages(pages):
            references = self._array(page.get("/Annots"), left)
            left -= len(references)
            for reference in references:
                annotation = self._dictionary(reference)
                if annotation is not None and annotation.get("/FS") is not None:
                    yield annotation.get("/FS")

    def _first_pages(self, root: "PdfObject | None") -> "Iterator[DictionaryObject]":
        """The first pages of a page tree (7.7.3), in their order."""
        nodes, seen, pages = [root], _Nodes(), 0
        while nodes and seen.count < MAX_NODES and pages < MAX_PAGES:
            node = self._dictionary(nodes.pop())
            if node is None:
                continue
            kids = self._array(node.get("/Kids"), MAX_PAGES)
            if kids:
                seen.add(node)
                nodes += reversed(kids)
            else:
                pages += 1
                yield node

    def _dictionary(self, value: "PdfObject | None") -> "DictionaryObject | None":
        from pypdf.generic import DictionaryObject  # noqa: PLC0415

        resolved = self._resolved(value)
        return resolved if isinstance(resolved, DictionaryObject) else None

    def _array(self, value: "PdfObject | None", most: int) -> "list[PdfObject | None]":
        from pypdf.generic import ArrayObject  # noqa: PLC0415

        resolved = self._resolved(value)
        return list(resolved[:most]) if isinstance(resolved, ArrayObject) else []

    def _resolved(self, value: "PdfObject | None") -> "PdfObject | None":
        """The object that a reference points to."""
        found = None if value is None else value.get_object()
        if len(self._reader.resolved_objects) > MAX_PARSED:
            raise _TooMuchError(f"the PDF needs more than {MAX_PARSED} objects for its files")
        return found


class _Nodes:
    """The visited nodes of a tree. Raises _DamagedError for a node that is visited twice."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, node: "DictionaryObject") -> None:
        if id(node) in self._seen:
            raise _DamagedError("a node of a tree is its own ancestor")
        self._seen.add(id(node))

    @property
    def count(self) -> int:
        return len(self._seen)
