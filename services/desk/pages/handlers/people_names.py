"""Names of people for the addresses that the API returns, and the possible assignees."""

from collections.abc import Mapping

from services.desk.pages.views.lists import Option
from services.desk.pages.visit import Visit


async def names_of_people(visit: Visit) -> Mapping[str, str]:
    """The names of all users by address. An office has few enough users to read them all."""
    return await visit.desk.accounts.users.names()


def assignable(
    visit: Visit, names: Mapping[str, str], process: str = "", chosen: str = ""
) -> tuple[Option, ...]:
    """The people and groups with a role in the process, or in any process that the reader sees; the
    reader first.

    `chosen` is included even without a role, so that saving the form changes nothing.
    """
    seen = visit.desk.access.processes(visit.principal)
    processes = [visit.desk.settings.processes[name] for name in seen if process in {"", name}]
    people: dict[str, str] = {visit.principal.id: names.get(visit.principal.id, "")}
    groups: dict[str, None] = {}
    for each in processes:
        if not each.access:
            people |= names
        for rule in each.access:
            people |= {user.casefold(): names.get(user.casefold(), "") for user in rule.users}
            groups |= dict.fromkeys(rule.groups)
    if chosen.startswith("group:"):
        groups[chosen.removeprefix("group:")] = None
    elif chosen:
        people.setdefault(chosen, names.get(chosen, ""))
    options = [
        Option(value=address, title=name or address, is_chosen=address == chosen)
        for address, name in sorted(
            people.items(), key=lambda item: (item[0] != visit.principal.id, item[1] or item[0])
        )
    ]
    options += [
        Option(value=f"group:{group}", title=group, is_chosen=f"group:{group}" == chosen)
        for group in groups
    ]
    return tuple(options)
