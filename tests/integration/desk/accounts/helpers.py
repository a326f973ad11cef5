"""Accounts in a real database, with a clock that tests move."""

from datetime import UTC, datetime, timedelta

from schemas.stored import desk
from services.desk.accounts.accounts import Accounts, Client, LoggedIn
from services.desk.accounts.credentials.passwords import Passwords
from services.runtime.settings import Desk as DeskSettings
from services.runtime.store.mongo import Store

PASSWORD = "correct horse battery staple"
ANNA = "anna@office.example"
OFFICE = Client(address="198.51.100.7", user_agent="Firefox")
ELSEWHERE = Client(address="203.0.113.9", user_agent="Safari")
ATTACKER = Client(address="192.0.2.66", user_agent="curl")


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2030, 3, 1, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> None:
        self.now += timedelta(**time)


def accounts_on(store: Store, clock: Clock, settings: DeskSettings | None = None) -> Accounts:
    """Accounts with cheap hashes; a second instance on the same store acts as another replica."""
    passwords = Passwords(memory_kib=256, passes=1)
    return Accounts(store, settings or DeskSettings(), passwords=passwords, clock=clock)


async def empty(store: Store) -> None:
    """Remove what an earlier test left, but keep the indexes."""
    for kind in vars(desk).values():
        if isinstance(kind, type) and hasattr(kind, "COLLECTION"):
            await store.collection(kind.COLLECTION).delete({})


def code_of(url: str | None) -> str:
    """The code of a one-time link."""
    assert url is not None
    return url.partition("?token=")[2]


async def join(
    accounts: Accounts, address: str = ANNA, *, groups: tuple[str, ...] = (), admin: bool = False
) -> LoggedIn:
    """Invite someone, who follows the link from the office's network and sets PASSWORD."""
    _, url = await accounts.add_user(address, "Anna Nowak", groups, admin=admin, by="test")
    return await accounts.use_link(code_of(url), PASSWORD, OFFICE)
