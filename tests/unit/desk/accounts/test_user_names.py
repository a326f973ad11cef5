"""Names of users are read once for many pages, and again after a change."""

import asyncio

from services.desk.accounts.user_names import MAX_AGE_S, UserNames

ANNA = "anna@office.example"


class Database:
    """Gives Anna another number at each read."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.readings = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self) -> dict[str, str]:
        self.readings += 1
        names = {ANNA: f"Anna {self.readings}"}
        await self.may_answer.wait()
        return names


async def test_names_are_read_once_until_they_are_old() -> None:
    database = Database()
    names = UserNames(database.read, lambda: database.now_s)
    assert [(await names.get())[ANNA] for _ in range(3)] == ["Anna 1"] * 3
    database.now_s += MAX_AGE_S
    assert (await names.get())[ANNA] == "Anna 2"


async def test_names_read_before_a_change_are_not_kept() -> None:
    database = Database()
    names = UserNames(database.read, lambda: database.now_s)
    database.may_answer.clear()
    reading = asyncio.create_task(names.get())
    await asyncio.sleep(0)
    names.forget()
    database.may_answer.set()
    await reading
    assert (await names.get())[ANNA] == "Anna 2"
