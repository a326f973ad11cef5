"""Finds the structured invoices in a file: in XML, and in the files embedded in a PDF."""

from services.extractor.reading.invoice import ReadDocument
from services.extractor.reading.pdf import is_pdf, read_pdf
from services.extractor.reading.xml_document import is_xml, read_xml_document


def read_documents(name: str, content_type: str, data: bytes) -> list[ReadDocument]:
    """The invoices in an attachment, and files that look like one but were not accepted.

    Only the content decides the format: `name` and `content_type` are from the mail and may be
    wrong.
    """
    del content_type
    if is_pdf(data):
        return read_pdf(data)
    if is_xml(data):
        document = read_xml_document(data, name=name)
        return [] if document is None else [document]
    return []
