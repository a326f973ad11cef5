"""Cases, processes and actors for the tests of casework."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from schemas.changes import Actor, Change, What, change_id
from schemas.stored import Case, Person
from services.casework.actors import ActingAs
from services.casework.decisions.situation import CommentInfo, Situation
from services.runtime.settings import Access, Field, Process, Stage

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
ANNA = Actor(kind="person", id="anna@office.example", name="Anna")

INVOICES = Process(
    name="invoices",
    title="Invoices",
    stages=(
        Stage(name="registration", initial=True, next=("approval",), due_after="2d"),
        Stage(name="approval", next=("paid", "registration"), roles=("approver",)),
        Stage(name="paid", final=True, next=("registration",)),
    ),
    access=(
        Access(role="worker", users=("anna@office.example",)),
        Access(role="approver", groups=("accounting",)),
        Access(role="manager", users=("Maria@office.example",)),
        Access(role="reader", users=("rita@office.example",)),
    ),
    fields=(
        Field(name="invoice_number", required_for=("approval",)),
        Field(name="gross", type="money"),
        Field(name="paid_at", type="date"),
        Field(name="cost_center", type="choice", choices=("office", "fleet")),
    ),
)
HELP = Process(
    name="help",
    title="Help",
    stages=(Stage(name="new", initial=True, next=("done",)), Stage(name="done", final=True)),
    access=(Access(role="worker", users=("anna@office.example",)),),
)
PROCESSES: Mapping[str, Process] = {"invoices": INVOICES, "help": HELP}

WORKER = ActingAs(ANNA)
APPROVER = ActingAs(Actor(kind="person", id="adam@office.example"), groups=("accounting",))
MANAGER = ActingAs(Actor(kind="person", id="maria@office.example"))
READER = ActingAs(Actor(kind="person", id="rita@office.example"))
STRANGER = ActingAs(Actor(kind="person", id="eve@elsewhere.example"))
OPERATOR = ActingAs(Actor(kind="person", id="root"), everything=True)


def case(number: int = 235, **changes: Any) -> Case:
    plain = Case(
        number=number,
        process="invoices",
        stage="registration",
        status="open",
        title="Invoice 12/2026",
        mailbox="invoices",
        opened_at=NOW,
        updated_at=NOW,
        opened_by=Person("Jan", "jan@supplier.example"),
        participants=["jan@supplier.example"],
        comment_count=1,
        attachment_count=0,
        revision=1,
        stage_since=NOW,
    )
    return structs.replace(plain, **changes)


def situation(subject: Case | None = None, acting: ActingAs = WORKER, **more: Any) -> Situation:
    return Situation(case=subject or case(), processes=PROCESSES, acting=acting, now=NOW, **more)


def change(subject: Case, what: What, **more: Any) -> Change:
    """The next change of a case."""
    revision = subject.revision + 1
    fields: dict[str, Any] = {"at": NOW, "actor": ANNA, "process": subject.process} | more
    return Change(
        id=change_id(subject.number, revision),
        case=subject.number,
        revision=revision,
        what=what,
        **fields,
    )


def mail_comment(name: str, at: datetime = NOW, kind: str = "mail") -> CommentInfo:
    return CommentInfo(id=name, kind=kind, at=at, subject=f"Subject of {name}")
