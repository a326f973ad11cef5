"""The settings file: what loads and what does not, where secrets come from, and where they never
go.
"""

import json
import traceback
from pathlib import Path

import msgspec
import pytest

from services.runtime import logs
from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load_settings, masked
from tests.unit.runtime.settings.texts import SECOND_MAILBOX, WHOLE


class Place:
    """A directory with one settings file, to be loaded with some environment."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "mailcase.toml"

    def load(self, content: str | bytes, **environ: str) -> Settings:
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_settings(self.file, environ)

    def mistakes(self, content: str | bytes, **environ: str) -> list[str]:
        """The mistakes as lines for people. No secret may be in or near them."""
        with pytest.raises(SettingsError) as caught:
            self.load(content, **environ)
        shown = (
            "".join(traceback.format_exception(caught.value))
            + repr(caught.value)
            + str(caught.value)
        )
        assert "hunter2" not in shown
        lines = str(caught.value).split("\n")
        assert all(line.startswith(f"{self.file}: ") for line in lines)
        return [str(mistake) for mistake in caught.value.mistakes]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_part_is_reached_by_its_name(place: Place) -> None:
    settings = place.load(WHOLE)
    process, mailbox = settings.processes["invoices"], settings.mailboxes["invoices"]
    assert process.title == "Cost invoice circulation"
    assert process.initial_stage.name == "registration"
    assert [(stage.name, stage.title, stage.next) for stage in process.stages] == [
        ("registration", "registration", ("approval",)),
        ("approval", "approval", ()),
    ]
    assert process.mailboxes == (mailbox,)
    assert (mailbox.name, mailbox.process, mailbox.server) == ("invoices", "invoices", "corp")
    assert (mailbox.user, mailbox.folder) == ("invoices@example.com", "INBOX")
    assert settings.broker.url == "amqp://guest:hunter2@127.0.0.1:5672/"


def test_a_relative_path_starts_at_the_settings_file(place: Place) -> None:
    settings = place.load(
        WHOLE.replace('"imap.example.com"', '"imap.example.com"\nca_file = "/etc/ca.pem"')
    )
    assert settings.mailboxes["invoices"].password_file == place.file.parent / "secrets/invoices"
    assert settings.servers["corp"].ca_file == Path("/etc/ca.pem")


def test_broker_and_store_may_be_absent(place: Place) -> None:
    settings = place.load(WHOLE[WHOLE.index("[server") :])
    assert (settings.broker.url, settings.store.url, settings.store.database) == (
        None,
        None,
        "mailcase",
    )


@pytest.mark.parametrize(
    ("protocol", "security", "port"),
    [
        ("imap", "tls", 993),
        ("imap", "starttls", 143),
        ("imap", "none", 143),
        ("pop3", "tls", 995),
        ("pop3", "starttls", 110),
        ("pop3", "none", 110),
    ],
)
def test_the_port_follows_protocol_and_security(
    place: Place, protocol: str, security: str, port: int
) -> None:
    text = WHOLE.replace('protocol = "imap"', f'protocol = "{protocol}"\nsecurity = "{security}"')
    assert place.load(text).servers["corp"].port == port
    assert (
        place.load(text.replace("security", "port = 1143\nsecurity")).servers["corp"].port == 1143
    )


def test_the_environment_overrides_the_urls(place: Place) -> None:
    urls = {
        "MAILCASE_BROKER_URL": "amqps://mq.example/v\n",
        "MAILCASE_STORE_URL": "mongodb+srv://db.example/",
    }
    settings = place.load(WHOLE, **urls)
    assert settings.broker.url == "amqps://mq.example/v"
    assert settings.store.url == "mongodb+srv://db.example/"


def test_an_empty_variable_counts_as_absent(place: Place) -> None:
    assert (
        place.load(WHOLE, MAILCASE_BROKER_URL=" ").broker.url
        == "amqp://guest:hunter2@127.0.0.1:5672/"
    )


def test_an_invalid_url_in_the_environment_is_reported_with_its_variable(place: Place) -> None:
    assert place.mistakes(WHOLE, MAILCASE_STORE_URL="postgres://u:hunter2@db/") == [
        "MAILCASE_STORE_URL: is not a valid URL; it begins with mongodb:// or mongodb+srv://"
    ]


def test_a_byte_order_mark_does_no_harm(place: Place) -> None:
    assert place.load(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()).processes


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '[broker]\nurl = "hunter2',
            "line 2, column 15: Unterminated string; close the quotes at the end of the text",
        ),
        (
            "a = 1\na = 2\n",
            "line 2, column 6: Cannot overwrite a value; this table has that name already: remove one of them",
        ),
        ("a = \nb = 2\n", "line 1, column 5: Invalid value; write a value after a ="),
        (
            "a = 1" + 5000 * "0",
            "contains a number that is too large, or is nested too deeply; fix this first",
        ),
        (
            "a = " + 5000 * "[",
            "contains a number that is too large, or is nested too deeply; fix this first",
        ),
        ("a = 1\nb = 'ż".encode("cp1250"), "line 2, column 6: is not UTF-8; save it as UTF-8"),
        ("a = 1".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (5_000_000 * b"#", "is larger than 4 MiB; name the settings' file with --config"),
    ],
)
def test_a_file_that_is_not_toml_is_reported_with_the_position(
    place: Place, content: str | bytes, told: str
) -> None:
    assert place.mistakes(content) == [told]


def test_a_missing_file_is_reported_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"absent.toml: there is no such file; create it .* --config$"
    ):
        load_settings(tmp_path / "absent.toml", {})


def test_a_directory_or_a_path_through_a_file_is_reported(tmp_path: Path, place: Place) -> None:
    place.load(WHOLE)
    with pytest.raises(SettingsError, match="is a directory; name the file in it with --config"):
        load_settings(tmp_path, {})
    with pytest.raises(SettingsError, match="cannot be read: Not a directory"):
        load_settings(place.file / "x", {})


def test_a_password_is_read_again_each_time(place: Place) -> None:
    mailbox = place.load(WHOLE).mailboxes["invoices"]
    secret = place.file.parent / "secrets" / "invoices"
    secret.parent.mkdir()
    for content, password in [
        ("one\n", "one"),
        ("two\r\n", "two"),
        (" ż ", " ż "),
        ("three", "three"),
    ]:
        secret.write_bytes(content.encode())
        assert mailbox.password({}) == password


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            None,
            "cannot be read: No such file or directory; put the password into this file and let the user of this ",
        ),
        (b"", "is empty; put the password into it"),
        (b"\n", "is empty; put the password into it"),
        (b"hunter2\nhunter2\n", "contains more than one line; it must contain only the password"),
        (b"hunter2\n\n", "contains more than one line; it must contain only the password"),
        (b"hunter2\0", "contains more than one line; it must contain only the password"),
        (b"hunter2\xff", "is not UTF-8; save the password as UTF-8"),
    ],
)
def test_a_password_file_that_will_not_do_is_reported(
    place: Place, content: bytes | None, told: str
) -> None:
    mailbox = place.load(WHOLE).mailboxes["invoices"]
    secret = place.file.parent / "secrets" / "invoices"
    if content is not None:
        secret.parent.mkdir()
        secret.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        mailbox.password({})
    assert f"mailbox invoices: no password: {secret} {told}" in str(caught.value)
    assert caught.value.mailbox == "invoices"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_password_may_come_from_a_variable(place: Place) -> None:
    mailbox = place.load(WHOLE + SECOND_MAILBOX).mailboxes["second"]
    assert mailbox.password({"SECOND": "hunter2\n"}) == "hunter2"
    with pytest.raises(
        SettingsError, match="mailbox second: no password: the variable SECOND is not set; set it"
    ):
        mailbox.password({})
    with pytest.raises(SettingsError, match="the variable SECOND is not UTF-8") as caught:
        mailbox.password({"SECOND": "hunter2\udcff"})
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_shown_settings_hold_no_secret(place: Place) -> None:
    settings = place.load(WHOLE + SECOND_MAILBOX)
    shown = masked(settings)
    assert (
        "hunter2"
        not in f"{shown!r} {settings!r} {settings} {settings.store!r} {settings.broker.__rich_repr__()}"
    )
    assert "@example.com" not in repr(shown)
    assert shown["broker"] == {"url": "amqp://guest:***@127.0.0.1:5672/", "management_url": None}
    assert shown["processes"]["invoices"]["mailboxes"] == ["invoices", "second"]
    assert msgspec.json.encode(shown)


def test_the_shown_settings_fit_into_a_log_line(place: Place) -> None:
    record = logs.EventRecord(
        "services", 20, "settings_loaded", {"settings": masked(place.load(WHOLE))}, None
    )
    shown = json.loads(logs.JsonFormatter().format(record))["settings"]
    assert shown == json.loads(msgspec.json.encode(masked(place.load(WHOLE))))
