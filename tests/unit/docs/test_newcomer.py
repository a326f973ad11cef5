"""README.md has the commands that `make newcomer` types, at the expected places."""

from pathlib import Path

from tests.newcomer.readme import install_commands, run_commands

README = (Path(__file__).parents[3] / "README.md").read_text()


def test_the_readme_has_the_commands_of_a_new_user() -> None:
    install, run = install_commands(README), run_commands(README)
    assert install[0] == "sudo apt-get update"
    assert any(command.startswith("pipx install ") for command in install)
    assert run[:3] == ["mkdir office && cd office", "mailcase init", "mailcase up"]
    assert "mailcase case show 1" in run
