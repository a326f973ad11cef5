"""Logging in and out over HTTP, and attacks on it."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp

from services.desk.accounts.accounts import Client as Visitor
from services.desk.accounts.credentials.passwords import Passwords
from services.desk.accounts.web.wiring import http_authenticator, sign_in_routes
from services.desk.app import build_app
from services.desk.build import build_desk
from services.desk.desk import Desk
from services.desk.pages.routes import page_routes
from services.runtime.settings import Settings
from tests.asgi import Answer, Client
from tests.integration.desk.accounts.helpers import ANNA, OFFICE, PASSWORD, code_of, join

OWN = {"sec-fetch-site": "same-origin"}
ME = "/api/v1/me"


@pytest.fixture
def app(desk: Desk) -> ASGIApp:
    desk.accounts.passwords = Passwords(memory_kib=256, passes=1)
    return build_app(desk, http_authenticator(desk), sign_in_routes(desk))


def cookies_of(answer: Answer) -> dict[str, str]:
    """The cookies that the response sets, by name, with their attributes."""
    return {text.partition("=")[0]: text for text in answer.cookies}


def value_of(answer: Answer, name: str = "__Host-mailcase") -> str:
    return cookies_of(answer)[name].partition("=")[2].partition(";")[0]


async def submit(
    app: ASGIApp, path: str, fields: Mapping[str, str], headers: Mapping[str, str] = OWN
) -> Answer:
    """Send a form like a browser."""
    media = {"content-type": "application/x-www-form-urlencoded"}
    return await Client(app).ask(
        "POST", path, content=urlencode(fields).encode(), headers=media | dict(headers)
    )


async def sign_in(app: ASGIApp, headers: Mapping[str, str] = OWN, **fields: str) -> Answer:
    return await submit(app, "/sign-in", {"address": ANNA, "password": PASSWORD} | fields, headers)


async def who(app: ASGIApp, cookie: str, name: str = "__Host-mailcase") -> Answer:
    return await Client(app).ask("GET", ME, headers={"cookie": f"{name}={cookie}"})


async def test_the_cookie_of_a_session_stays_with_this_host_and_out_of_scripts(
    app: ASGIApp, desk: Desk
) -> None:
    await join(desk.accounts)
    answer = await sign_in(app)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert answer.headers["cache-control"] == "no-store"
    for name in ("__Host-mailcase", "__Host-mailcase-device"):
        attributes = cookies_of(answer)[name].split("; ")[1:]
        assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= set(attributes)
        assert not any(attribute.startswith("Domain") for attribute in attributes)
    me = (await who(app, value_of(answer))).json()
    assert (me["id"], me["kind"], me["admin"]) == (ANNA, "person", False)
    assert {"process": "help", "roles": ["reader", "worker"]} in me["roles"]
    out = await submit(
        app, "/sign-out", {}, OWN | {"cookie": f"__Host-mailcase={value_of(answer)}"}
    )
    assert "Max-Age=0" in cookies_of(out)["__Host-mailcase"]
    assert (await who(app, value_of(answer))).status == 401


async def test_over_plain_http_cookies_are_plain_on_this_machine_alone(
    desk: Desk, settings: Settings
) -> None:
    local = build_desk(settings, desk.store, "http://127.0.0.1:8080", desk.tools)
    local.accounts.passwords = Passwords(memory_kib=256, passes=1)
    app = build_app(local, http_authenticator(local), sign_in_routes(local))
    await join(local.accounts)
    answer = await sign_in(app)
    assert "Secure" not in cookies_of(answer)["mailcase"]
    assert (await who(app, value_of(answer, "mailcase"), "mailcase")).status == 200
    assert (await who(app, value_of(answer, "mailcase"))).status == 401


async def test_a_planted_session_is_no_session_after_signing_in(app: ASGIApp, desk: Desk) -> None:
    await join(desk.accounts)
    planted = {"cookie": "__Host-mailcase=planted-by-an-attacker"}
    answer = await sign_in(app, OWN | planted)
    assert value_of(answer) != "planted-by-an-attacker"
    assert (await who(app, "planted-by-an-attacker")).status == 401
    # an attacker's own session, planted in a victim's browser, ends when the victim signs in
    again = await sign_in(app, OWN | {"cookie": f"__Host-mailcase={value_of(answer)}"})
    assert value_of(again) != value_of(answer)
    assert (await who(app, value_of(answer))).status == 401
    assert (await who(app, value_of(again))).status == 200


async def test_two_cookies_of_one_name_prove_nothing(app: ASGIApp, desk: Desk) -> None:
    await join(desk.accounts)
    value = value_of(await sign_in(app))
    headers = {"cookie": f"__Host-mailcase={value}; __Host-mailcase=other"}
    assert (await Client(app).ask("GET", ME, headers=headers)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://desk.test.evil.example"},
        {"origin": "http://desk.test:81"},
        {},
    ],
)
async def test_no_other_site_signs_anyone_in_or_out(
    app: ASGIApp, desk: Desk, headers: Mapping[str, str]
) -> None:
    _, url = await desk.accounts.add_user("new@office.example", "New", [], admin=False, by="t")
    await join(desk.accounts)
    cookie = {"cookie": f"__Host-mailcase={value_of(await sign_in(app))}"}
    form = {"token": code_of(url), "password": PASSWORD, "repeat": PASSWORD}
    for answer in (
        await sign_in(app, headers),
        await submit(app, "/sign-out", {}, {**headers, **cookie}),
        await submit(app, "/welcome", form, headers),
        await Client(app).ask(
            "POST",
            "/api/v1/tokens",
            {"name": "x", "scopes": ["cases:read"]},
            headers={**headers, **cookie},
        ),
    ):
        assert answer.status == 403
        assert not answer.cookies
    assert (await Client(app).ask("GET", ME, headers=cookie)).status == 200
    assert (await desk.accounts.open_link(code_of(url))).purpose == "invite"


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/cases/7?tab=mail#c", "/cases/7?tab=mail#c"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/\r\nLocation: https://evil.example/", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        (" //evil.example", "/"),
        ("/%0d%0aSet-Cookie:a=b", "/%0d%0aSet-Cookie:a=b"),
        ("/\u2028/evil.example", "/"),
        ("/" + "x" * 5000, "/"),
    ],
)
async def test_signing_in_leads_to_no_other_site(
    app: ASGIApp, desk: Desk, wanted: str, location: str
) -> None:
    await join(desk.accounts)
    answer = await sign_in(app, next=wanted)
    assert answer.headers["location"] == location
    assert set(cookies_of(answer)) == {"__Host-mailcase", "__Host-mailcase-device"}
    form = await Client(app).ask("GET", "/sign-in?" + urlencode({"next": wanted}))
    shown = re.search(r'name="next" value="([^"]*)"', form.body.decode())
    assert shown is not None
    assert shown[1] == location


async def test_nothing_that_a_client_sends_begins_a_line_of_the_log_or_a_header(
    app: ASGIApp, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await join(desk.accounts)
    evil = 'x\r\nts=1 level=error event=forged"\u2028\x1b[2J'
    with caplog.at_level(logging.DEBUG, logger="services"):
        for address in (evil, ANNA + evil):
            answer = await sign_in(
                app,
                OWN | {"user-agent": "Fire\x1bfox", "x-forwarded-for": "192.0.2.1\x1b"},
                address=address,
                next=evil,
            )
            assert answer.status == 401
        await sign_in(app, OWN | {"user-agent": "Fire\x1b[31mfox"})
    ours = [
        f"{record.getMessage()} {vars(record).get('fields')}"
        for record in caplog.records
        if record.name.startswith("services.")
    ]
    assert ours
    for secret in ("forged", PASSWORD):
        assert not any(secret in line for line in ours), secret
    session = (await desk.accounts.sessions.of_user(ANNA))[0]
    assert session.user_agent.isprintable()
    markup = await sign_in(app, address='"><script>alert(1)</script>')
    assert "<script" not in markup.body.decode()


async def test_a_thousand_guesses_over_http_and_the_owner_elsewhere(
    app: ASGIApp, desk: Desk
) -> None:
    await join(desk.accounts)
    statuses = []
    for start in range(0, 1000, 20):
        answers = await asyncio.gather(
            *(sign_in(app, password=f"guess number {start + more}") for more in range(20))
        )
        statuses += [answer.status for answer in answers]
    assert {status: statuses.count(status) for status in set(statuses)} == {401: 10, 429: 990}
    locked = await sign_in(app)
    assert locked.status == 429
    assert int(locked.headers["retry-after"]) > 0
    elsewhere = Visitor(address="203.0.113.9")
    assert (await desk.accounts.log_in(ANNA, PASSWORD, elsewhere)).user.id == ANNA


async def test_only_a_trusted_proxy_says_where_the_guesser_is(app: ASGIApp, desk: Desk) -> None:
    await join(desk.accounts)
    statuses = [
        (
            await sign_in(
                app, OWN | {"x-forwarded-for": f"203.0.113.{number}"}, password="wrong one"
            )
        ).status
        for number in range(15)
    ]
    assert statuses.count(429) == 5


async def test_a_link_opened_by_a_scanner_is_still_good(app: ASGIApp, desk: Desk) -> None:
    _, url = await desk.accounts.add_user(ANNA, "Anna <b>Nowak", [], admin=False, by="t")
    target = "/" + str(url).split("/", 3)[3]
    for _ in range(3):
        shown = await Client(app).ask("GET", target)
        assert shown.status == 200
        assert "<b>" not in shown.body.decode()
        assert shown.headers["referrer-policy"] in {"same-origin", "no-referrer"}
    form = {"token": code_of(url), "password": PASSWORD, "repeat": "something else here"}
    assert (await submit(app, "/welcome", form)).status == 422
    assert (await submit(app, "/welcome", form | {"password": "a", "repeat": "a"})).status == 422
    entered = await submit(app, "/welcome", form | {"repeat": PASSWORD})
    assert entered.status == 303
    assert (await who(app, value_of(entered))).status == 200
    assert (await submit(app, "/welcome", form | {"repeat": PASSWORD})).status == 410
    assert (await Client(app).ask("GET", target)).status == 410


async def test_the_first_visitor_signs_up_as_administrator(app: ASGIApp, desk: Desk) -> None:
    url = await desk.accounts.first_link()
    form = {"token": code_of(url), "password": PASSWORD, "repeat": PASSWORD}
    refused = await submit(app, "/welcome", form | {"name": "Ada", "address": "not an address"})
    assert refused.status == 422
    entered = await submit(app, "/welcome", form | {"name": "Ada", "address": "Ada@office.example"})
    me = (await who(app, value_of(entered))).json()
    assert me["id"] == "ada@office.example"
    assert "admin" in me["permissions"]


async def test_a_new_password_needs_the_old_one_and_ends_every_other_session(desk: Desk) -> None:
    desk.accounts.passwords = Passwords(memory_kib=256, passes=1)
    authenticator = http_authenticator(desk)
    app = build_app(desk, authenticator, page_routes(desk, authenticator))
    other = (await join(desk.accounts)).cookie
    mine = OWN | {"cookie": f"__Host-mailcase={value_of(await sign_in(app))}"}
    form = {"current": PASSWORD, "password": "another four good words"}
    for change in ({"current": "a wrong guess"}, {"password": "short"}):
        assert (await submit(app, "/account/password", form | change, mine)).status == 422
    forged = mine | {"sec-fetch-site": "cross-site"}
    assert (await submit(app, "/account/password", form, forged)).status == 403
    changed = await submit(app, "/account/password", form, mine)
    assert changed.headers["location"] == "/account"
    assert (await who(app, other)).status == 401
    assert (await who(app, value_of(changed))).status == 200
    assert (await sign_in(app)).status == 401
    # the browser is known under the new password: guesses of others do not lock it out
    for _ in range(12):
        await sign_in(app, password="a wrong guess")
    device = value_of(changed, "__Host-mailcase-device")
    known = OWN | {"cookie": f"__Host-mailcase-device={device}"}
    assert (await sign_in(app, known, password=form["password"])).status == 303


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"address=a&password=" + b"x" * 100_000, "application/x-www-form-urlencoded", 413),
        (b"address=a&address=b&password=c", "application/x-www-form-urlencoded", 400),
        (b"address=%ff&password=c", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
        (b'{"address":"a"}', "application/json", 415),
        (b"", "application/x-www-form-urlencoded", 401),
    ],
)
async def test_a_broken_form_is_refused(
    app: ASGIApp, content: bytes, media: str, status: int
) -> None:
    headers = OWN | {"content-type": media}
    answer = await Client(app).ask("POST", "/sign-in", content=content, headers=headers)
    assert answer.status == status


def _bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def _ask(app: ASGIApp, method: str, path: str, cookie: str, body: Any = None) -> Answer:
    headers = OWN | {"cookie": f"__Host-mailcase={cookie}"}
    return await Client(app).ask(method, "/api/v1" + path, body, headers=headers)


async def test_a_person_makes_a_token_that_has_no_more_than_they_have(
    app: ASGIApp, desk: Desk
) -> None:
    anna = (await join(desk.accounts)).cookie
    body = {"name": "Robot", "scopes": ["cases:read"], "processes": ["help"]}
    made = (await _ask(app, "POST", "/tokens", anna, body)).json()
    robot = _bearer(made["secret"])
    me = (await Client(app).ask("GET", ME, headers=robot)).json()
    assert (me["kind"], me["id"], me["name"]) == ("token", made["token"]["id"], "Robot")
    assert me["permissions"] == ["cases:read"]
    assert me["roles"] == [{"process": "help", "roles": ["reader", "worker"]}]
    listed = await Client(app).ask("GET", "/api/v1/tokens", headers=robot)
    assert "hash" not in listed.body.decode()
    for refused in (
        await Client(app).ask("POST", "/api/v1/tokens", body, headers=robot),
        await _ask(app, "POST", "/tokens", anna, body | {"scopes": ["admin"]}),
    ):
        assert refused.status == 403
    wrongs: list[dict[str, Any]] = [
        {"processes": ["nope"]},
        {"roles": ["nope"]},
        {"scopes": []},
        {"scopes": ["x"]},
    ]
    for wrong in wrongs:
        assert (await _ask(app, "POST", "/tokens", anna, body | wrong)).status == 422
    jan = (await join(desk.accounts, "jan@office.example")).cookie
    path = f"/tokens/{made['token']['id']}"
    assert (await _ask(app, "DELETE", path, jan)).status == 404
    assert (await _ask(app, "GET", "/tokens", jan)).json()["items"] == []
    assert (await _ask(app, "DELETE", path, anna)).status == 204
    assert (await Client(app).ask("GET", ME, headers=robot)).status == 401


@pytest.mark.parametrize("header", ["Bearer ", "Bearer mlc_x", "Basic YTpi", "mlc_", "Bearer \xff"])
async def test_an_invalid_token_is_refused_even_with_a_valid_cookie(
    app: ASGIApp, desk: Desk, header: str
) -> None:
    cookie = f"__Host-mailcase={(await join(desk.accounts)).cookie}"
    headers = {"authorization": header, "cookie": cookie}
    answer = await Client(app).ask("GET", ME, headers=headers)
    assert answer.status == 401
    assert "invalid_token" in answer.headers["www-authenticate"]


async def test_an_answer_with_a_secret_is_kept_for_nobody(app: ASGIApp, desk: Desk) -> None:
    anna = (await join(desk.accounts)).cookie
    headers = OWN | {"cookie": f"__Host-mailcase={anna}", "idempotency-key": "once-please"}
    body = {"name": "Robot", "scopes": ["cases:read"]}
    made = await Client(app).ask("POST", "/api/v1/tokens", body, headers=headers)
    assert made.status == 201
    database = desk.store._database
    for name in await database.list_collection_names():
        kept = repr(await desk.store.collection(name).find({}))
        assert made.json()["secret"] not in kept, name
        assert anna not in kept, name


async def test_an_administrator_invites_disables_and_sees_who_did_what(
    app: ASGIApp, desk: Desk
) -> None:
    ada = (await join(desk.accounts, "ada@office.example", admin=True)).cookie
    new = {"address": "Eva@office.example", "name": "Eva", "groups": ["accounting"]}
    invited = (await _ask(app, "POST", "/users", ada, new)).json()
    assert invited["user"]["signs_in_by"] == "nothing"
    assert (await _ask(app, "POST", "/users", ada, new)).status == 409
    assert (await _ask(app, "POST", "/users", ada, new | {"address": "x y@z"})).status == 422
    eva = await desk.accounts.use_link(code_of(invited["link"]), PASSWORD, OFFICE)
    me = (await who(app, eva.cookie)).json()
    assert {"process": "invoices", "roles": ["approver", "reader", "worker"]} in me["roles"]
    for path in ("/users", "/audit", "/sessions?user=ada@office.example"):
        assert (await _ask(app, "GET", path, eva.cookie)).status == 403
    own = (await _ask(app, "GET", "/sessions", eva.cookie)).json()["items"]
    assert [session["current"] for session in own] == [True]
    path = "/users/eva@office.example"
    patched = (await _ask(app, "PATCH", path, ada, {"groups": [], "name": "Eva Nowak"})).json()
    assert (patched["groups"], patched["name"]) == ([], "Eva Nowak")
    assert (await _ask(app, "PATCH", path, ada, {"disabled": True})).json()["disabled"]
    assert (await who(app, eva.cookie)).status == 401
    assert (await _ask(app, "POST", path + "/links", ada, {})).status == 409
    assert (await _ask(app, "PATCH", "/users/nobody@office.example", ada, {})).status == 404
    # Detached, the account waits for the next identity that proves its address.
    identity = {"issuer": "https://id.example", "subject": "77"}
    await desk.accounts.users.change("eva@office.example", identity)
    assert (await _ask(app, "DELETE", path + "/identity", eva.cookie)).status == 401
    assert (await _ask(app, "DELETE", path + "/identity", ada)).status == 204
    assert await desk.accounts.users.by_identity("https://id.example", "77") is None
    assert (await _ask(app, "DELETE", path + "/identity", ada)).status == 409
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await _ask(app, "GET", f"/audit?limit=4{cursor}", ada)).json()
        seen += [entry["what"] for entry in page["items"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next']}"
    assert seen.count("user-disabled") == seen.count("identity-detached") == 1
    assert {"user-added", "link-made", "link-used", "logged-in", "user-changed"} <= set(seen)
    assert len(seen) == len(await desk.accounts.audit._entries.find({}))


async def test_an_administrator_ends_the_session_of_anyone(app: ASGIApp, desk: Desk) -> None:
    anna = (await join(desk.accounts)).cookie
    ada = (await join(desk.accounts, "ada@office.example", admin=True)).cookie
    (session,) = (await _ask(app, "GET", f"/sessions?user={ANNA}", ada)).json()["items"]
    assert (await _ask(app, "DELETE", f"/sessions/{session['id']}", ada)).status == 204
    assert (await who(app, anna)).status == 401
    assert (await _ask(app, "DELETE", f"/sessions/{session['id']}", ada)).status == 404
