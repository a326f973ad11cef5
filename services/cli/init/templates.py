"""The processes that `init` offers. Pure."""

from dataclasses import dataclass, field

INVOICES = "invoices"
HELP_CENTER = "help-center"
OWN = "own"


@dataclass(frozen=True)
class StageDraft:
    """A stage; `next` are names, and an empty one ends the process (`final`)."""

    name: str
    title: str
    next: tuple[str, ...] = ()
    due_after: str = ""


@dataclass(frozen=True)
class FieldDraft:
    """A field of a process."""

    name: str
    title: str
    type: str


@dataclass(frozen=True)
class Template:
    """A template of a process."""

    label: str
    name: str
    title: str
    stages: tuple[StageDraft, ...]
    fields: tuple[FieldDraft, ...] = field(default=())


TEMPLATES = {
    INVOICES: Template(
        "invoices: registration, approval, payment, paid",
        "invoices",
        "Cost invoices",
        (
            StageDraft("registration", "Registration", ("approval",), "2d"),
            StageDraft("approval", "Approval", ("payment", "registration"), "3d"),
            StageDraft("payment", "Payment", ("paid", "approval")),
            StageDraft("paid", "Paid"),
        ),
        (
            FieldDraft("invoice_number", "Invoice number", "text"),
            FieldDraft("seller_tax_id", "Tax number of the seller", "text"),
            FieldDraft("amount", "Amount to pay", "money"),
            FieldDraft("payment_due", "Payment due", "date"),
        ),
    ),
    HELP_CENTER: Template(
        "help center: new, in progress, waiting, solved",
        "help-center",
        "Help center",
        (
            StageDraft("new", "New", ("in-progress", "solved"), "1d"),
            StageDraft("in-progress", "In progress", ("waiting", "solved"), "3d"),
            StageDraft("waiting", "Waiting for the customer", ("in-progress", "solved")),
            StageDraft("solved", "Solved"),
        ),
    ),
}


def chain(names: list[str]) -> tuple[StageDraft, ...]:
    """Consecutive stages. The last one ends the process, and each may go back by one."""
    stages = []
    for position, name in enumerate(names):
        after = names[position + 1 : position + 2]
        before = names[position - 1 : position] if 0 < position < len(names) - 1 else []
        stages.append(
            StageDraft(
                name, name.replace("-", " ").replace("_", " ").capitalize(), (*after, *before)
            )
        )
    return tuple(stages)
