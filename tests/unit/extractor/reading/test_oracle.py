"""An independent reader finds the same values, in generated invoices and in its own examples.

The oracle (`tests/invoices/oracle.py`) runs in a separate process, with factur-x, drafthorse and
ksef-client.
"""

import json
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import Invoice
from tests.invoices.documents import FORMATS, generate

ORACLE = Path(__file__).parents[3] / "invoices" / "oracle.py"
COUNT = 250
PACKAGES = ("drafthorse", "factur-x", "ksef-client")
NAMES = (
    "number", "issued", "kind", "currency", "due", "seller_name", "seller_tax_id", "buyer_name",
    "buyer_tax_id", "net", "tax", "gross", "payable", "account", "order",
)  # fmt: skip


def ask_oracle(files: list[Path]) -> dict[Path, list[dict[str, Any]]]:
    """What the oracle reads in each file."""
    program = [sys.executable, str(ORACLE), *map(str, files)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    return {Path(answer["file"]): answer["invoices"] for answer in answers}


def ask_product(file: Path) -> list[Invoice]:
    documents = read_documents(file.name, "", file.read_bytes())
    return [document.invoice for document in documents if document.invoice is not None]


def values_of(invoice: Invoice) -> dict[str, Any]:
    values = invoice.values()
    found: dict[str, Any] = {name: values[name].text if name in values else None for name in NAMES}
    return found | {"corrects": [earlier.number for earlier in invoice.corrects]}


def test_the_oracle_agrees_on_every_value_of_generated_invoices(tmp_path: Path) -> None:
    files = []
    for position, document in enumerate(generate(COUNT, seed=23)):
        files.append(tmp_path / f"{position:03}{Path(document.name).suffix}")
        files[-1].write_bytes(document.data)
    answers = ask_oracle(files)
    formats = set()
    for file in files:
        (invoice,) = ask_product(file)
        (answer,) = answers[file]
        assert answer["mistake"] in (None, ""), f"{file.name} is not valid by its schema"
        assert invoice.format == answer["format"]
        assert values_of(invoice) == answer["values"], file.name
        formats.add(invoice.format)
    assert formats == set(FORMATS)


@pytest.mark.slow
def test_the_oracle_agrees_on_every_example_file_of_its_packages(tmp_path: Path) -> None:
    wanted = [f"{package}=={version(package)}" for package in PACKAGES]
    options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "download", *options, *wanted]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.skip(f"the packages cannot be downloaded: {ran.stderr.splitlines()[-1:]}")
    for archive in tmp_path.glob("*.tar.gz"):
        with tarfile.open(archive) as opened:
            opened.extractall(tmp_path, filter="data")
    files = [*tmp_path.rglob("*.xml"), *tmp_path.rglob("*.pdf")]
    answers = ask_oracle(files)
    agreed = 0
    for file in files:
        invoices = ask_product(file)
        assert [invoice.format for invoice in invoices] == [a["format"] for a in answers[file]]
        for invoice, answer in zip(invoices, answers[file], strict=True):
            assert values_of(invoice) == answer["values"], file.name
            agreed += 1
    assert agreed >= 8
