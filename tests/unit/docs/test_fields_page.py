"""docs/fields.md matches the code: its settings are valid, and its values, types and
flags exist.
"""

import re
from pathlib import Path
from typing import get_args

from schemas.flags import InvoiceFlag
from services.runtime.settings import load_settings
from services.runtime.settings.case_fields import INVOICE_VALUES, FieldType, SourceKind

PAGE = (Path(__file__).parents[3] / "docs" / "fields.md").read_text(encoding="utf-8")
_REST = """
[broker]
url = "amqp://127.0.0.1"
[store]
url = "mongodb://127.0.0.1"
[server.corp]
protocol = "imap"
host = "mail.example.com"
[[process.invoices.stage]]
name = "new"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_env = "PASSWORD"
"""


def _first_cells(heading: str) -> set[str]:
    """The words in code style in the first column of the table below a heading."""
    section = PAGE.partition(f"# {heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_the_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "mailcase.toml"
    file.write_text(example + _REST, encoding="utf-8")
    settings = load_settings(file, {})
    names = [field.name for field in settings.processes["invoices"].fields]
    assert names[:2] == ["number", "seller_tax_id"]


def test_every_source_type_value_and_flag_is_on_the_page() -> None:
    assert _first_cells("Sources") == set(get_args(SourceKind))
    assert _first_cells("Types") == set(get_args(FieldType))
    assert _first_cells("Invoices") - {"value"} >= set(INVOICE_VALUES)
    assert _first_cells("Flags") == {flag.value for flag in InvoiceFlag}
