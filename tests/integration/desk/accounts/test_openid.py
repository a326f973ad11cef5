"""Log-in with a real OpenID provider, and every known way to forge one."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec.structs import replace

from schemas.stored.desk import AuditEntry, DeskSession, LoginAttempts
from services.cli.check import _check_provider
from services.desk.accounts import login_limits
from services.desk.accounts.web.wiring import http_authenticator, sign_in_routes
from services.desk.app import build_app
from services.desk.audit_log import AuditFilter
from services.desk.build import build_desk
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.runtime.settings import Desk as DeskSettings
from services.runtime.settings import Oidc, Settings
from tests.browser.scripts import require_programs, run_script
from tests.integration.desk.accounts.openid import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    Page,
    RunningProvider,
    free_port,
    running_provider,
    served,
)

ANNA: dict[str, Any] = {
    "sub": "anna-1",
    "email": "Anna@office.example",
    "email_verified": True,
    "name": "Anna Nowak",
    "groups": ["accounting"],
}
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def url() -> str:
    """The URL of the desk."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def provider(url: str) -> Iterator[RunningProvider]:
    with running_provider(url) as provider:
        yield provider


@pytest.fixture
async def office(
    desk: Desk, settings: Settings, provider: RunningProvider, url: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """A desk whose people log in with the provider, on its port."""
    (tmp_path / "oidc").write_text(CLIENT_SECRET + "\n")
    oidc = Oidc(issuer=provider.issuer, client_id=CLIENT_ID, client_secret_file=tmp_path / "oidc")
    section = DeskSettings(login="oidc", oidc=oidc)
    office = build_desk(replace(settings, desk=section), desk.store, url, desk.tools)
    authenticator = http_authenticator(office)
    app = build_app(office, authenticator, page_routes(office, authenticator))
    async with served(app, int(url.rpartition(":")[2])):
        yield office


async def to_callback(browser: Browser, url: str, next_path: str = "/cases/7") -> Page:
    """Log in at the provider; returns the redirect to the desk, which is not followed yet."""
    page = await browser.get(f"{url}/sign-in/provider?{urlencode({'next': next_path})}")
    assert page.status == 303
    return await browser.follow(page, f"{url}/sign-in/provider/callback")


async def sign_in(provider: RunningProvider, url: str, **person: Any) -> tuple[Browser, Page]:
    await provider.person(**(ANNA | person))
    browser = Browser()
    page = await to_callback(browser, url)
    return browser, await browser.get(page.location)


def problem(page: Page) -> str:
    """The reason why the desk refused."""
    assert (page.status, page.query.get("problem")) == (303, "provider"), page
    assert "mailcase" not in page.headers.get("set-cookie", "").replace("mailcase-login", "")
    return page.query["reason"]


async def test_a_person_of_the_provider_signs_in_with_their_groups(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    browser, page = await sign_in(provider, url)
    assert (page.status, page.location) == (303, f"{url}/cases/7")
    me = (await browser.get(f"{url}/api/v1/me")).text
    assert '"id":"anna@office.example"' in me
    assert '"roles":["approver","reader","worker"]' in me
    user = await office.accounts.users.existing("anna@office.example")
    assert (user.issuer, user.subject, user.password_hash) == (provider.issuer, "anna-1", None)
    # the groups of the next log-in replace those of the last
    again, _ = await sign_in(provider, url, groups=[], name="Anna Kowalska")
    me = (await again.get(f"{url}/api/v1/me")).text
    assert '"groups":[]' in me
    assert "Anna Kowalska" in me
    form = await browser.get(f"{url}/sign-in")
    assert 'href="/sign-in/provider?next=%2F"' in form.text
    assert "password" not in form.text


async def test_an_account_made_beforehand_is_theirs_and_no_second_identity_gets_it(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    _, link = await office.accounts.add_user("anna@office.example", "A.", [], admin=True, by="test")
    assert link is None
    browser, _ = await sign_in(provider, url)
    assert '"admin":true' in (await browser.get(f"{url}/api/v1/me")).text
    _, page = await sign_in(provider, url, sub="somebody-else")
    assert problem(page) == "address-taken"
    # their address changed at the provider: they stay who they are here
    browser, _ = await sign_in(provider, url, email="nowak@office.example")
    assert '"id":"anna@office.example"' in (await browser.get(f"{url}/api/v1/me")).text


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"email_verified": False}, "unverified-address"),
        ({"email_verified": "true"}, "unverified-address"),
        ({"email": None}, "no-address"),
        ({"email": "anna"}, "no-address"),
        ({"email": "a@b.example\r\nX: y"}, "no-address"),
        ({"sub": None}, "no-code"),
    ],
)
async def test_who_is_not_proven_does_not_enter(
    office: Desk, provider: RunningProvider, url: str, person: dict[str, Any], reason: str
) -> None:
    _, page = await sign_in(provider, url, **person)
    assert problem(page) == reason
    assert "script" not in page.location
    assert not await office.accounts.users.any()
    (entry,) = await office.accounts.audit.entries(AuditFilter(what="login-failed"), limit=5)
    assert (entry.object, entry.address) == (reason, "127.0.0.1")


async def test_a_disabled_person_does_not_enter(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    browser, _ = await sign_in(provider, url)
    await office.accounts.disable("anna@office.example", by="test")
    assert (await browser.get(f"{url}/api/v1/me")).status == 401
    assert problem((await sign_in(provider, url))[1]) == "disabled"


async def test_a_callback_counts_once_and_in_the_browser_that_began(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    await provider.person(**ANNA)
    browser, victim = Browser(), Browser()
    callback = (await to_callback(browser, url)).location
    # the attacker's callback in the browser of a victim, who began a log-in of their own, or none
    assert problem(await victim.get(callback)) == "wrong-state"
    await victim.get(f"{url}/sign-in/provider")
    assert problem(await victim.get(callback)) == "wrong-state"
    # a mixed-up state, a state of nobody, none, and two
    for state in ("x", "%00", "&state=", "a&state=b"):
        other = Browser()
        mixed = (await to_callback(other, url)).location.replace("state=", f"state={state}")
        assert problem(await other.get(mixed)) == "wrong-state"
    held = dict(browser.cookies)
    cookies = {port: dict(jar) for port, jar in held.items()}
    assert (await browser.get(callback)).location == f"{url}/cases/7"
    assert problem(await browser.get(callback)) == "wrong-state"
    # with a copy of the cookie, the provider refuses the code
    assert problem(await Browser(cookies).get(callback)) == "provider-refused"


async def test_a_code_of_another_log_in_is_refused(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    """Code injection: PKCE and the nonce bind a code to the log-in for which it was issued."""
    await provider.person(**ANNA)
    stolen = (await to_callback(Browser(), url)).query["code"]
    browser = Browser()
    callback = await to_callback(browser, url)
    injected = callback.location.replace(callback.query["code"], stolen)
    assert problem(await browser.get(injected)) == "provider-refused"


async def test_a_callback_of_another_provider_is_refused(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    await provider.person(**ANNA)
    for change in (lambda text: text.replace("iss=http", "iss=https"), _without_issuer):
        browser = Browser()
        callback = await to_callback(browser, url)
        assert "iss=" in callback.location
        assert problem(await browser.get(change(callback.location))) == "wrong-issuer"


def _without_issuer(location: str) -> str:
    head, _, rest = location.partition("iss=")
    return head + rest.partition("&")[2]


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_signing_in_leads_to_no_other_site(
    office: Desk, provider: RunningProvider, url: str, path: str
) -> None:
    await provider.person(**ANNA)
    browser = Browser()
    callback = await to_callback(browser, url, path)
    assert (await browser.get(callback.location)).location == f"{url}/"


async def test_new_keys_of_the_provider_are_found_and_its_absence_is_a_page(
    office: Desk, provider: RunningProvider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(provider, url)
    monkeypatch.setattr("services.desk.accounts.oidc.provider.REFRESH_PAUSE_S", 0.0)
    provider.restart(claims_in_id_token=True)
    _, page = await sign_in(provider, url)
    assert page.location == f"{url}/cases/7"
    await provider.person(**ANNA)
    browser = Browser()
    callback = await to_callback(browser, url)
    provider.stop()
    assert problem(await browser.get(callback.location)) == "unavailable"
    provider.restart()


async def test_the_check_of_the_settings_asks_the_provider(
    office: Desk, provider: RunningProvider
) -> None:
    section = office.settings.desk
    finding = await _check_provider(section)
    assert finding.ok
    assert finding.detail.startswith(f"{provider.issuer} publishes 1 usable key")
    for wrong in (
        replace(section.oidc, issuer=f"{provider.issuer}/realms/other"),
        replace(section.oidc, issuer=f"http://localhost:{provider.port}"),
        replace(section.oidc, issuer=f"http://127.0.0.1:{free_port()}"),
        replace(section.oidc, client_secret_file=Path("/nonexistent")),
    ):
        finding = await _check_provider(replace(section, oidc=wrong))
        assert not finding.ok
        assert "[desk.oidc]" in finding.hint


async def test_groups_can_be_required(office: Desk, provider: RunningProvider, url: str) -> None:
    oidc = replace(office.settings.desk.oidc, allowed_groups=("accounting",))
    section = replace(office.settings.desk, oidc=oidc)
    port = free_port()
    other_url = f"http://127.0.0.1:{port}"
    with running_provider(other_url) as own:
        section = replace(section, oidc=replace(oidc, issuer=own.issuer))
        other = build_desk(
            replace(office.settings, desk=section), office.store, other_url, office.tools
        )
        app = build_app(other, http_authenticator(other), sign_in_routes(other))
        async with served(app, port):
            _, page = await sign_in(own, other_url, groups=["sales"])
            assert problem(page) == "not-allowed"
            _, page = await sign_in(own, other_url, groups=["sales", "accounting"])
            assert page.location == f"{other_url}/cases/7"


async def test_the_provider_logs_out_one_session_at_once(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    browser, _ = await sign_in(provider, url)
    elsewhere, _ = await sign_in(provider, url)
    assert (await browser.get(f"{url}/api/v1/me")).status == 200
    form = (await browser.get(f"{provider.issuer}/session/end")).text
    secret = form.partition('name="xsrf" value="')[2].partition('"')[0]
    await browser.submit(f"{provider.issuer}/session/end/confirm", xsrf=secret, logout="yes")
    assert (await browser.get(f"{url}/api/v1/me")).status == 401
    assert (await elsewhere.get(f"{url}/api/v1/me")).status == 200


async def test_a_forged_logout_token_logs_nobody_out(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    browser, _ = await sign_in(provider, url)
    (session,) = await office.store.collection(DeskSession.COLLECTION).find({})
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 60,
        "jti": "1",
        "sub": "anna-1",
        "sid": session["provider_session"],
        "events": {LOGOUT_EVENT: {}},
    }
    key = RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256", "typ": "logout+jwt"}, claims, key)
    for token in (forged, "", "a.b.c", "x" * 60_000):
        page = await browser.submit(f"{url}/sign-in/provider/logout", logout_token=token)
        assert page.status == 400
        assert '"error":"invalid_request"' in page.text
        assert page.headers["cache-control"] == "no-store"
    assert (await browser.get(f"{url}/api/v1/me")).status == 200


async def test_chromium_lets_a_person_sign_in_at_the_provider_and_out_of_both(
    office: Desk, provider: RunningProvider, url: str
) -> None:
    require_programs()
    await provider.person(**ANNA)
    await run_script("provider.mjs", DESK_URL=url, PROVIDER_URL=provider.issuer)


async def test_forged_callbacks_are_limited_for_each_network(
    office: Desk, provider: RunningProvider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each made us ask the provider, and filled the audit log."""
    limit = login_limits.Limit("callback", 3, timedelta(minutes=15))
    monkeypatch.setattr(login_limits, "CALLBACK", limit)
    await office.store.collection(LoginAttempts.COLLECTION).delete({})
    for _ in range(5):  # those that succeed do not count
        _, page = await sign_in(provider, url)
        assert page.location == f"{url}/cases/7"
    forger, before = Browser(), await entries(office)
    forged = [await forger.get(f"{url}/sign-in/provider/callback?code=x") for _ in range(6)]
    assert [page.status for page in forged] == [303] * 3 + [429] * 3
    assert "Too many attempts" in forged[-1].text
    added = [entry.what for entry in (await entries(office))[: -len(before) or None]]
    assert sorted(added) == ["login-failed"] * 3 + ["login-refused"]


async def entries(office: Desk) -> list[AuditEntry]:
    return await office.accounts.audit.entries(AuditFilter(), limit=100)
