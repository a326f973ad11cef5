"""The users of the desk in the database."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.stored import from_document, to_document
from schemas.stored.desk import User
from services.desk.accounts.errors import AccountError
from services.desk.accounts.subjects import Announce, of_user
from services.desk.accounts.user_names import UserNames
from services.runtime.settings.schema.desk import Desk as DeskSettings
from services.runtime.store.errors import TakenError
from services.runtime.store.mongo import Store

# The form of users in the settings (`services.runtime.settings.fields.User`).
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f@<>(),;:\"]{1,64}@[^\s\x00-\x1f\x7f@<>(),;:\"]{1,189}")
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")


def normal_address(address: str) -> str:
    """The id of a user. Raises AccountError if the text is not an address."""
    normal = address.strip().lower()
    # ASCII only: an address with look-alike letters, or with letters that fold to another's, would
    # pass for that other user.
    if _ADDRESS.fullmatch(normal) is None or not normal.isascii():
        raise AccountError(
            "invalid-address", "that is not an address", "give an address such as anna@example.com"
        )
    return normal


def checked_line(text: str, what: str) -> str:
    """A name or a group: one line of 1 to 200 characters. Raises AccountError."""
    text = " ".join(text.split(" ")).strip()
    if _LINE.fullmatch(text) is None:
        raise AccountError(
            f"invalid-{what}", f"the {what} is empty or not plain text", "give 1 to 200 characters"
        )
    return text


class Users:
    """Adds, finds and changes users. Does not end their sessions and tokens; `Accounts` does."""

    def __init__(self, store: Store, clock: Callable[[], datetime], announce: Announce) -> None:
        self._users = store.collection(User.COLLECTION)
        self._clock = clock
        self._announce = announce
        self._names = UserNames(self._read_names)

    async def get(self, address: str) -> User | None:
        """The user with this address in upper or lower case; None if there is none."""
        document = await self._users.find_one({"_id": address.strip().lower()})
        return from_document(document, User) if document else None

    async def existing(self, address: str) -> User:
        """Raises AccountError if there is no such user."""
        user = await self.get(address)
        if user is None:
            raise no_such_user()
        return user

    async def by_identity(self, issuer: str, subject: str) -> User | None:
        """The user of an OpenID provider's identity."""
        document = await self._users.find_one({"issuer": issuer, "subject": subject})
        return from_document(document, User) if document else None

    async def all(self) -> list[User]:
        """Every user, by address."""
        return [from_document(document, User) for document in await self._users.find({})]

    async def names(self) -> Mapping[str, str]:
        """The name of each user who may sign in, by address; some seconds old if another process
        changed one.
        """
        return await self._names.get()

    async def _read_names(self) -> dict[str, str]:
        found = await self._users.find({"disabled_at": None}, ["name"])
        return {document["_id"]: document["name"] for document in found}

    async def any(self) -> bool:
        """Whether there is at least one user."""
        return await self._users.find_one({}, ["_id"]) is not None

    async def add(
        self,
        address: str,
        name: str,
        groups: Sequence[str] = (),
        *,
        admin: bool = False,
        issuer: str | None = None,
        subject: str | None = None,
    ) -> User:
        """A new user without a password. Raises AccountError, also if the address is taken."""
        user = User(
            id=normal_address(address),
            name=checked_line(name, "name"),
            groups=[checked_line(group, "group") for group in groups],
            admin=admin,
            created_at=self._clock(),
            issuer=issuer,
            subject=subject,
        )
        try:
            await self._users.insert([to_document(user)])
        except TakenError:
            raise AccountError(
                "user-exists",
                f"there already is a user {user.id}",
                "change that user, or choose another address",
                user=user.id,
            ) from None
        self._names.forget()
        return user

    async def change(
        self, address: str, changes: Mapping[str, Any], only_if: Mapping[str, Any] | None = None
    ) -> User | None:
        """The user with some fields changed; None if there is none, or none that `only_if`
        matches.
        """
        query = {"_id": address.strip().lower(), **(only_if or {})}
        document = await self._users.update_returning(query, {"$set": dict(changes)})
        if document is None:
            return None
        user = from_document(document, User)
        self._names.forget()
        await self._announce([of_user(user.id)])
        return user


def no_such_user() -> AccountError:
    return AccountError(
        "no-such-user", "there is no such user", "`mailcase user list` shows all users"
    )


def is_admin(user: User, settings: DeskSettings) -> bool:
    """Whether a user is an administrator, by their account or by the settings."""
    return (
        user.admin
        or user.id in {admin.casefold() for admin in settings.admins}
        or not set(user.groups).isdisjoint(settings.admin_groups)
    )
