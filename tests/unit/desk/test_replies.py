"""When the neighbors of a case that were read before an action still hold after it."""

from msgspec import structs

from schemas.changes import CaseLink, Change, Titled
from schemas.stored import Case
from services.casework.results import Done
from services.desk.api.cases.replies import kept_neighbors
from tests.unit.casework.builders import ANNA, NOW, case


def done(after: Case, *numbers: int) -> Done:
    """An action that led to `after` and changed these cases."""
    written = [
        Change(
            id=f"{number}.{after.revision}",
            case=number,
            revision=after.revision,
            at=NOW,
            actor=ANNA,
            process=after.process,
            what=Titled(was="Before", to="After"),
        )
        for number in numbers
    ]
    return Done(case=after, changes=written, written=written)


def test_neighbors_hold_if_the_action_changed_only_its_case_and_no_links() -> None:
    before = case(235, revision=4)
    after = structs.replace(before, revision=5)
    assert kept_neighbors(before, done(after, 235))


def test_neighbors_are_read_again_if_anything_else_changed() -> None:
    before = case(235, revision=4)
    after = structs.replace(before, revision=5)
    link = CaseLink(case=7, kind="duplicate-of", by="fields")
    assert not kept_neighbors(before, done(after, 235, 7))
    assert not kept_neighbors(before, done(structs.replace(after, links=[link]), 235))
    assert not kept_neighbors(before, done(structs.replace(after, refers_to=7), 235))
    # Someone else's change came in between.
    assert not kept_neighbors(before, done(structs.replace(before, revision=6), 235))
