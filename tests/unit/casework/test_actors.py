"""Which roles an actor has: a token never has more than its owner."""

import pytest

from schemas.changes import Actor
from services.casework.actors import ActingAs
from services.runtime.settings import Access, Process, Stage

PROCESS = Process(
    name="invoices",
    title="Invoices",
    stages=(Stage(name="new", initial=True),),
    access=(
        Access(role="manager", users=("anna@office.example",)),
        Access(role="reader", groups=("audit",)),
    ),
)
TOKEN = Actor(kind="token", id="tok_1", name="Robot")


@pytest.mark.parametrize(
    ("acting", "roles"),
    [
        (ActingAs(TOKEN), set()),
        (ActingAs(TOKEN, user="Anna@office.example"), {"reader", "worker", "manager"}),
        (ActingAs(TOKEN, user="anna@office.example", limited_to=["reader"]), {"reader"}),
        (ActingAs(TOKEN, user="jan@office.example", limited_to=["manager"]), set()),
        (ActingAs(TOKEN, ["audit"], user="jan@office.example", limited_to=["worker"]), set()),
        (ActingAs(TOKEN, everything=True, limited_to=["reader"]), {"reader"}),
        (ActingAs(TOKEN, everything=True, limited_to=["approver"]), set()),
        (ActingAs(TOKEN, everything=True), {"reader", "worker", "manager"}),
        (ActingAs(TOKEN, everything=True, limited_to=[]), set()),
    ],
)
def test_a_token_has_the_roles_of_its_owner_within_its_own_limit(
    acting: ActingAs, roles: set[str]
) -> None:
    assert acting.roles_in(PROCESS) == roles
