"""Whether the rules for working a case fit each other: roles, fields, final stages. Pure."""

from collections.abc import Iterator

from services.runtime.errors import Mistake
from services.runtime.settings.convert import did_you_mean
from services.runtime.settings.schema import Field, ProcessTable, Stage

COMMON_ROLES = ("reader", "worker", "manager")


def case_rule_mistakes(process: ProcessTable, path: str) -> Iterator[Mistake]:
    """The mistakes between the stages, roles and fields of one process."""
    roles = [*dict.fromkeys((*(access.role for access in process.access), *COMMON_ROLES))]
    for index, stage in enumerate(process.stage):
        yield from _stage(stage, roles, f"{path}.stage[{index}]")
    stages = [stage.name for stage in process.stage]
    names = [field.name for field in process.field]
    for index, field in enumerate(process.field):
        yield from _field(field, stages, names[:index], f"{path}.field[{index}]")
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
            f"{path}.final", "is true for the initial stage", "open cases need another stage"
        )
    if stage.final and stage.due_after is not None:
        yield Mistake(f"{path}.due_after", "means nothing for a final stage", "leave it out")
    enter = stage.on_enter
    if (enter.send_to is None) != (enter.text is None):
        hint = "give both send_to and text, or neither"
        yield Mistake(f"{path}.on_enter", "needs a recipient and a text to send something", hint)


def _field(field: Field, stages: list[str], before: list[str], path: str) -> Iterator[Mistake]:
    if field.name in before:
        problem = f'"{field.name}" is the name of a field above'
        yield Mistake(f"{path}.name", problem, "give each field a name of its own")
    if (field.type == "choice") != bool(field.choices):
        hint = "choices belong to a field of the type choice, which needs them"
        yield Mistake(f"{path}.choices", f"do not fit the type {field.type}", hint)
    for position, stage in enumerate(field.required_for):
        if stage not in stages:
            problem = f'no stage of this process is named "{stage}"'
            yield Mistake(f"{path}.required_for[{position}]", problem, did_you_mean(stage, stages))
