"""Invoices as files: every format, as XML in several spellings and embedded in a PDF."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.invoices import cii, ksef, ubl
from tests.invoices.facts import Facts, random_facts
from tests.invoices.pdf import embed

FORMATS = ("ksef-fa2", "ksef-fa3", "ubl-invoice", "ubl-credit-note", "cii")
KINDS = {
    "ksef-fa2": ("invoice", "invoice", "correction"),
    "ksef-fa3": ("invoice", "invoice", "correction"),
    "ubl-invoice": ("invoice", "invoice", "correction"),
    "ubl-credit-note": ("credit",),
    "cii": ("invoice", "invoice", "credit", "correction"),
}
_EMBEDDED_NAMES = (
    "factur-x.xml",
    "ZUGFeRD-invoice.xml",
    "xrechnung.xml",
    "faktura.xml",
    "dane.bin",
)


@dataclass(frozen=True)
class Document:
    """A file, the XML in it, and the facts that it states."""

    name: str
    content_type: str
    data: bytes
    xml: bytes
    format: str
    facts: Facts

    @property
    def is_pdf(self) -> bool:
        return self.content_type == "application/pdf"


def markup(facts: Facts, format_: str) -> str:
    """The XML of an invoice, without a declaration."""
    if format_.startswith("ksef"):
        return ksef.write(facts, int(format_[-1]))
    return cii.write(facts) if format_ == "cii" else ubl.write(facts)


def encode(text: str, random_: random.Random) -> bytes:
    """Encode the XML as some programs do: in several encodings, indented or not, with or without a
    byte order mark.
    """
    if random_.random() < 0.5:
        text = re.sub(r"(</[^>]+>)(?=<)", "\\1\n  ", text)
    encoding = random_.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"))
    declared = "UTF-16" if encoding == "utf-16" else "UTF-8"
    note = random_.choice(("", "\n<!-- made for a test -->\n"))
    declaration = f'<?xml version="1.0" encoding="{declared}"?>{note}'
    if encoding != "utf-16" and random_.random() < 0.2:
        declaration = ""
    return (declaration + text).encode(encoding)


def make(
    format_: str, random_: random.Random, *, lines: int | None = None, as_pdf: bool = False
) -> Document:
    """A random invoice in a format."""
    facts = random_facts(random_, lines=lines, kind=random_.choice(KINDS[format_]))
    xml = encode(markup(facts, format_), random_)
    if not as_pdf:
        return Document("invoice.xml", "application/xml", xml, xml, format_, facts)
    files = [
        (random_.choice(_EMBEDDED_NAMES), xml),
        ("terms.txt", b"terms"),
        ("order.xml", b"<order/>"),
    ]
    random_.shuffle(files)
    return Document("invoice.pdf", "application/pdf", embed(*files), xml, format_, facts)


def generate(count: int, seed: int = 17) -> Iterator[Document]:
    """`count` invoices in all formats in turn; every third is in a PDF, every fiftieth has 1,000
    lines.
    """
    random_ = random.Random(seed)
    for position in range(count):
        lines = 1000 if position % 50 == 49 else None
        yield make(FORMATS[position % len(FORMATS)], random_, lines=lines, as_pdf=position % 3 == 2)
