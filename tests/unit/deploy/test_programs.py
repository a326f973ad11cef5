"""Which programs the private servers run."""

from pathlib import Path

import pytest

from deploy.local.programs import PROGRAMS_VARIABLE, find_programs, search_path


@pytest.mark.parametrize("name", ["rabbitmq-server", "rabbitmqctl", "epmd", "dovecot", "mongod"])
def test_chosen_folders_go_before_the_installed_programs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "second" / name
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(PROGRAMS_VARIABLE, f"{tmp_path / 'first'}:{program.parent}")
    assert find_programs([name]) == {name: str(program)}


def test_the_scripts_of_chosen_servers_find_what_belongs_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv(PROGRAMS_VARIABLE, "/elsewhere/bin")
    assert search_path() == "/elsewhere/bin:/usr/bin:/bin"
    monkeypatch.setenv(PROGRAMS_VARIABLE, "")
    assert search_path() == "/usr/bin:/bin"
