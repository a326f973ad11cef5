"""The fields of a process as the settings declare them: their types, and their sources in mails."""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.runtime.settings.fields import Name, Sender, Text

FieldType = Literal[
    "text", "number", "money", "date", "choice", "bool", "email", "nip", "iban", "ksef"
]
SourceKind = Literal["invoice", "line", "subject", "sender", "plus", "mailbox", "header"]
Who = Literal["anyone", "participants", "authenticated", "listed"]
When = Literal["opening", "reply", "both"]
# The values of an electronic invoice; docs/settings.md explains each with its business term of EN
# 16931.
InvoiceValue = Literal[
    "number",
    "issued",
    "kind",
    "currency",
    "due",
    "seller_name",
    "seller_tax_id",
    "buyer_name",
    "buyer_tax_id",
    "net",
    "tax",
    "gross",
    "payable",
    "account",
    "order",
    "corrects",
    "ksef_number",
    "ksef_link",
]
INVOICE_VALUES: tuple[str, ...] = get_args(InvoiceValue)

_HASH_CHARS = 16

HeaderName = Annotated[
    str,
    Meta(
        pattern=r"\A[!-9;-~]{1,78}\Z",
        description="the name of a header without its colon, such as X-Department",
    ),
]


class FieldSource(
    # Defaults stay out of the hash of a rule: it does not change when this struct grows.
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """One place in a mail from which a field's value is read."""

    source: SourceKind
    # For an invoice.
    value: InvoiceValue | None = None
    # For a line: the text before its colon.
    keys: tuple[Text, ...] = ()
    # For a subject: literal text with typed placeholders, such as "faktura {text} z {date}".
    pattern: Text | None = None
    # For a header, and the mail server that sets it.
    header: HeaderName | None = None
    server: Text | None = None
    # From what was found (an address, a tag, a mailbox's name, a header's text) to the value.
    map: dict[Text, Text] = {}
    # Whose replies may set the field.
    who: Who = "participants"
    # The senders of `who = "listed"`.
    listed: tuple[Sender, ...] = ()
    # None: `opening` for sources whose value a reply must not change, `both` for others.
    when: When | None = None

    def effective_when(self, kind: FieldType) -> When:
        """`when`, or its default for a field of this type."""
        if self.when is not None:
            return self.when
        if self.source == "line":
            return "opening" if kind in {"iban", "money"} else "both"
        return "both" if self.source in {"invoice", "subject"} else "opening"


class Field(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"sources": "from"}
):
    """A typed value that the cases of a process have. Once built, `title` is the name if none
    was given.
    """

    name: Name
    title: Text = ""
    type: FieldType = "text"
    # The values of a choice.
    choices: tuple[Text, ...] = ()
    # Stages that cannot be entered without it.
    required_for: tuple[Name, ...] = ()
    # Contains personal data: it is removed when a person's data is erased.
    personal: bool = False
    # Other fields; a case with the same values of all of them is a duplicate.
    unique_with: tuple[Name, ...] = ()
    # In order of precedence.
    sources: tuple[FieldSource, ...] = ()

    def __post_init__(self) -> None:
        if not self.title:
            force_setattr(self, "title", self.name)

    def rules(self) -> Iterator[tuple[str, FieldSource]]:
        """Each source with the hash of its rule, in order of precedence."""
        for source in self.sources:
            yield rule_hash(self, source), source


def rule_hash(field: Field, source: FieldSource) -> str:
    """16 hex digits, which stay the same as long as the rule reads the same value from the same
    mail.

    Titles, and which fields a stage requires, do not count.
    """
    rule = [field.name, field.type, sorted(field.choices), msgspec.to_builtins(source)]
    encoded = msgspec.json.encode(rule, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:_HASH_CHARS]
