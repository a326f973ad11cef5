"""What a log line may contain, and what it must never contain."""

import io
import json
import logging
import uuid
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import logs
from services.runtime.errors import Mistake, PermanentError, SettingsError, TransientError
from services.runtime.logs import configure_logs, get_logger
from services.runtime.masking import mask_secrets

log = get_logger("services.router.service")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logs("json", "info", stream)
    return stream


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """`error` after it was raised: with a traceback, and with a cause if one is given."""
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def only(stream: io.StringIO) -> dict[str, Any]:
    """The only line that was logged, as an object."""
    text = stream.getvalue()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    line: dict[str, Any] = json.loads(text)
    return line


def test_an_event_is_one_json_object_with_its_fields(stream: io.StringIO) -> None:
    before = datetime.now(UTC)
    log.info("mail_routed", mail_key="5f1d", case=235, late=False, reason=None, waited_s=0.5)
    line = only(stream)
    assert before <= datetime.fromisoformat(line.pop("ts")) <= datetime.now(UTC)
    assert line == {
        "level": "info",
        "logger": "services.router.service",
        "event": "mail_routed",
        "mail_key": "5f1d",
        "case": 235,
        "late": False,
        "reason": None,
        "waited_s": 0.5,
    }


def test_a_field_cannot_take_the_place_of_what_each_line_has(stream: io.StringIO) -> None:
    log.info("mail_routed", event="forged", level="forged", ts="forged", logger="forged")
    line = only(stream)
    assert (line["event"], line["level"], line["logger"]) == (
        "mail_routed",
        "info",
        "services.router.service",
    )
    assert (line["event_"], line["level_"], line["ts_"], line["logger_"]) == 4 * ("forged",)


@pytest.mark.parametrize(
    ("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_says_what_is_logged(level: Any, seen: int) -> None:
    stream = io.StringIO()
    configure_logs("json", level, stream)
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert len(stream.getvalue().splitlines()) == seen


def test_a_level_that_is_off_does_not_touch_the_values(stream: io.StringIO) -> None:
    class UntouchableError(Exception):
        def __str__(self) -> str:
            raise AssertionError

    log.debug("looked_at", value=UntouchableError(), error=UntouchableError())
    assert stream.getvalue() == ""


def test_our_own_error_is_logged_with_class_message_cause_and_mail(stream: io.StringIO) -> None:
    error = raised(TransientError("no primary", mail_key="5f1d", mailbox="invoices"), OSError("x"))
    log.error("write_postponed", error=error, mailbox="other")
    line = only(stream)
    assert "traceback" not in line
    assert line["error"] == "TransientError"
    assert line["error_message"] == "no primary"
    assert line["error_cause"] == "OSError"
    assert (line["mail_key"], line["mailbox"]) == ("5f1d", "other")


def test_an_unexpected_error_comes_with_its_traceback(stream: io.StringIO) -> None:
    log.error("stage_broke", error=raised(RuntimeError("amqp://u:hunter2@h/\nforged")))
    line = only(stream)
    assert line["error_message"] == "amqp://u:***@h/\\nforged"
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert line["traceback"].endswith("RuntimeError: amqp://u:***@h/\nforged")


def test_an_expected_error_has_a_traceback_at_debug_only() -> None:
    for level, traced in [("debug", True), ("info", False)]:
        stream = io.StringIO()
        configure_logs("json", level, stream)  # type: ignore[arg-type]  # both are levels
        log.warning("login_failed", error=raised(PermanentError("refused")))
        assert ("traceback" in only(stream)) is traced


def test_exception_logs_the_current_error(stream: io.StringIO) -> None:
    try:
        int("x")
    except ValueError:
        log.exception("login_failed", mailbox="invoices")
    line = only(stream)
    assert (line["level"], line["error"], line["mailbox"]) == ("error", "ValueError", "invoices")
    assert "int(" in line["traceback"]


@pytest.mark.parametrize(
    "secret",
    [
        "amqp://guest:hunter2@mq/",
        "cannot reach amqps://guest:hun@ter2/hunter2@mq:5671/v, again",
        "('mongodb://u:hunter2@a,b/?x=1')",
        "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=hunter2&x=1",
        "mongodb://db/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2",
        "redis://:hunter2@h",
        8000 * "x" + " amqp://guest:hunter2@mq/",
    ],
)
def test_a_password_in_a_url_is_masked_wherever_it_is_logged(secret: str) -> None:
    for style in ("json", "console"):
        stream = io.StringIO()
        configure_logs(style, "debug", stream)
        error = raised(SettingsError([Mistake("broker.url", secret)]), OSError(secret))
        log.error("failed", url=secret, deep=[{secret: (secret,)}], error=error)
        logging.getLogger("aio_pika").warning("lost %s", secret)
        assert "hunter2" not in stream.getvalue()


def test_masking_leaves_other_text_alone() -> None:
    for text in [
        "https://example.com:8080/a?b=c",
        "a:b@c",
        "invoices@example.com: imap://h:993/",
        "",
        "://",
    ]:
        assert mask_secrets(text) == text
    assert mask_secrets("a mongodb://u:p@h:1,h:2/d?x=1 b") == "a mongodb://u:***@h:1,h:2/d?x=1 b"


def test_masking_takes_time_in_proportion() -> None:
    for bomb in ["://a:", "?a", "@:", "&password"]:
        assert mask_secrets(bomb * 200_000 + " ://")


FORGERIES = [
    "a\n" + '{"event":"forged"}',
    "a\r\nb",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "\x1b[31mred\x1b[0m",
    "\u202eright to left",
    "half \ud800 a pair",
    "nul \0 bell \a",
]


@pytest.mark.parametrize("value", FORGERIES)
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_value_can_forge_or_color_a_line(style: Any, value: str) -> None:
    stream = io.StringIO()
    configure_logs(style, "info", stream)
    log.info(
        "mail_parked",
        reason=value,
        deep={value: [value]},
        error=PermanentError(value),
        **{value: 1},
    )
    logging.getLogger("pymongo").warning("odd %s", value)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_no_value_can_pass_for_another_field_on_the_console() -> None:
    stream = io.StringIO()
    configure_logs("console", "info", stream)
    log.info("mail_parked", reason='x case=1 "', other="a=b", empty="")
    assert stream.getvalue().endswith(' reason="x case=1 \\"" other="a=b" empty=""\n')


def test_a_traceback_on_the_console_stays_behind_its_bar() -> None:
    stream = io.StringIO()
    configure_logs("console", "info", stream)
    log.error(
        "broke", error=raised(RuntimeError("x\n23:59:59.000Z info    router forged\r\x1b[2J"))
    )
    first, *others = stream.getvalue().splitlines()
    assert " error   router.service broke error=RuntimeError " in first
    assert others[-1] == "    | 23:59:59.000Z info    router forged\\r\\x1b[2J"
    assert all(line.startswith("    | ") for line in others)


@dataclass
class Mail:
    """Represents any object that contains the text of a mail."""

    text: str = "dear all"


class UnspeakableError(Exception):
    """Fails when it is converted to text."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"dear all", "<8 bytes>"),
        (bytearray(3), "<3 bytes>"),
        (Mail(), "<Mail>"),
        (Message(), "<Message>"),
        ([Mail(), b"dear all"], ["<Mail>", "<8 bytes>"]),
        (Path("/a/b"), "/a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01 00:00:00+00:00"),
        (float("nan"), None),
        (2**63, "0x8000000000000000"),
        (-(2**63), -(2**63)),
        (2**20_000, hex(2**20_000)[:40]),
        ({1: {2: 3}}, {"1": {"2": 3}}),
        ({"a"}, ["a"]),
        ([[[[[[["deep"]]]]]]], [[[[[["<list>"]]]]]]),
        (list(range(200)), list(range(100))),
        (UnspeakableError(), "<UnspeakableError: ValueError>"),
        (3000 * "x", 2000 * "x" + "…"),
    ],
    ids=lambda _: "",  # pytest would print the largest number whole
)
def test_a_value_is_logged_as_far_as_it_is_harmless(
    stream: io.StringIO, value: object, told: object
) -> None:
    log.info("seen", value=value)
    assert only(stream)["value"] == told


@given(
    st.dictionaries(
        st.text(),
        st.text() | st.integers() | st.floats() | st.lists(st.binary(), max_size=2),
        max_size=3,
    ),
    st.sampled_from(["json", "console"]),
)
def test_any_fields_make_exactly_one_line(fields: dict[str, object], style: Any) -> None:
    stream = io.StringIO()
    configure_logs(style, "info", stream)
    fields.pop("error", None)
    log.info("seen", **fields)  # type: ignore[arg-type]  # `error` was taken out
    assert len(stream.getvalue().splitlines()) == 1
    if style == "json":
        json.loads(stream.getvalue())


def test_libraries_log_from_warning_on_and_look_the_same() -> None:
    stream = io.StringIO()
    configure_logs("json", "debug", stream)
    for name in ("aio_pika", "aiormq.connection", "pymongo.command", "asyncio"):
        logging.getLogger(name).info("chatter")
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    logging.getLogger("aiormq").warning("lost %s", "it")
    line = only(stream)
    assert (line["event"], line["logger"], line["message"]) == (
        "library_message",
        "aiormq",
        "lost it",
    )


def test_a_library_whose_arguments_do_not_fit_is_still_a_line() -> None:
    # Straight to the formatter: pytest's own handler would raise.
    record = logging.LogRecord("pymongo", logging.WARNING, "", 0, "lost %d", ("it",), None)
    assert json.loads(logs.JsonFormatter().format(record))["message"] == "lost %d"


def test_a_library_s_traceback_is_a_field(stream: io.StringIO) -> None:
    logging.getLogger("asyncio").error(
        "Task exception was never retrieved", exc_info=raised(KeyError("x"))
    )
    assert only(stream)["traceback"].endswith("KeyError: 'x'")


def test_python_s_warnings_are_logged(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nforged", UserWarning, stacklevel=1)
    assert "old\\nforged" in only(stream)["message"]


def test_configuring_again_does_not_duplicate_lines(stream: io.StringIO) -> None:
    again = io.StringIO()
    configure_logs("json", "info", again)
    log.info("once")
    assert stream.getvalue() == ""
    assert only(again)["event"] == "once"


def test_auto_is_colored_console_on_a_terminal_and_json_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure_logs("auto", "info", terminal)
    log.warning("seen", case=1)
    configure_logs("auto", "info", pipe)
    log.warning("seen", case=1)
    assert terminal.getvalue().endswith("Z \x1b[33mwarning\x1b[0m router.service seen case=1\n")
    assert only(pipe)["case"] == 1


def test_the_console_has_no_color_without_a_terminal() -> None:
    stream = io.StringIO()
    configure_logs("console", "info", stream)
    log.warning("seen", case=1)
    assert stream.getvalue().endswith("Z warning router.service seen case=1\n")


def test_without_a_stream_logs_go_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    log.info("seen")
    assert json.loads(capsys.readouterr().err)["event"] == "seen"
