"""The wiring of the desk leaves the process as it was."""

import gc
import sys
from typing import Any, cast

import pytest

from services.desk.main import SWITCH_INTERVAL_S, frozen_objects, run
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


def test_what_exists_at_the_start_is_not_collected_until_the_end() -> None:
    with frozen_objects():
        assert gc.get_freeze_count() > 1_000
        assert len(gc.get_objects()) < 1_000
    assert gc.get_freeze_count() == 0
