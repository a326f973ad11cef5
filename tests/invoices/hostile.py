"""Files made to break a reader of invoices, by what they do. None of them has a value to take."""

# ruff: noqa: PLW0108 - the form without lambda makes every file at import

import io
import struct
import zlib
from collections.abc import Callable

from pypdf import PdfWriter

from tests.invoices.ksef import NAMESPACES
from tests.invoices.pdf import embed

_FA3 = NAMESPACES[3]
_HEAD = f'<Faktura xmlns="{_FA3}"><Fa><P_2>FV/1</P_2>'
_END = "</Fa></Faktura>"
_GIGABYTE = 1_000_000_000


def _billion_laughs() -> bytes:
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
    )
    return f"<!DOCTYPE Faktura [{entities}]><Faktura xmlns='{_FA3}'><Fa><P_2>&a11;</P_2></Fa></Faktura>".encode()


def _doctype(encoding: str, declared: str) -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{declared}"?><!DOCTYPE Faktura [<!ENTITY n "FV/2">]>'
        f'<Faktura xmlns="{_FA3}"><Fa><P_2>&n;</P_2></Fa></Faktura>'
    )
    return text.encode(encoding)


def _corrected(count: int) -> bytes:
    one = "<DaneFaKorygowanej><NrFaKorygowanej>1</NrFaKorygowanej></DaneFaKorygowanej>"
    return f"{_HEAD}{one * count}{_END}".encode()


XML: dict[str, Callable[[], bytes]] = {
    "doctype in UTF-8": lambda: _doctype("utf-8", "UTF-8"),
    "doctype in UTF-8 with a mark": lambda: _doctype("utf-8-sig", "UTF-8"),
    "doctype in UTF-16": lambda: _doctype("utf-16", "UTF-16"),
    "doctype in UTF-16 big-endian": lambda: _doctype("utf-16-be", "UTF-16"),
    "doctype in UTF-16 without a mark": lambda: _doctype("utf-16-le", "UTF-16"),
    "doctype in windows-1250": lambda: _doctype("cp1250", "windows-1250"),
    "doctype in UTF-32": lambda: _doctype("utf-32", "UTF-32"),
    "doctype in UTF-7": lambda: _doctype("ascii", "UTF-7"),
    "doctype in EBCDIC": lambda: _doctype("cp037", "IBM037"),
    "billion laughs": _billion_laughs,
    "external entity": lambda: (
        b'<!DOCTYPE Faktura [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + _HEAD.encode() + b"&a;"
    ),
    "doctype under another name": lambda: (
        b'<!DOCTYPE html [<!ENTITY a "1">]>' + f"{_HEAD}{_END}".encode()
    ),
    "200,000 levels": lambda: (_HEAD + "<a>" * 200_000).encode(),
    "200,000 levels, closed": lambda: (_HEAD + "<a>" * 200_000 + "</a>" * 200_000 + _END).encode(),
    "50,000 corrected invoices": lambda: _corrected(50_000),
    "35,000 corrected invoices within the size": lambda: _corrected(35_000),
    "700,000 elements": lambda: (_HEAD + "<a/>" * 700_000 + _END).encode(),
    "400,000 attributes": lambda: (
        f'<Faktura xmlns="{_FA3}" ' + " ".join(f'a{n:x}=""' for n in range(300_000)) + "/>"
    ).encode(),
    "200,000 namespaces": lambda: (
        f'<Faktura xmlns="{_FA3}" ' + " ".join(f'xmlns:a{n:x}="b"' for n in range(170_000)) + "/>"
    ).encode(),
    "3 MB of text": lambda: (_HEAD + "<P_15>" + "1" * 2_900_000 + "</P_15>").encode(),
    "an unclosed comment": lambda: (_HEAD + "<!--" + "-" * 2_900_000).encode(),
    # As large as a mail may be at all by default.
    "35 MB": lambda: _HEAD.encode() + b" " * 35_000_000,
    "cut": lambda: _HEAD.encode(),
    "an undefined entity": lambda: (_HEAD + "<P_15>&a;</P_15>" + _END).encode(),
}


def pdf_of(objects: dict[int, bytes], *, root: int = 1) -> bytes:
    """A PDF with these objects and a cross-reference table."""
    data, offsets = bytearray(b"%PDF-1.7\n"), {}
    for number, content in objects.items():
        offsets[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start, size = len(data), max(objects) + 1
    data += b"xref\n0 %d\n" % size
    for number in range(size):
        data += b"%010d %05d %s \n" % (
            offsets.get(number, 0),
            0 if number in offsets else 65535,
            b"n" if number in offsets else b"f",
        )
    return bytes(data) + b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        root,
        start,
    )


def stream(content: bytes, *entries: bytes) -> bytes:
    """A stream object with these entries in its dictionary."""
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (b"".join(entries), len(content), content)


def _catalog(names: bytes = b"2 0 R") -> bytes:
    return b"<</Type/Catalog/Names<</EmbeddedFiles %s>>>>" % names


_SPECIFICATION = b"<</Type/Filespec/F(invoice.xml)/EF<</F 4 0 R>>>>"
_ONE_FILE = b"<</Names[(a)3 0 R]>>"


def _blanks(count: int) -> bytes:
    """This many spaces, compressed: one block, repeated. A reader never gets to the checksum."""
    compressor = zlib.compressobj(9)
    head = compressor.compress(b" " * 1_000_000) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(b" " * 1_000_000) + compressor.flush(zlib.Z_FULL_FLUSH)
    return head + block * (count // 1_000_000 - 1) + compressor.flush()


def _bomb(layers: int) -> bytes:
    content = _blanks(_GIGABYTE)
    for _ in range(layers - 1):
        content = zlib.compress(content, 9)
    filters = b"/Filter[%s]" % (b"/FlateDecode" * layers)
    return pdf_of({1: _catalog(), 2: _ONE_FILE, 3: _SPECIFICATION, 4: stream(content, filters)})


def _bomb_as_object_stream() -> bytes:
    """The stream that contains the catalog has 1 GB."""
    data = b"%PDF-1.7\n"
    first = len(data)
    entries = b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"
    data += b"4 0 obj\n%s\nendobj\n" % stream(_blanks(_GIGABYTE), entries)
    start = len(data)
    rows = (  # type, offset or object stream, generation or index
        (0, 0, 65535), (2, 4, 0), (0, 0, 0), (0, 0, 0), (1, first, 0), (1, start, 0)
    )  # fmt: skip
    table = b"".join(struct.pack(">BIH", *row) for row in rows)
    entries = b"/Type/XRef/W[1 4 2]/Size 6/Root 1 0 R"
    data += b"5 0 obj\n%s\nendobj\n" % stream(table, entries)
    return data + b"startxref\n%d\n%%%%EOF\n" % start


def _tables(count: int) -> bytes:
    """A file that was updated this many times."""
    data, before, start = bytearray(b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n"), b"", 0
    for _ in range(count):
        start = len(data)
        data += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 2/Root 1 0 R%s>>\n" % before
        before = b"/Prev %d" % start
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def _objects_in_a_stream(count: int) -> bytes:
    """The name tree is in one stream with many other objects, which a reader parses too."""
    heads = b"".join(b"%d %d " % (10 + n, 5 * n) for n in range(count))
    content = zlib.compress(heads + b"<<>> " * count, 9)
    entries = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (count, len(heads))
    data, offsets = bytearray(b"%PDF-1.7\n"), {}
    for number, item in ((1, _catalog(b"10 0 R")), (4, stream(content, entries))):
        offsets[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    start = len(data)
    offsets[5] = start
    rows = [(1, offsets[n], 0) if n in offsets else (0, 0, 0) for n in range(10)]
    rows += [(2, 4, n) for n in range(count)]
    table = zlib.compress(b"".join(struct.pack(">BII", *row) for row in rows), 9)
    entries = b"/Type/XRef/W[1 4 4]/Filter/FlateDecode/Size %d/Root 1 0 R" % len(rows)
    data += b"5 0 obj\n%s\nendobj\n" % stream(table, entries)
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def _encrypted() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=10, height=10)
    writer.add_attachment("factur-x.xml", f"{_HEAD}{_END}".encode())
    writer.encrypt("", "owner", algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _many_files(count: int) -> bytes:
    invoice = f"{_HEAD}{_END}".encode()
    objects = {1: _catalog()}
    names = b"".join(b"(%d)%d 0 R" % (n, 10 + 2 * n) for n in range(count))
    objects[2] = b"<</Names[%s]>>" % names
    for n in range(count):
        objects[10 + 2 * n] = b"<</Type/Filespec/F(%d.xml)/EF<</F %d 0 R>>>>" % (n, 11 + 2 * n)
        objects[11 + 2 * n] = stream(invoice)
    return pdf_of(objects)


PDF: dict[str, Callable[[], bytes]] = {
    "1 GB by compression": lambda: _bomb(1),
    "1 GB by compression, twice compressed": lambda: _bomb(2),
    "1 GB in the index of objects": _bomb_as_object_stream,
    "10,000 attachments": lambda: _many_files(10_000),
    "encrypted": _encrypted,
    "a doctype in an embedded file": lambda: embed(("factur-x.xml", _billion_laughs())),
    "a name tree that is its own child": lambda: pdf_of(
        {1: _catalog(), 2: b"<</Kids[2 0 R 2 0 R]>>"}
    ),
    "a reference to itself": lambda: pdf_of({1: _catalog(), 2: b"2 0 R"}),
    "references in a circle": lambda: pdf_of({1: _catalog(), 2: b"3 0 R", 3: b"2 0 R"}),
    "a file that is its own specification": lambda: pdf_of(
        {1: _catalog(), 2: _ONE_FILE, 3: b"<</F(a)/EF 3 0 R>>"}
    ),
    "a stream as long as itself": lambda: pdf_of(
        {
            1: _catalog(),
            2: _ONE_FILE,
            3: _SPECIFICATION,
            4: b"<</Length 4 0 R>>stream\nx\nendstream",
        }
    ),
    "200,000 levels of arrays": lambda: pdf_of({1: _catalog(), 2: b"[" * 200_000}),
    "200,000 levels of dictionaries": lambda: pdf_of({1: _catalog(), 2: b"<</A" * 200_000}),
    "a wide name tree": lambda: pdf_of(
        {1: _catalog(), 2: b"<</Kids[%s]>>" % (b"3 0 R " * 100_000), 3: b"<</Kids[2 0 R]>>"}
    ),
    "pages in a circle": lambda: pdf_of(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99999999>>",
        }
    ),
    "tables of objects in a circle": lambda: (
        b"%PDF-1.4\nxref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n"
    ),
    "20,000 tables of objects": lambda: _tables(20_000),
    "100,000 objects in a stream": lambda: _objects_in_a_stream(100_000),
    "a table of 2 billion objects": lambda: (
        b"%PDF-1.4\nxref\n0 2000000000\ntrailer\n<</Size 2000000000/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
    ),
    "pages that are their own children": lambda: pdf_of(
        {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Kids[3 0 R]>>", 3: b"<</Kids[2 0 R]>>"}
    ),
    "no objects": lambda: b"%PDF-1.7\n",
    "only objects, 20 MB": lambda: b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\n" * 900_000,
    "only numbers, 20 MB": lambda: b"%PDF-1.7\n" + b"1 " * 10_000_000,
    "20 filters": lambda: pdf_of(
        {
            1: _catalog(),
            2: _ONE_FILE,
            3: _SPECIFICATION,
            4: stream(b"00>" * 100_000, b"/Filter[%s]" % (b"/ASCIIHexDecode" * 20)),
        }
    ),
    "a damaged compressed file of 20 MB": lambda: pdf_of(
        {
            1: _catalog(),
            2: _ONE_FILE,
            3: _SPECIFICATION,
            4: stream(b"\x78\x9c" + b"\xff\x00" * 10_000_000, b"/Filter/FlateDecode"),
        }
    ),
}
