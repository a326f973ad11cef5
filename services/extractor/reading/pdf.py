"""Invoices in the files that a PDF embeds (ISO 32000-1, 7.11.4): Factur-X, ZUGFeRD, KSeF and others.

All embedded files are looked at, whatever their names: those of the name tree, the associated files
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
MAX_OBJECTS = 200_000  # of a file without a table of its objects, each is searched for
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
    1024  # the header may stand behind other bytes (implementation note 13 of PDF 1.7)
)
# Streams that an invoice or an index of objects does not need, at once.
_LIMITS: dict[str, Any] = {
    "maximum_declared_stream_length": 50_000_000,
    "array_based_stream_maximum_output_length": MAX_DECODED_BYTES,
    "lzw_maximum_output_length": 4_000_000,
    "run_length_maximum_output_length": MAX_DECODED_BYTES,
    "zlib_maximum_output_length": MAX_DECODED_BYTES,
    "zlib_maximum_recovery_input_length": 200_000,
    "brotli_maximum_output_length": 4_000_000,
    "stream_filters_maximum_length": 3,
    "stream_decoding_work_maximum_length": 2 * MAX_DECODED_BYTES,
    "page_tree_maximum_entries": 20_000,
}


class _TooMuchError(Exception):
    """The PDF has more than is read."""


class _DamagedError(Exception):
    """The PDF is not built as the standard demands."""


def is_pdf(data: bytes) -> bool:
    """Whether the data is a PDF. A winmail.dat that begins with one is not: its files come by themselves."""
    return _SIGNATURE in data[:_SIGNATURE_WITHIN] and not data.startswith(_WINMAIL)


def read_pdf(data: bytes) -> list[ReadDocument]:
    """The invoices embedded in a PDF. What cannot be read gives a flag and no invoice.

    Empty without the extra `invoices`.
    """
    if not HAS_PDF_READER:
        return []
    from pypdf import apply_configuration  # noqa: PLC0415 - optional, and slow to import
    from pypdf.errors import LimitReachedError  # noqa: PLC0415

    # It logs pieces of the file, which are nobody's business in a log.
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
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        detail = "the PDF is encrypted"
        return [ReadDocument(flags=(InvoiceFlag.ENCRYPTED_PDF,), detail=detail)]
    documents: list[ReadDocument] = []
    contents: set[bytes] = set()
    left = MAX_DECODED_BYTES
    for name, content in _files(reader):
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


def _files(reader: "PdfReader") -> Iterator[tuple[str, bytes]]:
    """The embedded files with their names, each stream once. Raises _TooMuchError."""
    from pypdf.generic import DictionaryObject, StreamObject  # noqa: PLC0415

    seen: set[int] = set()
    for specification in _specifications(reader):
        name = str(specification.get("/UF") or specification.get("/F") or _UNNAMED)
        name = one_visible_line(name)[:_MAX_NAME_CHARS] or _UNNAMED
        streams = _resolved(specification.get("/EF"))
        if not isinstance(streams, DictionaryObject):
            continue  # a file elsewhere
        for key in ("/F", "/UF"):
            stream = _resolved(streams.get(key))
            if stream is None or id(stream) in seen:
                continue
            if not isinstance(stream, StreamObject):
                raise _DamagedError("an embedded file has no content")
            seen.add(id(stream))
            if len(seen) > MAX_FILES:
                raise _TooMuchError(f"the PDF has more than {MAX_FILES} embedded files")
            yield name, stream.get_data()


def _specifications(reader: "PdfReader") -> "Iterator[DictionaryObject]":
    """The file specifications of a document, some perhaps twice."""
    from pypdf.generic import ArrayObject, DictionaryObject  # noqa: PLC0415

    catalog = reader.root_object
    names = _resolved(catalog.get("/Names"))
    candidates: list[PdfObject | None] = []
    if isinstance(names, DictionaryObject):
        candidates += _name_tree(_resolved(names.get("/EmbeddedFiles")))
    associated = _resolved(catalog.get("/AF"))
    candidates += (
        associated[: MAX_FILES + 1] if isinstance(associated, ArrayObject) else [associated]
    )
    candidates += _page_attachments(reader)
    for candidate in candidates:
        specification = _resolved(candidate)
        if isinstance(specification, DictionaryObject):
            yield specification


def _name_tree(root: "PdfObject | None") -> "list[PdfObject | None]":
    """The values of a name tree (7.9.6), each node once. Raises _TooMuchError."""
    from pypdf.generic import ArrayObject, DictionaryObject  # noqa: PLC0415

    values: list[PdfObject | None] = []
    nodes = [root]
    seen: set[int] = set()
    while nodes:
        node = _resolved(nodes.pop())
        if not isinstance(node, DictionaryObject):
            continue
        if id(node) in seen:
            raise _DamagedError("a node of a tree is its own relative")
        seen.add(id(node))
        kids, names = _resolved(node.get("/Kids")), _resolved(node.get("/Names"))
        if isinstance(names, ArrayObject):
            values += names[1 : 2 * MAX_FILES + 3 : 2]
        if isinstance(kids, ArrayObject):
            nodes += reversed(kids[: MAX_NODES + 1])
        if len(seen) > MAX_NODES or len(nodes) > 2 * MAX_NODES or len(values) > MAX_FILES:
            raise _TooMuchError(f"the PDF has more than {MAX_FILES} embedded files")
    return values


def _page_attachments(reader: "PdfReader") -> "Iterator[PdfObject | None]":
    """The files of the annotations on the first pages (12.5.6.15)."""
    from pypdf.generic import ArrayObject, DictionaryObject  # noqa: PLC0415

    left = MAX_ANNOTATIONS
    for page in _first_pages(_resolved(reader.root_object.get("/Pages"))):
        annotations = _resolved(page.get("/Annots"))
        if not isinstance(annotations, ArrayObject):
            continue
        for reference in annotations[:left]:
            annotation = _resolved(reference)
            if isinstance(annotation, DictionaryObject) and annotation.get("/FS") is not None:
                yield annotation.get("/FS")
        left -= len(annotations[:left])


def _first_pages(root: "PdfObject | None") -> "Iterator[DictionaryObject]":
    """The first pages of a page tree (7.7.3), each node once, in their order."""
    from pypdf.generic import ArrayObject, DictionaryObject  # noqa: PLC0415

    nodes, pages = [root], 0
    seen: set[int] = set()
    while nodes and len(seen) < MAX_NODES and pages < MAX_PAGES:
        node = _resolved(nodes.pop())
        if not isinstance(node, DictionaryObject):
            continue
        kids = _resolved(node.get("/Kids"))
        if id(node) in seen and kids is not None:
            raise _DamagedError("a node of a tree is its own relative")
        seen.add(id(node))
        if isinstance(kids, ArrayObject):
            nodes += reversed(kids[:MAX_PAGES])
        else:
            pages += 1
            yield node


def _resolved(value: "PdfObject | None") -> "PdfObject | None":
    """What a reference points to. Raises what pypdf raises, also for references in a circle."""
    return None if value is None else value.get_object()
