"""Each user does only a few things at once, whatever others do."""

import asyncio

from services.desk.http.turns import Turns


async def test_a_user_waits_for_their_own_turns_only() -> None:
    turns, begun, end = Turns(2), list[str](), asyncio.Event()

    async def take(user: str) -> None:
        async with turns.of(user):
            begun.append(user)
            await end.wait()

    tasks = [asyncio.create_task(take("anna")) for _ in range(5)]
    tasks.append(asyncio.create_task(take("maria")))
    await asyncio.sleep(0.01)
    assert sorted(begun) == ["anna", "anna", "maria"]
    end.set()
    await asyncio.gather(*tasks)
    assert begun.count("anna") == 5
