"""What `init` writes is TOML that loads, and reads like a person's."""

import os
from pathlib import Path

import pytest

from services.cli.init.credentials import CredentialDraft
from services.cli.init.draft import Draft, MailboxDraft, OAuth2Draft, ProcessDraft, ServerDraft
from services.cli.init.existing import Existing, free_name, name_from
from services.cli.init.files import free_file, write
from services.cli.init.processes import _parsed
from services.cli.init.setup import Place, place
from services.cli.init.templates import TEMPLATES
from services.runtime.errors import PermanentError
from services.runtime.settings import load_settings

NOTHING = Existing(None, None)


def draft(template: str = "invoices", **more: str) -> Draft:
    kind = TEMPLATES[template]
    return Draft(
        MailboxDraft(kind.name, "firm", "a@firm.example", "a@firm.example", **more),
        ServerDraft("server", "firm", "imap", "imap.firm.example", 993, "tls"),
        ProcessDraft(kind.name, 'Faktury "kosztowe" \\ Żółw', kind.stages, kind.fields),
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_loads(template: str, tmp_path: Path) -> None:
    config = tmp_path / "mailcase.toml"
    write(config, draft(template, password_file="a.password"), NOTHING, {"a.password": "x\n"})
    [process] = load_settings(config, os.environ).processes.values()
    assert process.title == 'Faktury "kosztowe" \\ Żółw'
    assert process.stages[-1].final
    assert all(len(line) <= 100 for line in config.read_text().splitlines())


def test_tokens_load_as_well(tmp_path: Path) -> None:
    config = tmp_path / "mailcase.toml"
    section = OAuth2Draft("microsoft", "microsoft", "microsoft.secret", "firm.example", "an-id")
    with_tokens = Draft(draft(oauth2="microsoft").mailbox, draft().server, draft().process, section)
    write(config, with_tokens, NOTHING, {"microsoft.secret": "s\n"})
    assert load_settings(config, os.environ).oauth2["microsoft"].tenant == "firm.example"
    assert CredentialDraft(oauth2="microsoft").password_file == ""


@pytest.mark.parametrize("taken", ["mailcase.toml", "a.password"])
def test_no_file_is_overwritten_and_nothing_half_written_stays(taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(PermanentError, match="exists already; nothing was changed"):
        write(
            tmp_path / "mailcase.toml",
            draft(password_file="a.password"),
            NOTHING,
            {"a.password": "x\n"},
        )
    assert [file.name for file in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.password").symlink_to(tmp_path / "elsewhere")
    assert free_file(tmp_path, "a.password") == "a-2.password"


def test_names_of_sections_are_made_of_any_text() -> None:
    assert name_from("Żółw & Synowie", "mail") == "w-synowie"
    assert name_from("请", "mail") == "mail"
    assert free_name("mail", ["mail", "mail-2"]) == "mail-3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imap.example.com", Place("imap.example.com", 993, "tls")),
        ("imap.example.com:143", Place("imap.example.com", 143, "starttls")),
        ("[2001:db8::1]:1993", Place("2001:db8::1", 1993, "tls")),
        ("2001:db8::1", Place("2001:db8::1", 993, "tls")),
    ],
)
def test_a_server_is_named_with_or_without_its_port(text: str, expected: Place) -> None:
    assert place("imap", None)(text) == expected


@pytest.mark.parametrize("text", ["https://example.com", "a b", "a:0", "a:65536", "a:x", ""])
def test_an_invalid_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"needs|not a port"):
        place("imap", None)(text)


@pytest.mark.parametrize("text", ["", "a,a", "ż", "a;b", ",".join(map(str, range(31)))])
def test_stages_need_usable_names(text: str) -> None:
    with pytest.raises(ValueError, match="needs"):
        _parsed(text)
