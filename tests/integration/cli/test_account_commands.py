"""`mailcase user` and `mailcase token` on a real database: links and tokens work, and errors name
their fix.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from schemas.stored.desk import Token
from services.cli import main
from services.desk.accounts.accounts import Accounts, Client
from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.accounts.credentials.passwords import Passwords
from services.runtime.settings import load_settings
from services.runtime.store.mongo import Store
from tests.integration.desk.accounts.helpers import PASSWORD, code_of
from tests.integration.desk.conftest import TOML

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(servers: PrivateServers, tmp_path: Path) -> Path:
    (tmp_path / "keys").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "password").write_text("secret\n")
    store = f'[store]\nurl = "{servers.store.url}"\ndatabase = "test_{uuid.uuid4().hex[:12]}"\n'
    file = tmp_path / "mailcase.toml"
    file.write_text(store + '[desk]\npublic_url = "https://cases.office.example"\n' + TOML)
    return file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(config)])
        output = capsys.readouterr()
        return int(str(ended.value.code)), output.out.strip(), output.err.strip()

    return run


def test_a_user_is_added_listed_disabled_and_linked(run: Run, config: Path) -> None:
    assert run("user", "list")[1] == "no users"
    status, link, _ = run(
        "user", "add", "Anna@office.example", "--name", "Anna", "--group", "accounting"
    )
    assert status == 0
    assert link.startswith("https://cases.office.example/welcome?token=")
    assert "\n" not in link
    _, printed, _ = run("user", "add", "ada@office.example", "--name", "Ada", "--admin", "--json")
    ada = json.loads(printed)
    assert (ada["admin"], ada["disabled"], ada["signs_in_by"]) == (True, False, "nothing")
    assert ada["link"].startswith("https://")
    _, listed, _ = run("user", "list", "--json")
    assert [json.loads(line)["address"] for line in listed.splitlines()] == [
        "ada@office.example",
        "anna@office.example",
    ]
    assert run("user", "disable", "anna@office.example")[1].endswith("disabled")
    assert "disabled" in run("user", "list")[1]
    status, _, error = run("user", "link", "anna@office.example")
    assert (status, "user enable" in error) == (1, True)
    assert run("user", "enable", "anna@office.example")[0] == 0
    assert run("user", "link", "anna@office.example")[1] != link


async def _principal_of(config: Path, secret: str) -> tuple[str, list[str]] | None:
    settings = load_settings(config, {})
    async with Store.opened(str(settings.store.url), settings.store.database) as store:
        accounts = Accounts(store, settings.desk, passwords=Passwords(memory_kib=256, passes=1))
        principal = await AccountAuthenticator(accounts).by_bearer(secret)
        if principal is None:
            return None
        roles = principal.acting.roles_in(settings.processes["invoices"])
        return principal.acting.actor.name, sorted(roles)


async def test_a_link_of_the_command_lets_a_user_in(
    servers: PrivateServers, config: Path, run: Run
) -> None:
    _, link, _ = await asyncio.to_thread(run, "user", "add", "a@office.example", "--name", "A")
    settings = load_settings(config, {})
    async with Store.opened(str(settings.store.url), settings.store.database) as store:
        accounts = Accounts(store, settings.desk, passwords=Passwords(memory_kib=256, passes=1))
        entered = await accounts.use_link(code_of(link), PASSWORD, Client(address="192.0.2.1"))
        assert entered.user.id == "a@office.example"
    status, secret, _ = await asyncio.to_thread(
        run, "token", "create", "Robot", "--scope", "cases:read", "--role", "reader"
    )
    assert (status, secret[:4], "\n" in secret) == (0, "mlc_", False)
    assert await _principal_of(config, secret) == ("Robot", ["reader"])
    _, listed, _ = await asyncio.to_thread(run, "token", "list", "--json")
    (token,) = [json.loads(line) for line in listed.splitlines()]
    assert set(token) == set(Token.__struct_fields__) - {"hash"}
    assert secret not in listed
    assert (await asyncio.to_thread(run, "token", "revoke", token["id"]))[0] == 0
    assert await _principal_of(config, secret) is None
    status, _, error = await asyncio.to_thread(run, "token", "revoke", token["id"])
    assert (status, "token list" in error) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (["user", "add", "anna", "--name", "A"], 2, "anna@example.com"),
        (["user", "add", "a@b.example", "--name", " "], 2, "1 to 200 characters"),
        (["user", "add", "a@b.example"], 2, "--help"),
        (["user", "disable", "nobody@b.example"], 1, "user list"),
        (["token", "create", "x"], 2, "--help"),
        (["token", "create", "x", "--scope", "all"], 2, "cases:read"),
        (["token", "create", "x", "--scope", "cases:read", "--process", "nope"], 2, "invoices"),
        (["token", "create", "x", "--scope", "cases:read", "--role", "nope"], 2, "approver"),
        (["token", "create", "x", "--scope", "cases:read", "--expires", "soon"], 2, "90d"),
        (
            ["token", "create", "x", "--scope", "cases:read", "--owner", "no@b.example"],
            1,
            "user list",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_fix(
    run: Run, arguments: list[str], status: int, hint: str
) -> None:
    found, output, error = run(*arguments)
    assert (found, output) == (status, "")
    assert hint in error
    assert len(error.splitlines()) == 1
