"""What a token may do with the account of its owner: nothing but end itself."""

from collections.abc import Callable

import pytest
from starlette.types import ASGIApp

from services.desk.accounts.web.wiring import http_authenticator
from services.desk.app import build_app
from services.desk.desk import Desk
from tests.asgi import Client
from tests.integration.desk.accounts.helpers import ANNA, join

API = "/api/v1"


@pytest.fixture
def app(desk: Desk) -> ASGIApp:
    return build_app(desk, http_authenticator(desk))


@pytest.fixture
def bearer(app: ASGIApp) -> Callable[[str], Client]:
    return lambda token: Client(app, {"authorization": f"Bearer {token}"})


async def test_a_stolen_token_ends_no_session_and_no_other_token(
    desk: Desk, bearer: Callable[[str], Client]
) -> None:
    anna = await join(desk.accounts)
    stolen, own = await desk.accounts.tokens.create("Scanner", ["cases:read"], owner=ANNA)
    _, other = await desk.accounts.tokens.create("Robot", ["cases:work"], owner=ANNA)
    client = bearer(stolen)
    assert (await client.ask("GET", f"{API}/sessions")).status == 403
    assert (await client.ask("DELETE", f"{API}/sessions/{anna.session.id}")).status == 404
    assert (await client.ask("DELETE", f"{API}/tokens/{other.id}")).status == 404
    [seen] = (await client.ask("GET", f"{API}/tokens")).json()["items"]
    assert seen["id"] == own.id
    assert await desk.accounts.sessions.look_up(anna.session.id) is not None
    assert (await client.ask("DELETE", f"{API}/tokens/{own.id}")).status == 204
    assert (await client.ask("GET", f"{API}/me")).status == 401


async def test_a_person_has_only_so_many_valid_tokens(
    desk: Desk, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.api.accounts.tokens.MAX_OWN_TOKENS", 1)
    anna = await join(desk.accounts)
    headers = {"cookie": f"__Host-mailcase={anna.cookie}", "sec-fetch-site": "same-origin"}
    client, body = Client(app, headers), {"name": "Robot", "scopes": ["cases:read"]}
    made = await client.ask("POST", f"{API}/tokens", body)
    assert made.status == 201
    refused = await client.ask("POST", f"{API}/tokens", body)
    assert (refused.status, refused.json()["reason"]) == (409, "too-many-tokens")
    [shown] = (await client.ask("GET", f"{API}/tokens")).json()["items"]
    assert (await client.ask("DELETE", f"{API}/tokens/{shown['id']}")).status == 204
    assert (await client.ask("POST", f"{API}/tokens", body)).status == 201
