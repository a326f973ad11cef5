"""Rate limits for failed log-ins, per account and network address.

An attempt is counted before the password is checked, so that a thousand concurrent ones count as a
thousand; it is uncounted if it succeeds. Guesses from one network block that network for that
account. Guesses from many networks block the account for browsers that never logged in to it. A
browser that did log in, as its device cookie proves, has only its own limit, so that others cannot
lock out its owner.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.stored import to_document
from schemas.stored.desk import KnownDevice, LoginAttempts
from services.desk.accounts.client_address import network_of
from services.desk.accounts.credentials.random_values import hashed, random_value
from services.desk.accounts.errors import TooManyAttemptsError
from services.runtime.store.errors import TakenError
from services.runtime.store.mongo import Store

DEVICE_LIFETIME = timedelta(days=180)


@dataclass(frozen=True)
class Limit:
    """At most `attempts` for one key within a window."""

    kind: str
    attempts: int
    window: timedelta


PAIR = Limit("account-network", 10, timedelta(minutes=15))
DEVICE = Limit("device", 10, timedelta(minutes=15))
NETWORK = Limit("network", 60, timedelta(minutes=15))
ACCOUNT = Limit("account", 60, timedelta(hours=1))
CALLBACK = Limit("callback", 60, timedelta(minutes=15))


class LoginLimits:
    """Counts attempts in the database, for all replicas together."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._attempts = store.collection(LoginAttempts.COLLECTION)
        self._devices = store.collection(KnownDevice.COLLECTION)
        self._clock = clock

    async def reserve(self, account: str, address: str, device: str | None) -> list[str]:
        """Count an attempt; returns the keys to `release` if it succeeds.

        `device` is the value of the device cookie. Raises TooManyAttemptsError. An attempt that is
        refused for its network does not count against the account elsewhere.
        """
        network = network_of(address)
        if device is not None and await self._is_known(device, account):
            limits = [(DEVICE, hashed(device))]
        else:
            await self._require_not_refused(NETWORK, network)  # leaves no counter behind
            limits = [
                (PAIR, f"{network} {account}"),
                (NETWORK, network),
                (ACCOUNT, account),
            ]
        counted: list[str] = []
        for limit, key in limits:
            counted.append(await self._count(limit, key))
        return counted

    async def reserve_callback(self, address: str) -> list[str]:
        """As `reserve`, for a return from the OpenID provider: anyone can forge one, and each makes
        us ask the provider and is in the audit log.
        """
        return [await self._count(CALLBACK, network_of(address))]

    async def release(self, keys: list[str]) -> None:
        """Uncount an attempt that succeeded."""
        for key in keys:
            await self._attempts.update({"_id": key}, {"$inc": {"count": -1}})

    async def remember_device(self, account: str, device: str | None) -> str:
        """The value for the device cookie: the browser's own if it is known for this user, else a
        new one.
        """
        expires_at = self._clock() + DEVICE_LIFETIME
        if device is not None and await self._devices.update(
            {"_id": hashed(device), "user": account}, {"$set": {"expires_at": expires_at}}
        ):
            return device
        value = random_value()
        known = KnownDevice(id=hashed(value), user=account, expires_at=expires_at)
        await self._devices.insert([to_document(known)])
        return value

    async def forget_devices(self, account: str) -> None:
        """Remove the exemption of all browsers from the limits of a user."""
        await self._devices.delete({"user": account})

    async def _is_known(self, device: str, account: str) -> bool:
        query = {"_id": hashed(device), "user": account, "expires_at": {"$gt": self._clock()}}
        return await self._devices.find_one(query, ["_id"]) is not None

    async def _require_not_refused(self, limit: Limit, key: str) -> None:
        """Raises TooManyAttemptsError if an attempt was refused in this window before."""
        attempts_id, ends_at = self._window(limit, key)
        document = await self._attempts.find_one({"_id": attempts_id}, ["count"])
        if document is not None and document["count"] > limit.attempts:
            raise self._refused(ends_at, is_first=False)

    async def _count(self, limit: Limit, key: str) -> str:
        attempts_id, ends_at = self._window(limit, key)
        count = await self._incremented(attempts_id, ends_at)
        if count > limit.attempts:
            raise self._refused(ends_at, is_first=count == limit.attempts + 1)
        return attempts_id

    def _window(self, limit: Limit, key: str) -> tuple[str, datetime]:
        """The id of the present counter, and when it ends."""
        length_s = limit.window.total_seconds()
        number = int(self._clock().timestamp() // length_s)
        ends_at = datetime.fromtimestamp((number + 1) * length_s, UTC)
        return f"{limit.kind} {hashed(key)} {number}", ends_at

    def _refused(self, ends_at: datetime, *, is_first: bool) -> TooManyAttemptsError:
        retry_after_s = int((ends_at - self._clock()).total_seconds()) + 1
        return TooManyAttemptsError(retry_after_s, is_first=is_first)

    async def _incremented(self, attempts_id: str, ends_at: datetime) -> int:
        change = {"$inc": {"count": 1}, "$setOnInsert": {"expires_at": ends_at}}
        try:
            document = await self._attempts.update_returning(
                {"_id": attempts_id}, change, upsert=True
            )
        except TakenError:  # another replica created it first
            document = await self._attempts.update_returning({"_id": attempts_id}, change)
        return int(document["count"]) if document else 1
