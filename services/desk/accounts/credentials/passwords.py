"""Checks, hashes and verifies passwords (argon2id, RFC 9106). Blocking work runs in threads."""

import asyncio
import unicodedata
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from services.desk.accounts.credentials.random_values import random_value
from services.desk.accounts.errors import AccountError, BusyError

P = ParamSpec("P")
T = TypeVar("T")

MIN_CHARS = 12
MAX_CHARS = 256
_MAX_INPUT_CHARS = 4 * MAX_CHARS  # NFKC may shorten a text
_MIN_DISTINCT = 5
# Over the minimum of OWASP's cheat sheet for password storage (19 MiB, 2 passes); two at once take
# 64 MiB.
_MEMORY_KIB = 32 * 1024
_PASSES = 2
_AT_ONCE = 2
# With more waiting log-ins, people would wait too long.
_MAX_WAITING = 40


def checked_password(password: str, address: str) -> str:
    """The password in the form that is hashed (NFKC, NIST SP 800-63B section 3.1.1.2).

    Raises AccountError if it is too weak.
    """
    normal = unicodedata.normalize("NFKC", password)
    if not MIN_CHARS <= len(normal) <= MAX_CHARS:
        raise AccountError(
            "weak-password",
            f"a password has {MIN_CHARS} to {MAX_CHARS} characters",
            "use a sentence of four words or more",
            min=str(MIN_CHARS),
        )
    folded = normal.casefold()
    if len(set(folded)) < _MIN_DISTINCT or folded == address.casefold():
        raise AccountError(
            "weak-password", "the password is easy to guess", "use a sentence of four words or more"
        )
    return normal


class Passwords:
    """Hashes and verifies passwords, at most two at once. Use one instance per process."""

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, passes: int = _PASSES) -> None:
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID
        )
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The hash with its parameters and salt, as argon2 writes it."""
        return await self._in_thread(self._hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one of `stored`.

        `stored` is None if there is no account or no password; this takes as long as a wrong
        password. Raises BusyError if too many requests are waiting.
        """
        return await self._in_thread(self._matches, password, stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash has other parameters than new ones. The password is then hashed
        again.
        """
        return self._hasher.check_needs_rehash(stored)

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= _MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *arguments, **named)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_encoded(password))

    def _matches(self, password: str, stored: str | None) -> bool:
        if stored is None and self._decoy is None:
            self._decoy = self._hasher.hash(random_value())
        try:
            self._hasher.verify(stored or self._decoy or "", _encoded(password))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None and len(password) <= _MAX_INPUT_CHARS


def _encoded(password: str) -> bytes:
    """The bytes to hash. A text that is too long is cut; it matches nothing anyway."""
    normal = unicodedata.normalize("NFKC", password[:_MAX_INPUT_CHARS])
    return normal.encode("utf-8", "surrogatepass")
