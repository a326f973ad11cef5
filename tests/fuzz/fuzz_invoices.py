"""Feeds random bytes to the reader of invoices: mutations of XML and PDF in every format.

    PYTHONPATH=. .venv/bin/python tests/fuzz/fuzz_invoices.py SECONDS [--seed N]

For any bytes, reading ends, raises nothing, and takes no value that ElementTree of the standard
library does not find at the same place. The first input that breaks one of these promises is
written to a file, whose name is printed, and the run ends with status 1.
"""

import random
import re
import time
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import Invoice, ReadDocument
from services.extractor.reading.lines import head_lines
from services.extractor.reading.pdf import is_pdf
from services.extractor.reading.subjects import compile_pattern
from tests.fuzz.program import GoesOn, kept_if_it_fails, run
from tests.invoices.documents import FORMATS, make

MAX_SECONDS = 5.0
_MAX_BYTES = 200_000
_MONEY = re.compile(r"-?[0-9]+\.[0-9]{2,} [A-Z]{3}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SUBJECT = compile_pattern("invoice {text} of {date} over {money}")
PIECES = (
    b"<", b">", b"/>", b"</", b"&", b"&#0;", b"&#x31;", b"&amp;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?a", b"?>",
    b"<!DOCTYPE a [<!ENTITY b \"1\">]>", b"&b;", b"<a>" * 70, b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"xmlns=\"\"",
    b"<P_15>1</P_15>", b"<P_2>", b"<Fa>", b"</Fa>", b"<cbc:ID>x</cbc:ID>", b"<ram:ID>", b"currencyID=\"USD\"",
    b"format=\"103\"", b"schemeID=\"VA\"", b"1e9", b"-", b"NaN", b"99999999999999999999999", b"encoding=\"utf-7\"",
    b"/Names", b"/Kids[1 0 R]", b"1 0 R", b"endobj", b"stream", b"endstream", b"/Filter/FlateDecode",
    b"/Length 99999999", b"<<", b">>", b"[", b"(", b"xref\n0 9999999\n", b"trailer", b"startxref\n0\n",
    b"/Encrypt 1 0 R", b"\n: ", b"a: b\n",
)  # fmt: skip


class BrokenPromiseError(AssertionError):
    """The reading of a file broke a promise that holds for any bytes."""


def check(data: bytes) -> list[ReadDocument]:
    """Read a file and check all promises. Raises BrokenPromiseError; any other exception breaks a
    promise too.
    """
    started = time.process_time()  # of this process, so that a busy machine does not count
    documents = read_documents("a", "", data)
    text = data.decode("utf-8", "replace")
    head_lines(text)
    _SUBJECT.find(text[:400], "text")
    if time.process_time() - started > MAX_SECONDS:
        raise BrokenPromiseError("reading took too long")
    for document in documents:
        if document.invoice is None and not document.flags:
            raise BrokenPromiseError("nothing taken and no reason given")
        if document.invoice is not None:
            _check_forms(document.invoice)
            if not is_pdf(data):
                _check_against_element_tree(document.invoice, data)
    return documents


def _check_forms(invoice: Invoice) -> None:
    for name, value in invoice.values().items():
        if value.text != " ".join(value.text.split()) or not value.text or not value.path:
            raise BrokenPromiseError(f"{name} is not one clean line: {value}")
        value.text.encode()
        if name in {"net", "tax", "gross", "payable"} and not _MONEY.fullmatch(value.text):
            raise BrokenPromiseError(f"{name} is no amount: {value}")
        if name in {"issued", "due"} and not _DATE.fullmatch(value.text):
            raise BrokenPromiseError(f"{name} is no date: {value}")


def _check_against_element_tree(invoice: Invoice, data: bytes) -> None:
    """Check that another reader finds each value at its path."""
    root = ET.fromstring(data)
    for name in ("number", "kind", "currency", "seller_tax_id", "order"):
        value = invoice.values().get(name)
        if value is None or " + " in value.path or value.path.count("/") < 2:
            continue
        steps = re.sub(r"/([\w]+)", r"/{*}\1", "/" + value.path.split("/", 2)[2])
        found = {" ".join("".join(node.itertext()).split()) for node in root.findall(f".{steps}")}
        if value.text not in found:
            raise BrokenPromiseError(f"{name} {value} is not in {found}")


def mutate(random_: random.Random, pool: Sequence[bytes]) -> bytes:
    """A file made from one or two files of the pool by cuts, swaps, repetitions and insertions."""
    data = random_.choice(pool)
    for _ in range(random_.choice((1, 1, 2, 4))):
        start = random_.randint(0, len(data))
        end = min(len(data), start + random_.choice((0, 1, 4, 30, 300)))
        other = random_.choice(pool)
        place = random_.randint(0, len(other))
        new = random_.choice(
            (
                b"",
                random_.choice(PIECES),
                random_.choice(PIECES) * random_.choice((2, 100)),
                data[start:end] * 3,
                bytes([random_.randrange(256)]),
                other[place : place + 200],
            )
        )
        data = data[:start] + new + data[end:]
    return data[:_MAX_BYTES]


def seeds() -> list[bytes]:
    """A small XML file and a small PDF in every format."""
    random_ = random.Random(1)
    return [
        make(name, random_, lines=2, as_pdf=pdf).data for name in FORMATS for pdf in (False, True)
    ]


def fuzz(goes_on: GoesOn, seed: int) -> tuple[int, int]:
    """Read mutated files while `goes_on(count)` holds. Returns how many were read, and how many
    gave an invoice.
    """
    random_, pool = random.Random(seed), seeds()
    count = taken = 0
    while goes_on(count):
        data = mutate(random_, pool)
        count += 1
        with kept_if_it_fails(data, f"fuzz-invoices-{seed}-{count}.bin"):
            taken += any(document.invoice is not None for document in check(data))
    return count, taken


def _run(goes_on: GoesOn, seed: int) -> str:
    count, taken = fuzz(goes_on, seed)
    return f"{count} files read, {taken} of them as invoices"


if __name__ == "__main__":
    run(__doc__, "invoices", _run)
