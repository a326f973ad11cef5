"""What `mailcase up` prints: for people what they need to know, for programs every line as JSON."""

import io
import json

import pytest
from rich.console import Console

from services.cli.up.mail_lines import head
from services.cli.up.messages import (
    REPEAT_AFTER_S,
    Message,
    RecordedMail,
    RepeatFilter,
    message_of,
    recorded_mail,
)
from services.cli.up.presenter import JsonPresenter, TerminalPresenter

DOWN = json.dumps(
    {
        "ts": "2026-11-24T01:11:42.938586Z",
        "level": "error",
        "logger": "x.y",
        "event": "mailbox_down",
        "mailbox": "invoices",
        "kind": "login",
        "error": "MailboxError",
        "error_message": "the log-in is refused",
        "hint": "check user and password",
    }
).encode()
RECORDED = b'{"event":"mail_recorded","level":"info","mail_key":"5f1d0c2a","outcome":"opened","mailbox":"box","case":8}'


def on_terminal(width: int = 80) -> tuple[TerminalPresenter, io.StringIO]:
    out = io.StringIO()
    return TerminalPresenter(Console(file=out, width=width, highlight=False)), out


def test_a_failure_is_one_line_with_its_hint() -> None:
    presenter, out = on_terminal(120)
    for _ in range(3):  # it is retried every minute
        presenter.log_line("fetcher", DOWN)
    assert out.getvalue().splitlines() == [
        "fetcher: mailbox down (mailbox=invoices): the log-in is refused",
        "  check user and password",
    ]


def test_a_long_failure_is_broken_between_words_and_names_nothing_twice() -> None:
    presenter, out = on_terminal()
    reason = "unreadable: Expected `object`, got `int`"
    line = {"event": "message_dead_lettered", "level": "error", "queue": "case_writer.commands"}
    line |= {"mail_key": "0" * 64, "reason": reason, "hint": "`mailcase dead list` shows it"}
    presenter.log_line("case-writer", json.dumps(line).encode())
    assert out.getvalue().splitlines() == [
        "case-writer: message dead lettered (queue=case_writer.commands",
        "  mail_key=000000000000): unreadable: Expected `object`, got `int`",
        "  `mailcase dead list` shows it",
    ]


def test_a_failure_that_lasts_is_repeated_now_and_then() -> None:
    now_s = 0.0
    repeats = RepeatFilter(lambda: now_s)
    message = Message("down", "error")
    assert repeats.is_new(message)
    assert not repeats.is_new(message)
    now_s = REPEAT_AFTER_S
    assert repeats.is_new(message)


@pytest.mark.parametrize("text", [b"Traceback", b"{}", b"[]", b"\xff", RECORDED])
def test_ordinary_lines_are_not_for_people(text: bytes) -> None:
    assert message_of("router", text) is None


def test_a_mail_is_one_line_that_never_wraps() -> None:
    mail = recorded_mail(RECORDED)
    assert mail is not None
    presenter, out = on_terminal(80)
    presenter.mail(head(mail, "faktury"), "Faktura\n12/2026 \x1b[31m", "Żaneta Świątek")
    presenter.mail(head(mail, "faktury"), "Reminder: both invoices " * 4, "Żaneta Świątek")
    presenter.mail(head(mail, "faktury"), "Reminder: both invoices " * 4, "Northern Supplies " * 4)
    short, long, longest = out.getvalue().splitlines()
    assert short.startswith("#8     opened    faktury       Faktura 12/2026")
    assert "\x1b" not in short
    assert long.endswith("…  Żaneta Świątek")  # the sender stays whole
    assert len(long) == 80
    assert len(longest) <= 80
    assert longest.count("…") == 2


def test_a_parked_mail_shows_the_key_that_its_commands_take() -> None:
    mail = RecordedMail("5f1d0c2a9b7e", "parked", "box", None)
    assert head(mail, "invoices").startswith("5f1d0c2a parked")


def test_every_line_of_a_pipe_is_json(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    presenter = JsonPresenter()
    presenter.log_line("router", DOWN)
    presenter.log_line("router", b"Traceback \xff\x1b")
    presenter.event("up_ready", "ready", pid=7)
    presenter.mail("for", "people", "only")
    lines = [json.loads(text) for text in capfdbinary.readouterr().out.splitlines()]
    assert lines[0] == json.loads(DOWN) | {"service": "router"}
    assert (lines[1]["event"], lines[1]["text"]) == ("output", "Traceback \ufffd\ufffd")
    assert (lines[2]["event"], lines[2]["pid"]) == ("up_ready", 7)
    assert len(lines) == 3
