"""The settings of the desk: mistakes are reported with their place and a fix."""

import re
from pathlib import Path

import pytest

from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load_settings
from tests.unit.runtime.settings.texts import WHOLE

OIDC = """
[desk]
login = "oidc"
public_url = "https://cases.example.com/"
[desk.oidc]
issuer = "https://login.example.com/realms/firm"
client_id = "mailcase"
client_secret_file = "secrets/oidc"
"""


def _load(folder: Path, text: str) -> Settings:
    file = folder / "mailcase.toml"
    file.write_text(WHOLE + text)
    return load_settings(file, {})


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '[desk]\nlisten = "8080"',
            'desk.listen: needs a host and a port such as "127.0.0.1:8080"',
        ),
        ('[desk]\nlisten = "127.0.0.1:99999"', "desk.listen: names port 99999"),
        ('[desk]\nlisten = "0.0.0.0:8080"', "desk.public_url: is missing"),
        ('[desk]\npublic_url = "http://cases.example.com"', "desk.public_url: begins with http"),
        ('[desk]\npublic_url = "https://cases.example.com/x"', "desk.public_url: needs a URL"),
        ('[desk]\npublic_url = "https://cases.example.com:x"', "desk.public_url: needs|has"),
        (
            '[desk]\ntrusted_proxies = ["10.0.0.1/8"]',
            "desk.trusted_proxies[0]: is not an IP network",
        ),
        ('[desk]\nsession_idle = "8d"', 'desk.session_idle: is "8d", above session_length'),
        ('[desk]\nsession_length = "91d"', 'desk.session_length: is "91d"; write at most "90d"'),
        ('[desk]\nlogin = "oidc"', 'desk.oidc.issuer: is missing, although desk.login is "oidc"'),
        ('[desk.oidc]\nclient_id = "x"', 'desk.oidc: has no effect with desk.login = "local"'),
        (
            OIDC.replace("https://login", "http://login"),
            "desk.oidc.issuer: needs a URL that begins with https://",
        ),
        (OIDC + 'scopes = ["email"]', 'desk.oidc.scopes: do not include "openid"'),
        (OIDC + 'client_secret = "hunter2"', "desk.oidc.client_secret: there is no such setting"),
    ],
)
def test_a_mistake_of_the_desk_is_named_with_its_place(
    tmp_path: Path, text: str, mistake: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    alternatives = [
        f"{tmp_path}/mailcase.toml: {mistake.split(':', maxsplit=1)[0]}: {start}"
        for start in mistake.partition(": ")[2].split("|")
    ]
    assert any(
        line.startswith(tuple(alternatives))
        for line in re.sub(r"line [0-9]+: ", "", str(caught.value)).splitlines()
    )
    assert "hunter2" not in str(caught.value)


def test_files_of_the_provider_are_below_the_folder_of_the_settings(tmp_path: Path) -> None:
    desk = _load(tmp_path, OIDC).desk
    assert desk.oidc.client_secret_file == tmp_path / "secrets/oidc"
    assert desk.base_url == "https://cases.example.com"


def test_without_a_public_url_the_desk_is_where_it_listens(tmp_path: Path) -> None:
    assert _load(tmp_path, "").desk.base_url == "http://127.0.0.1:8080"
