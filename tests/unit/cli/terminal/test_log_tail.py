"""What `mailcase up` shows of the logs of the services."""

from pathlib import Path

import pytest

from services.cli.terminal.log_tail import LogTail, short


def test_a_json_line_is_short_for_a_person() -> None:
    line = b'{"ts":"2026-11-24T01:11:42.938586Z","level":"info","logger":"x.y","event":"mail_routed","case":235}'
    assert short(line) == "01:11:42 info mail_routed case=235"


def test_the_list_of_all_settings_is_not_for_a_terminal() -> None:
    assert (
        short(
            b'{"ts":"2026-11-24T01:11:42.938586Z","level":"info","event":"settings_loaded","settings":{}}'
        )
        == ""
    )


def test_a_line_that_is_no_json_is_shown_as_it_is() -> None:
    assert short(b"Traceback \xff") == "Traceback \ufffd"


def test_only_whole_new_lines_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "router.log"
    file.write_text("old\n")
    with LogTail([file]) as tail, file.open("a") as log:
        log.write("first\nsec")
        log.flush()
        tail.show()
        assert capsys.readouterr().err == "router: first\n"
        log.write("ond\n")
        log.flush()
        tail.show()
        assert capsys.readouterr().err == "router: second\n"
