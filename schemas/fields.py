"""Messages of the extractor: the command to read a mail, and the report to the case writer."""

import msgspec

from schemas.mails import Moment, Word


class ReadValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value for `field` in the normal form of its type, as one rule read it.

    `source` is the kind of source in the settings, `evidence` is its place (the file and the
    element's path, or the line), and `rule` is the hash of the rule.
    """

    field: str
    value: str | bool
    source: str
    evidence: str
    rule: str


class CorrectedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier invoice that an invoice corrects. A part that is not stated is None."""

    number: str | None = None
    ksef_number: str | None = None


class InvoiceRead(msgspec.Struct, frozen=True, kw_only=True):
    """The values that identify an invoice in any format. A missing part is None.

    `xml_sha256` is the digest of its XML; `accounts` are the accounts for its payment. `corrects`
    are the first hundred invoices that it corrects.
    """

    xml_sha256: str
    format: str = ""
    seller: str | None = None
    kind: str | None = None
    number: str | None = None
    ksef_number: str | None = None
    accounts: list[str] = []
    is_correction: bool = False
    corrects: list[CorrectedInvoice] = []


class FieldsRead(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="FieldsRead.v1"):
    """Everything that the rules of `process` read in the mail; routing key `fields.<process>` on
    the exchange `mailcase.case`.

    `values` are in the order of precedence of their rules: for each field, the first value that the
    mail may set counts. `flags` are values of `schemas.flags`. `complete` is false if a limit ended
    the reading, so that values may be missing. The case is the one that contains the mail when this
    is recorded.
    """

    mail_key: Word
    process: Word
    at: Moment
    values: list[ReadValue] = []
    flags: list[str] = []
    invoices: list[InvoiceRead] = []
    complete: bool = True


class ReadFields(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ReadFields.v1"):
    """Read the fields of a recorded mail again, since the rules may have changed; queue
    `extractor.work`.
    """

    mail_key: Word
