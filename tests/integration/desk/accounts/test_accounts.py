"""Log-in, sessions, links, tokens and the audit log on a real database, with attacks."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.stored.desk import DeskSession, LoginAttempts, Token, User
from services.desk.access import Permission
from services.desk.accounts import login_limits
from services.desk.accounts.accounts import Accounts, Client
from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.accounts.credentials.passwords import Passwords
from services.desk.accounts.errors import (
    AccountError,
    BusyError,
    LoginFailedError,
    TooManyAttemptsError,
)
from services.desk.accounts.indexes import ensure_account_indexes
from services.desk.accounts.oidc.errors import IdentityRefusedError
from services.desk.accounts.oidc.person import ProvenPerson
from services.desk.accounts.oidc.sign_on import SignOn
from services.desk.audit_log import AuditFilter
from services.runtime.settings import Access, Process, Stage
from services.runtime.settings import Desk as DeskSettings
from services.runtime.store.mongo import Store
from tests.integration.desk.accounts.helpers import (
    ANNA,
    ATTACKER,
    ELSEWHERE,
    OFFICE,
    PASSWORD,
    Clock,
    accounts_on,
    code_of,
    empty,
    join,
)

PROCESS = Process(
    name="invoices",
    title="Invoices",
    stages=(Stage(name="new", initial=True),),
    access=(Access(role="manager", users=(ANNA,)), Access(role="reader", groups=("audit",))),
)


@pytest.fixture(scope="module")
async def database(servers: PrivateServers) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await ensure_account_indexes(store)
        await ensure_account_indexes(store)  # idempotent
        yield store


@pytest.fixture
async def store(database: Store) -> Store:
    await empty(database)
    return database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(store: Store, clock: Clock) -> Accounts:
    return accounts_on(store, clock)


async def _guess(accounts: Accounts, client: Client, password: str = "a wrong guess") -> str:
    try:
        await accounts.log_in(ANNA, password, client)
    except AccountError as error:
        return error.reason
    return "in"


async def test_a_link_sets_the_password_once_and_logs_in(accounts: Accounts) -> None:
    user, url = await accounts.add_user(
        "Anna@Office.example", "Anna", ["sales"], admin=False, by="t"
    )
    code = code_of(url)
    assert (await accounts.open_link(code)).user == user.id == ANNA
    with pytest.raises(AccountError, match="12 to 256"):
        await accounts.use_link(code, "short", OFFICE)
    uses = await asyncio.gather(
        *(accounts.use_link(code, PASSWORD, OFFICE) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(use, AccountError) for use in uses) == 4
    with pytest.raises(AccountError, match="used already"):
        await accounts.open_link(code)
    assert (await accounts.log_in(" ANNA@office.example ", PASSWORD, OFFICE)).user.id == ANNA


async def test_a_log_in_that_a_detach_overtakes_leaves_no_session(
    accounts: Accounts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = ProvenPerson("https://id.example", "subject 1", ANNA, "Anna", [], None)
    sign_on = SignOn(accounts, store, person.issuer)
    await sign_on.enter(person, OFFICE)
    before = await store.collection(DeskSession.COLLECTION).find({}, ["_id"])
    found = await accounts.users.existing(ANNA)

    async def found_before(_person: ProvenPerson) -> User:
        return found

    monkeypatch.setattr(sign_on, "_user", found_before)
    await accounts.detach_identity(ANNA, by="t")
    with pytest.raises(IdentityRefusedError, match="detached"):
        await sign_on.enter(person, OFFICE)
    assert await store.collection(DeskSession.COLLECTION).find({}, ["_id"]) == before


async def test_a_link_expires_and_a_new_one_replaces_the_old_one(
    accounts: Accounts, clock: Clock
) -> None:
    _, first = await accounts.add_user(ANNA, "Anna", [], admin=False, by="t")
    second = await accounts.make_link(ANNA, by="t")
    with pytest.raises(AccountError, match="used already"):
        await accounts.open_link(code_of(first))
    clock.advance(days=7)
    with pytest.raises(AccountError, match="too old"):
        await accounts.use_link(code_of(second), PASSWORD, OFFICE)


async def test_the_first_visitor_becomes_the_administrator_and_no_second_one(
    accounts: Accounts,
) -> None:
    url = await accounts.first_link()
    visits = await asyncio.gather(
        *(
            accounts.use_link(
                code_of(url), PASSWORD, OFFICE, address=f"u{n}@office.example", name="U"
            )
            for n in range(4)
        ),
        return_exceptions=True,
    )
    (user,) = await accounts.users.all()
    assert user.admin
    assert sum(isinstance(visit, AccountError) for visit in visits) == 3
    assert await accounts.first_link() is None


async def test_a_thousand_guesses_lock_out_the_guesser_and_not_the_owner_elsewhere(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    await join(accounts)
    replica = accounts_on(store, clock)
    guesses = [
        _guess(accounts if number % 2 else replica, ATTACKER, f"wrong guess {number}")
        for number in range(1000)
    ]
    reasons = []
    for start in range(0, 1000, 20):  # as many at once as there are places to wait
        reasons += await asyncio.gather(*guesses[start : start + 20])
    assert reasons.count("login-failed") == 10
    assert reasons.count("too-many-attempts") == 990
    # even the right password does not help the guesser now, and the owner is let in elsewhere
    assert await _guess(accounts, ATTACKER, PASSWORD) == "too-many-attempts"
    assert await _guess(accounts, ELSEWHERE, PASSWORD) == "in"
    clock.advance(minutes=15)
    assert await _guess(accounts, ATTACKER, PASSWORD) == "in"


async def test_a_known_browser_passes_while_many_networks_guess(accounts: Accounts) -> None:
    known = (await join(accounts)).device
    for number in range(70):
        await _guess(accounts, Client(address=f"192.0.2.{number}"))
    assert await _guess(accounts, ELSEWHERE, PASSWORD) == "too-many-attempts"
    same_browser = Client(address="192.0.2.1", device=known)
    assert await _guess(accounts, same_browser, PASSWORD) == "in"
    assert await _guess(accounts, Client("203.0.113.9", device="forged"), PASSWORD) != "in"


async def test_a_stolen_device_cookie_gives_ten_guesses_and_only_for_its_user(
    accounts: Accounts,
) -> None:
    device = (await join(accounts)).device
    thief = Client(address="192.0.2.66", device=device)
    reasons = [await _guess(accounts, thief) for _ in range(15)]
    assert reasons.count("login-failed") == 10
    other = await join(accounts, "jan@office.example")
    assert await _guess(accounts, Client("203.0.113.9", device=other.device)) == "login-failed"
    assert await _guess(accounts, ELSEWHERE, PASSWORD) == "in"


async def test_one_network_does_not_try_one_password_on_every_account(accounts: Accounts) -> None:
    refused = 0
    for number in range(80):
        try:
            await accounts.log_in(f"user{number}@office.example", PASSWORD, ATTACKER)
        except TooManyAttemptsError:
            refused += 1
        except LoginFailedError:
            pass
    assert refused == 20


async def test_the_attempts_of_a_network_that_waits_leave_no_counters(
    accounts: Accounts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = login_limits.Limit("network", 3, timedelta(minutes=15))
    monkeypatch.setattr(login_limits, "NETWORK", network)

    async def guess(number: int) -> str:
        with pytest.raises(AccountError) as caught:
            await accounts.log_in(f"user{number}@office.example", "a wrong guess", OFFICE)
        return caught.value.reason

    reasons = [await guess(number) for number in range(4)]
    assert reasons == ["login-failed"] * 3 + ["too-many-attempts"]
    attempts = store.collection(LoginAttempts.COLLECTION)
    before = await attempts.count({})
    assert {await guess(number) for number in range(4, 20)} == {"too-many-attempts"}
    assert await attempts.count({}) == before


async def test_log_ins_that_succeed_use_up_no_attempts(accounts: Accounts) -> None:
    await join(accounts)
    for _ in range(15):
        assert await _guess(accounts, ELSEWHERE, PASSWORD) == "in"


async def test_a_busy_desk_counts_no_attempt(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await join(accounts)
    monkeypatch.setattr("services.desk.accounts.credentials.passwords._MAX_WAITING", 0)
    for _ in range(6):
        with pytest.raises(BusyError):
            await accounts.log_in(ANNA, PASSWORD, ELSEWHERE)
        with pytest.raises(BusyError):
            await accounts.change_password(anna.user, PASSWORD, "another good password", ELSEWHERE)
    monkeypatch.undo()
    for _ in range(6):
        assert await _guess(accounts, ELSEWHERE, "not the password") == "login-failed"
    assert await _guess(accounts, ELSEWHERE, PASSWORD) == "in"


async def test_every_refusal_reads_the_same_whether_the_account_exists(accounts: Accounts) -> None:
    await join(accounts)
    await accounts.add_user("new@office.example", "New", [], admin=False, by="t")
    await join(accounts, "gone@office.example")
    await accounts.disable("gone@office.example", by="t")
    texts = set()
    for address in (
        ANNA,
        "new@office.example",
        "gone@office.example",
        "nobody@office.example",
        "\0",
    ):
        with pytest.raises(LoginFailedError) as caught:
            await accounts.log_in(address, "not the password", ELSEWHERE)
        texts.add(str(caught.value))
    assert len(texts) == 1


async def test_a_hash_with_old_parameters_is_renewed_at_log_in(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    await join(accounts)
    before = (await accounts.users.existing(ANNA)).password_hash
    passwords = Passwords(memory_kib=512, passes=1)
    newer = Accounts(store, DeskSettings(), passwords=passwords, clock=clock)
    await newer.log_in(ANNA, PASSWORD, OFFICE)
    after = (await accounts.users.existing(ANNA)).password_hash
    assert before != after
    assert after is not None
    assert not passwords.is_outdated(after)


async def test_a_session_is_new_at_each_log_in_and_its_value_is_stored_nowhere(
    accounts: Accounts, store: Store
) -> None:
    first = await join(accounts)
    second = await accounts.log_in(
        ANNA, PASSWORD, Client("198.51.100.7", "Fire\r\nfox", first.device)
    )
    assert first.cookie != second.cookie
    assert first.device == second.device
    assert second.session.user_agent == "Fire fox"
    everything = [
        document
        for name in (DeskSession.COLLECTION, "devices", "links", User.COLLECTION)
        for document in await store.collection(name).find({})
    ]
    for secret in (first.cookie, second.cookie, first.device, PASSWORD):
        assert secret not in repr(everything)


async def test_a_session_ends_by_idleness_by_age_and_by_revocation_in_every_replica(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    replica = AccountAuthenticator(accounts_on(store, clock))
    idle = (await join(accounts)).cookie
    old, revoked = [(await accounts.log_in(ANNA, PASSWORD, OFFICE)).cookie for _ in range(2)]
    for _ in range(14):
        clock.advance(hours=11)
        assert await replica.by_cookie(old)
    assert await replica.by_cookie(idle) is None
    clock.advance(hours=13)
    assert await replica.by_cookie(old) is None
    fresh = await accounts.log_in(ANNA, PASSWORD, OFFICE)
    assert await replica.by_cookie(fresh.cookie)
    assert [session.id for session in await accounts.sessions.of_user(ANNA)] == [fresh.session.id]
    assert await accounts.revoke_session(fresh.session.id, ANNA, by=ANNA)
    assert await replica.by_cookie(fresh.cookie) is None
    assert not await accounts.revoke_session(fresh.session.id, ANNA, by=ANNA)
    assert await replica.by_cookie(revoked) is None
    assert await replica.by_cookie("") is None


async def test_a_stream_that_asks_again_is_no_use_of_its_session(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    replica = AccountAuthenticator(accounts_on(store, clock))
    joined = await join(accounts)
    principal = await replica.by_cookie(joined.cookie)
    assert principal is not None
    clock.advance(hours=11)
    assert await replica.again(principal) is not None
    clock.advance(hours=2)
    assert await replica.again(principal) is None
    text, token = await accounts.tokens.create("Robot", ["cases:read"], owner=ANNA)
    program = await replica.by_bearer(text)
    assert program is not None
    assert await replica.again(program) is not None
    await accounts.tokens.revoke(token.id)
    assert await replica.again(program) is None


async def test_nobody_revokes_the_session_of_another(accounts: Accounts) -> None:
    anna = await join(accounts)
    assert not await accounts.revoke_session(anna.session.id, "jan@office.example", by="jan")
    assert await AccountAuthenticator(accounts).by_cookie(anna.cookie)


async def test_a_new_password_ends_every_other_session(accounts: Accounts) -> None:
    old = await join(accounts)
    authenticator = AccountAuthenticator(accounts)
    with pytest.raises(LoginFailedError):
        await accounts.change_password(old.user, "not my password", "another good password", OFFICE)
    new = await accounts.change_password(old.user, PASSWORD, "another good password", OFFICE)
    assert await authenticator.by_cookie(old.cookie) is None
    assert await authenticator.by_cookie(new.cookie)
    assert await _guess(accounts, ELSEWHERE, PASSWORD) == "login-failed"


async def test_a_disabled_user_is_logged_out_at_once_and_returns_without_old_sessions(
    accounts: Accounts,
) -> None:
    anna = await join(accounts)
    text, _ = await accounts.tokens.create("Robot", ["cases:read"], owner=ANNA)
    authenticator = AccountAuthenticator(accounts)
    assert await authenticator.by_bearer(text)
    await accounts.disable(ANNA, by="t")
    assert await authenticator.by_cookie(anna.cookie) is None
    assert await authenticator.by_bearer(text) is None
    assert await _guess(accounts, OFFICE, PASSWORD) == "login-failed"
    with pytest.raises(AccountError, match="disabled"):
        await accounts.make_link(ANNA, by="t")
    await accounts.enable(ANNA, by="t")
    assert await authenticator.by_cookie(anna.cookie) is None
    assert await _guess(accounts, OFFICE, PASSWORD) == "in"


async def test_an_invitation_of_a_disabled_user_lets_nobody_in(accounts: Accounts) -> None:
    _, url = await accounts.add_user(ANNA, "Anna", [], admin=False, by="t")
    await accounts.disable(ANNA, by="t")
    with pytest.raises(AccountError):
        await accounts.use_link(code_of(url), PASSWORD, OFFICE)


async def test_sessions_of_before_do_not_outlive_a_change_of_the_way_to_log_in(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    anna = await join(accounts)
    by_provider = accounts_on(store, clock, DeskSettings(login="oidc"))
    assert await AccountAuthenticator(by_provider).by_cookie(anna.cookie) is None
    for attempt in (
        by_provider.log_in(ANNA, PASSWORD, OFFICE),
        by_provider.make_link(ANNA, by="t"),
        by_provider.open_link("code"),
    ):
        with pytest.raises(AccountError, match="OpenID"):
            await attempt
    assert await by_provider.first_link() is None


async def test_who_is_an_administrator_comes_from_the_account_and_the_settings(
    store: Store, clock: Clock
) -> None:
    settings = DeskSettings(admins=("Boss@office.example",), admin_groups=("it",))
    accounts = accounts_on(store, clock, settings)
    authenticator = AccountAuthenticator(accounts)
    expected = {
        "plain@office.example": False,
        "boss@office.example": True,
        "it@office.example": True,
        "flag@office.example": True,
    }
    for address, admin in expected.items():
        groups = ("it",) if address.startswith("it@") else ()
        joined = await join(accounts, address, groups=groups, admin=address.startswith("flag@"))
        principal = await authenticator.by_cookie(joined.cookie)
        assert principal is not None
        assert principal.admin is admin
        assert (Permission.ADMIN in principal.scopes) is admin
        assert bool(principal.acting.roles_in(PROCESS)) is admin


@pytest.mark.parametrize(
    ("owner", "options", "roles", "admin"),
    [
        (ANNA, {}, {"reader", "worker", "manager"}, False),
        (ANNA, {"roles": ["reader"]}, {"reader"}, False),
        ("audit@office.example", {"roles": ["manager"]}, set(), False),
        ("audit@office.example", {}, {"reader"}, False),
        (None, {}, {"reader", "worker"}, True),
        (None, {"roles": ["reader"]}, {"reader"}, True),
        ("admin@office.example", {}, {"reader", "worker", "manager"}, True),
        ("admin@office.example", {"roles": ["worker"]}, {"reader", "worker"}, True),
        ("nobody@office.example", {}, None, False),
    ],
)
async def test_a_token_acts_under_its_own_name_with_no_more_than_its_owner_has(
    accounts: Accounts,
    owner: str | None,
    options: dict[str, Any],
    roles: set[str] | None,
    admin: bool,
) -> None:
    await join(accounts)
    await join(accounts, "audit@office.example", groups=("audit",))
    await join(accounts, "admin@office.example", admin=True)
    text, token = await accounts.tokens.create(
        "Robot", ["cases:read", "admin"], owner=owner, processes=["invoices"], **options
    )
    principal = await AccountAuthenticator(accounts).by_bearer(text)
    if roles is None:
        assert principal is None
        return
    assert principal is not None
    assert principal.acting.actor.kind == "token"
    assert (principal.id, principal.token, principal.session) == (token.id, token.id, None)
    assert principal.acting.roles_in(PROCESS) == roles
    assert principal.admin is admin
    assert (Permission.ADMIN in principal.scopes) is admin
    assert Permission.WORK not in principal.scopes
    assert principal.processes == frozenset({"invoices"})


async def test_a_token_ends_by_expiry_and_revocation_and_is_stored_nowhere(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    authenticator = AccountAuthenticator(accounts)
    text, token = await accounts.tokens.create("A", ["cases:read"], lifetime=timedelta(days=1))
    other, _ = await accounts.tokens.create("B", ["cases:read"])
    assert text not in repr(await store.collection(Token.COLLECTION).find({}))
    assert await authenticator.by_bearer(text)
    used = await accounts.tokens.get(token.id)
    assert used is not None
    assert used.last_used_at == clock.now
    clock.advance(days=1)
    assert await authenticator.by_bearer(text) is None
    found = await accounts.tokens.find(other)
    assert found is not None
    token, owner = found
    assert owner is None
    assert await accounts.tokens.revoke(token.id)
    assert await authenticator.by_bearer(other) is None
    assert await accounts.tokens.revoke(token.id) is None


async def test_the_audit_log_shows_who_logged_in_and_no_typed_text(
    accounts: Accounts, clock: Clock
) -> None:
    anna = await join(accounts)
    clock.advance(seconds=1)
    with pytest.raises(LoginFailedError):
        await accounts.log_in("my secret password typed here", "x", ELSEWHERE)
    for _ in range(20):
        await _guess(accounts, ATTACKER)
    clock.advance(seconds=1)
    await accounts.log_out(anna.session, "198.51.100.7")
    entries = await accounts.audit.entries(AuditFilter(), limit=100)
    kinds = [entry.what for entry in entries]
    assert kinds[0] == "logged-out"
    assert kinds.count("login-failed") == 11
    assert kinds.count("login-refused") == 1
    assert {"user-added", "link-made", "link-used", "logged-in"} <= set(kinds[-4:])
    assert "secret" not in repr(entries)
    newest, older = (
        kinds[:5],
        await accounts.audit.entries(AuditFilter(), limit=100, before=entries[4].id),
    )
    assert newest + [entry.what for entry in older] == kinds
    (only,) = await accounts.audit.entries(AuditFilter(actor=ANNA, what="logged-out"), limit=5)
    assert only.address == "198.51.100.7"
    forged = await accounts.audit.record("exported", thing="a\r\n2030-01-01 logged-in root\x1b[2J")
    assert forged.object.isprintable()
