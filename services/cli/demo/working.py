"""Works on a case of the demo like `mailcase case`: each action in its own transaction."""

from services.casework import actions
from services.cli.case.context import acting, opened_repository
from services.cli.case.history import described
from services.runtime.settings import Settings

ACTIONS: tuple[actions.Action, ...] = (
    actions.Assign(to="group:accounting"),
    actions.Move(stage="approval"),
    actions.AddNote(text="Checked against the order: the sum is right."),
    actions.SetFields(fields={"order_number": "ZAM/2026/17"}),
    actions.Move(stage="paid"),
)


async def work_case(settings: Settings, number: int) -> list[str]:
    """Take a case through its stages; returns its whole history in words."""
    async with opened_repository(settings) as (_, repository):
        for action in ACTIONS:
            await repository.act(number, action, acting(None))
        return [
            f"{change.revision}. {described(change)}" for change in await repository.history(number)
        ]
