"""Small files for the attachments of the demo."""

import struct
import zlib


def pdf(text: str, embedded: tuple[str, bytes] | None = None) -> bytes:
    """A page with a line on it; `embedded` is the name and content of a file within the PDF."""
    content = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
    names = b"" if embedded is None else b"/Names << /EmbeddedFiles << /Names [(1) 5 0 R] >> >> "
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s>>" % names,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
        ),
        _stream(content),
    ]
    if embedded is not None:
        name = embedded[0].encode("ascii")
        objects += [
            b"<< /Type /Filespec /F (%s) /UF (%s) /AFRelationship /Data /EF << /F 6 0 R >> >>"
            % (name, name),
            _stream(embedded[1], b"/Type /EmbeddedFile /Subtype /text#2Fxml "),
        ]
    return _written(objects)


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s/Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def _written(objects: list[bytes]) -> bytes:
    body = b"%PDF-1.4\n"
    offsets = []
    for number, pdf_object in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, pdf_object)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(body),
    )
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + trailer


def png() -> bytes:
    """A square of one color."""
    side = 16
    rows = b"".join(b"\0" + bytes((200, 90, 60)) * side for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
