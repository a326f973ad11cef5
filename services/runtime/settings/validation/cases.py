"""Checks that the rules for working on cases are consistent: roles, fields, final stages. Pure."""

from collections.abc import Iterator

from services.runtime.errors import Mistake
from services.runtime.settings.convert import did_you_mean
from services.runtime.settings.schema.processes import ProcessTable, Stage
from services.runtime.settings.validation.fields import field_mistakes

COMMON_ROLES = ("reader", "worker", "manager")


def case_rule_mistakes(process: ProcessTable, path: str) -> Iterator[Mistake]:
    """The mistakes between the stages, roles and fields of one process."""
    roles = [*dict.fromkeys((*(access.role for access in process.access), *COMMON_ROLES))]
    for index, stage in enumerate(process.stage):
        yield from _stage(stage, roles, f"{path}.stage[{index}]")
    yield from field_mistakes(process, path)
    for index, access in enumerate(process.access):
        if not access.users and not access.groups:
            hint = "name at least one in users or groups"
            yield Mistake(f"{path}.access[{index}]", "gives the role to nobody", hint)


def _stage(stage: Stage, roles: list[str], path: str) -> Iterator[Mistake]:
    for position, role in enumerate(stage.roles):
        if role not in roles:
            hint = did_you_mean(role, roles)
            yield Mistake(f"{path}.roles[{position}]", f'nobody has the role "{role}"', hint)
    if stage.final and stage.initial:
        yield Mistake(
            f"{path}.final",
            "cannot be true for the initial stage",
            "cases begin there, so final = true belongs to another stage",
        )
    if stage.final and stage.due_after is not None:
        yield Mistake(f"{path}.due_after", "has no effect for a final stage", "leave it out")
    enter = stage.on_enter
    if (enter.send_to is None) != (enter.text is None):
        hint = "give both send_to and text, or neither"
        yield Mistake(f"{path}.on_enter", "needs a recipient and a text to send something", hint)
