"""The wiring of the desk leaves the process as it was."""

import sys
from typing import Any, cast

import pytest

from services.desk.main import SWITCH_INTERVAL_S, run
from services.runtime.errors import PermanentError
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings


async def test_the_switch_interval_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    before, within = sys.getswitchinterval(), []

    def store_url(_: Settings) -> str:
        within.append(sys.getswitchinterval())
        raise PermanentError("no store")

    monkeypatch.setattr("services.desk.main.store_url", store_url)
    settings, tools = Settings(servers={}, processes={}, mailboxes={}), cast("Any", None)
    with pytest.raises(PermanentError):
        await run(settings, 0, Stop(), tools=tools, listen="127.0.0.1:0")
    assert within == [pytest.approx(SWITCH_INTERVAL_S)]
    assert sys.getswitchinterval() == before
