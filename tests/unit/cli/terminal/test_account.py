"""Who runs a command, for histories."""

import getpass
import os

import pytest

from services.cli.terminal.account import account_name


def test_an_account_without_a_name_is_named_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", no_name)
    assert account_name() == f"uid-{os.getuid()}"
