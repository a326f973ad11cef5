"""PDF files with embedded files, made by pypdf."""

import io

from pypdf import PdfWriter


def embed(*files: tuple[str, bytes]) -> bytes:
    """A PDF of one empty page with these files, by name and content."""
    writer = PdfWriter()
    writer.add_blank_page(width=595, height=842)
    for name, content in files:
        writer.add_attachment(name, content)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
