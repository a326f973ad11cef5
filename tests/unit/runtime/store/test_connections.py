"""Connections that a store opens in advance."""

import pytest

from services.runtime.store.mongo import Store, _options_beside


@pytest.mark.parametrize(
    ("options", "opened"),
    [
        ("", 8),
        ("?maxPoolSize=3", 3),
        ("?maxpoolsize=100", 8),
        ("?maxPoolSize=0", 8),
    ],
)
async def test_no_more_are_opened_than_the_url_allows(options: str, opened: int) -> None:
    url = f"mongodb://db.example/{options}"
    assert _options_beside(url, 8)["minPoolSize"] == opened
    async with Store.opened(url, "mailcase", connections=8):
        pass  # the driver refuses other numbers here
