"""All mistakes in the settings are reported at once, each with its path and a fix, and without
secrets.
"""

import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.runtime.errors import SettingsError
from services.runtime.settings import load_settings
from services.runtime.settings.convert import Walker
from services.runtime.settings.schema.file import SettingsFile
from services.runtime.settings.validation.settings import check
from tests.unit.runtime.settings.texts import SECOND_MAILBOX, WHOLE

# Takes the settings' text, gives the mistakes as a person reads them; none if it loads.
Mistakes = Callable[[str], list[str]]


@pytest.fixture
def mistakes(tmp_path: Path) -> Mistakes:
    def reported(text: str) -> list[str]:
        file = tmp_path / "mailcase.toml"
        file.write_text(text)
        error = _error_of(file)
        if error is None:
            return []
        assert "hunter2" not in "".join(traceback.format_exception(error)) + repr(error)
        return [str(mistake) for mistake in error.mistakes]

    return reported


def _error_of(file: Path) -> SettingsError | None:
    try:
        load_settings(file, {})
    except SettingsError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        # names in the wrong place, or unknown everywhere
        ("[broker]", "[brokre]", 'brokre: there is no such setting; did you mean "broker"?'),
        (
            "title =",
            "titel =",
            'process.invoices.titel: there is no such setting; did you mean "title"?',
        ),
        (
            "title =",
            '"ti\\ntle" =',
            r'process.invoices."ti\ntle": there is no such setting; did you mean "title"?',
        ),
        (
            "password_file",
            'password = "hunter2"\npassword_file',
            (
                "process.invoices.mailbox[0].password: there is no such setting; a secret never belongs in this file: "
                "name its file in password_file or its variable in password_env"
            ),
        ),
        (
            'protocol = "imap"\n',
            "",
            'server.corp.protocol: is missing; it needs "imap" or "pop3"',
        ),
        (
            "[server.corp]",
            "[[server]]",
            "server: needs tables with names, is a list; write [server.NAME]",
        ),
        (
            "[[process.invoices.mailbox]]",
            "[process.invoices.mailbox]",
            (
                "process.invoices.mailbox: needs a list, is a table; write [[process.invoices.mailbox]] "
                "with double brackets"
            ),
        ),
        # types and ranges
        (
            "host =",
            'port = "993"\nhost =',
            "server.corp.port: needs a whole number from 1 up to 65535, is text; write it without quotes",
        ),
        (
            "[server.corp]",
            "[case_reference]\nread_bare = false\n[server.corp]",
            (
                "case_reference.read_bare: is false without a prefix, so no number would be recognized; "
                'set case_reference.prefix, such as "Case", or remove read_bare'
            ),
        ),
        (
            "host =",
            "port = 0\nhost =",
            "server.corp.port: needs a whole number from 1 up to 65535, is 0",
        ),
        (
            "host =",
            "port = true\nhost =",
            "server.corp.port: needs a whole number from 1 up to 65535, is true",
        ),
        (
            "host =",
            "timeout_s = nan\nhost =",
            "server.corp.timeout_s: needs a number above 0 up to 600, is nan",
        ),
        (
            "host =",
            f"timeout_s = 0x{'f' * 9000}\nhost =",
            "server.corp.timeout_s: needs a number above 0 up to 600, is much larger",
        ),
        (
            "host =",
            "timeout_s = -inf\nhost =",
            "server.corp.timeout_s: needs a number above 0 up to 600, is -inf",
        ),
        ("host =", "idle = 1\nhost =", "server.corp.idle: needs true or false, is 1"),
        (
            "host =",
            "idle = 2026-03-01\nhost =",
            "server.corp.idle: needs true or false, is a date or time",
        ),
        (
            '"imap"',
            '"IMAPS"',
            'server.corp.protocol: needs "imap" or "pop3", is "IMAPS"; did you mean "imap"?',
        ),
        (
            '"imap.example.com"',
            '"imap.example.com:993"',
            "server.corp.host: needs a host name or an IP address alone, without scheme and port",
        ),
        (
            '["approval"]',
            '"approval"',
            "process.invoices.stage[0].next: needs a list, is text; put it in [ ]",
        ),
        (
            '["approval"]',
            "[1]",
            (
                "process.invoices.stage[0].next[0]: needs a name of at most 63 ASCII letters, digits, "
                "- and _ that begins with a letter or digit, is a whole number"
            ),
        ),
        (
            '"secrets/invoices"',
            "2012",
            "process.invoices.mailbox[0].password_file: needs text, is a whole number",
        ),
        (
            'password_file = "secrets/invoices"',
            'password_env = "hunter2!"',
            (
                "process.invoices.mailbox[0].password_env: needs the name of an environment variable, "
                "such as INVOICES_PASSWORD, not the password itself"
            ),
        ),
        (
            '"invoices@example.com"',
            '"invoices"',
            'process.invoices.mailbox[0].address: needs an address such as "invoices@example.com"',
        ),
        # URLs
        (
            "amqp://",
            "http://",
            "broker.url: is not a valid URL; it begins with amqp:// or amqps://",
        ),
        (
            "guest:hunter2",
            "guest:hun/ter2",
            (
                "broker.url: has no usable host and port; percent-encode special characters of "
                "user and password, such as %2F for /"
            ),
        ),
        (
            "guest:hunter2",
            "guest:1/hunter2",
            (
                "broker.url: has an @ or # after its host; percent-encode special characters of "
                "user and password, such as %2F for /"
            ),
        ),
        (
            "guest:hunter2",
            "guest:1#hunter2",
            (
                "broker.url: has an @ or # after its host; percent-encode special characters of "
                "user and password, such as %2F for /"
            ),
        ),
        (
            "guest:hunter2@127.0.0.1:5672",
            "guest:hunter2@",
            "broker.url: has no host; it looks like amqp://user:password@host/",
        ),
        (
            "guest:hunter2",
            "guest: hunter2",
            (
                "broker.url: contains a space or a control character; percent-encode special characters of user "
                "and password, such as %2F for /"
            ),
        ),
        # what the parts say of each other
        (
            'server = "corp"',
            'server = "crop"',
            'process.invoices.mailbox[0].server: no server is named "crop"; did you mean "corp"?',
        ),
        (
            '["approval"]',
            '["aproval"]',
            'process.invoices.stage[0].next[0]: no stage of this process is named "aproval"; did you mean "approval"?',
        ),
        (
            "initial = true",
            "initial = false",
            (
                "process.invoices.stage: no stage is initial; "
                "add initial = true to the stage where cases begin"
            ),
        ),
        (
            'name = "approval"',
            'name = "approval"\ninitial = true',
            (
                'process.invoices.stage: 2 stages are initial: "registration", "approval"; '
                "keep initial = true in one stage"
            ),
        ),
        (
            'name = "approval"',
            'name = "approval"\n[[process.invoices.stage]]\nname = "registration"',
            (
                'process.invoices.stage[2].name: "registration" is also the name of an earlier stage; '
                "give it a name of its own"
            ),
        ),
        (
            'password_file = "secrets/invoices"',
            "",
            "process.invoices.mailbox[0]: has no password; add password_file or password_env",
        ),
        (
            "password_file",
            'password_env = "X"\npassword_file',
            "process.invoices.mailbox[0]: has password_file and password_env; keep one of them",
        ),
        (
            "[server.corp]",
            "[limits]\nmax_mail_bytes = 2048\n[server.corp]",
            (
                "limits.inline_mail_bytes: is 1048576, above max_mail_bytes, 2048; "
                "lower it, or raise limits.max_mail_bytes"
            ),
        ),
        (
            "host =",
            'security = "none"\nca_file = "x"\nhost =',
            (
                'server.corp.ca_file: has no effect with security = "none"; set security = "tls" or "starttls", '
                "or leave ca_file out"
            ),
        ),
        (
            "[process.invoices]",
            "[process.empty]\nstage = []\n[process.invoices]",
            "process.empty.stage: there is none; write at least one, as [[process.empty.stage]] with initial = true",
        ),
    ],
)
def test_one_mistake_is_reported_once_with_its_path_and_fix(
    mistakes: Mistakes, old: str, new: str, reported: str
) -> None:
    assert old in WHOLE
    assert mistakes(WHOLE.replace(old, new, 1)) == [reported]


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        (
            '"second"',
            '"invoices"',
            (
                'process.invoices.mailbox[1].name: "invoices" is the name of process.invoices.mailbox[0]; '
                "give it a name of its own"
            ),
        ),
        (
            'name = "second"',
            "",
            (
                'process.invoices.mailbox[1].name: "invoices", the process\'s name, is the name of '
                "process.invoices.mailbox[0]; give it a name of its own"
            ),
        ),
        (
            '"second@example.com"',
            '"Invoices@Example.com"',
            (
                "process.invoices.mailbox[1].address: is the address of process.invoices.mailbox[0]; "
                "each mailbox has an address of its own"
            ),
        ),
        (
            "password_env",
            'user = "invoices@example.com"\nfolder = "inbox"\npassword_env',
            (
                "process.invoices.mailbox[1].user: together with this host and folder, "
                "it is process.invoices.mailbox[0]; "
                "two mailboxes that read the same folder would record each mail twice"
            ),
        ),
    ],
)
def test_two_mailboxes_may_not_share_their_identity(
    mistakes: Mistakes, old: str, new: str, reported: str
) -> None:
    assert mistakes(WHOLE + SECOND_MAILBOX) == []
    assert mistakes(WHOLE + SECOND_MAILBOX.replace(old, new)) == [reported]


def test_mailboxes_of_two_processes_may_not_share_a_name(mistakes: Mistakes) -> None:
    other = (
        WHOLE[WHOLE.index("[process") :]
        .replace("process.invoices", "process.other")
        .replace("invoices@", "other@")
    )
    assert mistakes(WHOLE + other) == []
    named = other.replace('server = "corp"', 'server = "corp"\nname = "invoices"')
    assert mistakes(WHOLE + named) == [
        (
            'process.other.mailbox[0].name: "invoices" is the name of process.invoices.mailbox[0]; '
            "give it a name of its own"
        )
    ]


@pytest.mark.parametrize(
    ("server", "reported"),
    [
        ('protocol = "imap"\nhost = "IMAP.example.com."', True),
        ('protocol = "pop3"\nhost = "imap.example.com"\nport = 1995', True),
        ('protocol = "imap"\nhost = "imap2.example.com"', False),
    ],
)
def test_two_sections_for_one_host_make_no_two_mailboxes_of_an_account(
    mistakes: Mistakes, server: str, reported: bool
) -> None:
    section = f"[server.again]\n{server}\n"
    second = SECOND_MAILBOX.replace("password_env", 'user = "invoices@example.com"\npassword_env')
    text = section + WHOLE + second.replace('server = "corp"', 'server = "again"')
    assert [mistake.partition(";")[0] for mistake in mistakes(text)] == [
        "process.invoices.mailbox[1].user: together with this host and folder, it is process.invoices.mailbox[0]"
    ] * reported


def test_two_ports_of_this_machine_may_lead_to_two_servers(mistakes: Mistakes) -> None:
    local = WHOLE.replace('host = "', 'host = "localhost" # "', 1)
    section = '[server.again]\nprotocol = "imap"\nhost = "localhost"\nport = 1993\n'
    second = SECOND_MAILBOX.replace("password_env", 'user = "invoices@example.com"\npassword_env')
    assert mistakes(section + local + second.replace('server = "corp"', 'server = "again"')) == []


def test_two_folders_of_one_account_are_two_mailboxes(mistakes: Mistakes) -> None:
    folder = 'user = "invoices@example.com"\nfolder = "Invoices"\npassword_env'
    assert mistakes(WHOLE + SECOND_MAILBOX.replace("password_env", folder)) == []


def test_pop3_has_no_folders(mistakes: Mistakes) -> None:
    text = WHOLE.replace('"imap"', '"pop3"') + 'folder = "Invoices"\n'
    assert mistakes(text) == [
        "process.invoices.mailbox[0].folder: POP3 has no folders; leave it out, or read this server with IMAP"
    ]


@pytest.mark.parametrize("name", ["a.b", "ä", "-a", "", "a b", "a" * 64, "a\n"])
def test_a_name_that_no_routing_key_could_hold_is_refused(mistakes: Mistakes, name: str) -> None:
    quoted = msgspec.json.encode(name).decode()
    [reported] = mistakes(WHOLE.replace("process.invoices", f"process.{quoted}"))
    assert reported.startswith("process.")
    assert "is not a usable name; it needs a name of at most 63 ASCII letters" in reported
    [reported] = mistakes(WHOLE.replace('"approval"', quoted))[-1:]
    assert reported.startswith(
        "process.invoices.stage[1].name: needs a name of at most 63 ASCII letters"
    )


def test_a_name_in_a_hint_stays_on_its_line(mistakes: Mistakes) -> None:
    reported = mistakes(WHOLE.replace("[server.corp]", '[server."a\\nb"]'))
    assert (
        reported[1]
        == 'process.invoices.mailbox[0].server: no server is named "corp"; known here: "a\\nb"'
    )


def test_an_empty_file_lacks_a_process(mistakes: Mistakes) -> None:
    assert mistakes("") == ["process: is missing; write at least one, as [process.NAME]"]
    assert mistakes("[process]") == [
        "process: there is none; write at least one, as [process.NAME] with its stages"
    ]


def test_every_mistake_is_reported_at_once(mistakes: Mistakes) -> None:
    text = WHOLE
    for old, new in [
        ("amqp://", "http://"),
        ('"imap.example.com"', '"imap.example.com"\nport = 70000\nidel = true'),
        ("initial = true", "initial = false"),
        ('["approval"]', '["aproval", "registration", 5]'),
        ('server = "corp"', 'server = "crop"'),
        ("password_file", 'fodler = "INBOX"\npassword_env = "X"\npassword_file'),
    ]:
        text = text.replace(old, new)
    text += "[process.invoices.folder]\n[process.other]\nstage = [5]\n[logs]\nlevel = 1\n"
    assert {reported.split(":")[0] for reported in mistakes(text)} == {
        "broker.url",
        "server.corp.port",
        "server.corp.idel",
        "process.invoices.stage",
        "process.invoices.stage[0].next[0]",
        "process.invoices.stage[0].next[2]",
        "process.invoices.mailbox[0].server",
        "process.invoices.mailbox[0].fodler",
        "process.invoices.mailbox[0]",
        "process.invoices.folder",
        "process.other.stage[0]",
        "logs.level",
    }


def test_what_only_follows_from_a_mistake_is_not_reported(mistakes: Mistakes) -> None:
    two_broken = WHOLE.replace('"invoices@example.com"', "1") + SECOND_MAILBOX.replace(
        '"second@example.com"', "2"
    )
    assert [reported.split(":")[0] for reported in mistakes(two_broken)] == [
        "process.invoices.mailbox[0].address",
        "process.invoices.mailbox[1].address",
    ]
    broken_initial = WHOLE.replace("initial = true", 'initial = "true"').replace(
        'name = "approval"', "name = 1"
    )
    assert [reported.split(":")[0] for reported in mistakes(broken_initial)] == [
        "process.invoices.stage[0].initial",
        "process.invoices.stage[1].name",
    ]


VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["imap", "corp", "approval"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "name", "stage", "\n"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(tree: object) -> list[tuple[Any, Any]]:
    """Each table or list inside `tree` with each of its keys or indexes."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    )
    here = [(tree, key) for key in keys]
    return here + [place for inside, key in here for place in places(inside[key])]  # type: ignore[index]  # either kind has them


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_conversion_and_checks_continue_with_any_value_anywhere(data: st.DataObject) -> None:
    tree = tomllib.loads(WHOLE + SECOND_MAILBOX)
    for _ in range(data.draw(st.integers(1, 3))):
        table, key = data.draw(st.sampled_from(places({"": tree})[1:] or [(tree, "process")]))
        if data.draw(st.booleans()):
            table[key] = data.draw(VALUES)
        else:
            del table[key]
    walker = Walker()
    file = walker.table(SettingsFile, tree)
    found = [
        *walker.mistakes,
        *check(file, {m.path for m in walker.mistakes}, {"broker": "a", "store": "b"}),
    ]
    assert all("\n" not in str(mistake) for mistake in found)
    if not found:
        assert (
            msgspec.convert(msgspec.to_builtins(file, enc_hook=str), SettingsFile, dec_hook=_path)
            == file
        )


def _path(kind: type, value: str) -> object:
    return kind(value)
