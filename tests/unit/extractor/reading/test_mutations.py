"""An invoice has the same values however it is written."""

from pathlib import Path

import pytest

from services.extractor.reading.documents import read_documents
from tests.invoices.mutations import mutated
from tests.unit.extractor.reading.test_generated import expected
from tests.unit.extractor.reading.test_oracle import ask_oracle, ask_product, values_of


def test_another_spelling_changes_no_value() -> None:
    for one in mutated(150):
        document = one.document
        (found,) = read_documents(document.name, document.content_type, document.data)
        assert found.invoice is not None, (found.detail, one.mutations)
        values = {name: value.text for name, value in found.invoice.values().items()}
        values.pop("ksef_link", None)
        assert values == expected(document), one.mutations
        several = document.format.startswith("ksef") and len(document.facts.due) > 1
        assert [*found.flags] == (["several-values"] if several else []), one.mutations


@pytest.mark.slow
def test_the_oracle_agrees_on_every_spelling(tmp_path: Path) -> None:
    """The oracle keeps time zones of dates, and line breaks."""
    files = {}
    for position, one in enumerate(mutated(500, seed=31)):
        files[tmp_path / f"{position:03}.xml"] = one
    for file, one in files.items():
        file.write_bytes(one.document.data)
    answers = ask_oracle([*files])
    for file, one in files.items():
        (invoice,) = ask_product(file)
        (answer,) = answers[file]
        theirs = {
            name: " ".join(value.split()) if isinstance(value, str) else value
            for name, value in answer["values"].items()
        }
        theirs["corrects"] = [" ".join(number.split()) for number in theirs["corrects"]]
        for name in ("issued", "due"):
            theirs[name] = theirs[name] and theirs[name][:10]
        assert values_of(invoice) == theirs, one.mutations
