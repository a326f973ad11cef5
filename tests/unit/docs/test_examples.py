"""The programs in docs/examples can be imported, and the mails have the invoices of the demo."""

import email
import importlib.util
import sys
from pathlib import Path

import pytest

from services.cli.demo import invoices
from services.cli.demo.files import pdf
from services.cli.demo.invoices import PAPER, POSTERS, PRINTING

FOLDER = Path(__file__).parents[3] / "docs" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
ATTACHED = {
    "fa3.eml": invoices.fa3(PRINTING),
    "factur-x.eml": pdf("Invoice INV-2041", ("factur-x.xml", invoices.cii(PAPER))),
    "sent-again.eml": invoices.ubl(PRINTING),
    "other-account.eml": invoices.fa3(POSTERS),
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_can_be_imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)


@pytest.mark.parametrize("name", ATTACHED)
def test_a_mail_of_the_tutorial_has_its_invoice(name: str) -> None:
    mail = email.message_from_bytes((FOLDER / "invoices" / name).read_bytes())
    (attached,) = (part for part in mail.walk() if part.get_filename())
    assert attached.get_payload(decode=True) == ATTACHED[name]
    assert {file.name for file in (FOLDER / "invoices").iterdir()} == set(ATTACHED)
