"""The settings for outgoing mail: their values, and each mistake with its position and fix."""

from pathlib import Path

import pytest

from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load_settings, masked

WHOLE = """
[server.corp]
protocol = "imap"
host = "imap.example.com"
[smtp.relay]
host = "smtp.example.com"
user = "mailcase"
password_env = "RELAY"
[case_reference]
key_file = "keys"
[process.invoices]
title = "Cost invoice circulation"
[process.invoices.acknowledgement]
enabled = true
language = "pl"
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_file = "password"
"""


def loaded(folder: Path, text: str) -> Settings:
    (folder / "mailcase.toml").write_text(text)
    return load_settings(folder / "mailcase.toml", {})


def reported_mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        loaded(folder, text)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_a_process_sends_by_the_only_server_under_its_title(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WHOLE)
    process, relay = settings.processes["invoices"], settings.smtp["relay"]
    assert (process.smtp, process.from_name, process.from_address) == (
        "relay",
        "Cost invoice circulation",
        None,
    )
    assert (process.acknowledgement.enabled, process.acknowledgement.language) == (True, "pl")
    assert (relay.name, relay.port, relay.security) == ("relay", 465, "tls")
    assert relay.password({"RELAY": "hunter2\n"}) == "hunter2"
    assert settings.case_reference.key_file == tmp_path / "keys"


@pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587), ("none", 25)])
def test_the_default_port_depends_on_security(tmp_path: Path, security: str, port: int) -> None:
    text = WHOLE.replace('host = "smtp', f'security = "{security}"\nhost = "smtp')
    assert loaded(tmp_path, text).smtp["relay"].port == port


def test_files_start_at_the_file_s_own_folder(tmp_path: Path) -> None:
    relay = loaded(
        tmp_path, WHOLE.replace('password_env = "RELAY"', 'password_file = "p"\nca_file = "c"')
    ).smtp["relay"]
    assert (relay.password_file, relay.ca_file) == (tmp_path / "p", tmp_path / "c")


def test_without_a_word_about_it_nothing_is_acknowledged(tmp_path: Path) -> None:
    text = WHOLE.replace('[process.invoices.acknowledgement]\nenabled = true\nlanguage = "pl"', "")
    assert not loaded(tmp_path, text).processes["invoices"].acknowledgement.enabled


def test_the_list_of_settings_shows_no_user_and_no_address(tmp_path: Path) -> None:
    shown = str(
        masked(
            loaded(
                tmp_path,
                WHOLE.replace('title = "C', 'from_address = "office@example.com"\ntitle = "C'),
            )
        )
    )
    assert "office@example.com" not in shown
    assert "'user': 'mailcase'" not in shown


def test_a_password_that_is_missing_names_the_server(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="smtp relay: no password: the variable RELAY is not set"
    ):
        loaded(tmp_path, WHOLE).smtp["relay"].password({})


MISTAKES = [
    ('[case_reference]\nkey_file = "keys"', "", "case_reference.key_file: is missing"),
    (
        'user = "mailcase"\n',
        "",
        "smtp.relay.user: is missing; name the user to whom password_env belongs",
    ),
    ('password_env = "RELAY"', "", "smtp.relay: has a user and no password"),
    (
        'password_env = "RELAY"',
        'password_env = "R"\npassword_file = "f"',
        "smtp.relay: has password_file and password_env",
    ),
    (
        'password_env = "RELAY"',
        'oauth2 = "cloud"',
        "smtp.relay.oauth2: there is no section oauth2.cloud",
    ),
    (
        'password_env = "RELAY"',
        'password = "x"',
        "smtp.relay.password: there is no such setting; a secret never",
    ),
    (
        "[smtp.relay]",
        '[smtp.relay]\nsecurity = "none"\nca_file = "c"',
        "smtp.relay.ca_file: has no effect",
    ),
    (
        'title = "C',
        'smtp = "rely"\ntitle = "C',
        'process.invoices.smtp: no smtp server is named "rely"; did you mean "relay"',
    ),
    (
        "[smtp.relay]",
        '[smtp.other]\nhost = "b.example"\n[smtp.relay]',
        "process.invoices.acknowledgement.enabled: does not say",
    ),
    (
        "[case_reference]",
        "[sender]\nretry_first_s = 60\nretry_longest_s = 10\n[case_reference]",
        "sender.retry_first_s: is above",
    ),
]


@pytest.mark.parametrize(("old", "new", "mistake"), MISTAKES)
def test_a_mistake_is_reported_with_its_position(
    tmp_path: Path, old: str, new: str, mistake: str
) -> None:
    assert old in WHOLE
    assert any(
        reported.startswith(mistake)
        for reported in reported_mistakes(tmp_path, WHOLE.replace(old, new))
    )


def test_an_acknowledgement_needs_a_server_and_an_address_to_send_from(tmp_path: Path) -> None:
    no_server = WHOLE.replace(
        '[smtp.relay]\nhost = "smtp.example.com"\nuser = "mailcase"\npassword_env = "RELAY"', ""
    )
    assert reported_mistakes(tmp_path, no_server) == [
        "process.invoices.acknowledgement.enabled: has no server for sending; write [smtp.NAME]"
    ]
    no_mailbox = WHOLE[: WHOLE.index("[[process.invoices.mailbox]]")]
    [mistake] = reported_mistakes(tmp_path, no_mailbox)
    assert mistake.startswith(
        "process.invoices.acknowledgement.enabled: has no sender address; set "
    )
