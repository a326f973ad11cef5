"""The desk's documents in MongoDB: accounts, sessions, tokens, the audit log, drafts. Times are
aware UTC.

Secrets are stored as SHA-256 hex of random values of 256 bits, passwords by argon2.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from schemas.stored.documents import BlobId

LinkPurpose = Literal["invite", "reset", "first"]
PresenceKind = Literal["reading", "answering", "noting"]
LoginMethod = Literal["local", "oidc"]
AuditEvent = Literal[
    "logged-in",
    "login-failed",
    "login-refused",
    "logged-out",
    "link-made",
    "link-used",
    "password-changed",
    "session-revoked",
    "token-made",
    "token-revoked",
    "user-added",
    "user-changed",
    "user-disabled",
    "user-enabled",
    "identity-detached",
    "parked-viewed",
    "original-downloaded",
    "attachment-downloaded",
    "exported",
    "webhook-added",
    "webhook-changed",
    "webhook-removed",
    "webhook-secret-rotated",
    "webhook-redelivered",
]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `users`. `id` is the address in lower case.

    `groups` get roles in the access tables of processes. With OpenID, they are those of the last
    log-in. `password_hash` is None while the user has no password. `issuer` and `subject` are the
    identity at the OpenID provider, None for a local account. `disabled_at` is None while the user
    may log in.
    """

    COLLECTION: ClassVar[str] = "users"

    id: str = msgspec.field(name="_id")
    name: str
    groups: list[str] = []
    admin: bool = False
    password_hash: str | None = None
    created_at: datetime
    disabled_at: datetime | None = None
    issuer: str | None = None
    subject: str | None = None


class DeskSession(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `sessions`: someone's log-in with a browser.

    `id` is the hash of the cookie's value. `expires_at` is the latest time at which it ends;
    MongoDB then deletes it. `last_seen_at` is exact to the minute. `address` and `user_agent` are
    those of the log-in. `provider_session` is the `sid` of the OpenID provider, None if it sent
    none. `revoked_at` is None while the session is valid.
    """

    COLLECTION: ClassVar[str] = "sessions"

    id: str = msgspec.field(name="_id")
    user: str
    method: LoginMethod = "local"
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    issuer: str | None = None
    subject: str | None = None
    provider_session: str | None = None
    revoked_at: datetime | None = None


class KnownDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `devices`: a browser with which a user logged in before; `id` is the hash of its
    cookie.

    It grants no access. Password guesses from elsewhere do not lock it out.
    """

    COLLECTION: ClassVar[str] = "devices"

    id: str = msgspec.field(name="_id")
    user: str
    expires_at: datetime


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `tokens`: the tokens with which programs authenticate. `id` is public, `hash` of
    the token.

    `owner` is the user whose rights limit the token; None for a token without an owner, whose
    `roles` were given at the command line. `processes` are the processes that it is limited to,
    None for all; `roles` are the roles that it is limited to, None for all of the owner's.
    `expires_at` is None if it never expires.
    """

    COLLECTION: ClassVar[str] = "tokens"

    id: str = msgspec.field(name="_id")
    name: str
    owner: str | None
    hash: str
    scopes: list[str]
    processes: list[str] | None = None
    roles: list[str] | None = None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class OneTimeLink(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `links`: a link that sets a password once. `id` is the hash of its code.

    `user` is None for the link of an installation without users, whose first visitor creates the
    first account.
    """

    COLLECTION: ClassVar[str] = "links"

    id: str = msgspec.field(name="_id")
    user: str | None
    purpose: LinkPurpose
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class LoginAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `login_attempts`: failed and unfinished log-ins for one key in one window.

    `id` is the kind of key, its hash and the number of the window.
    """

    COLLECTION: ClassVar[str] = "login_attempts"

    id: str = msgspec.field(name="_id")
    count: int
    expires_at: datetime


class SeenLogoutToken(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `logout_tokens`: a logout token that was used, by the hash of its `jti`."""

    COLLECTION: ClassVar[str] = "logout_tokens"

    id: str = msgspec.field(name="_id")
    expires_at: datetime


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `audit_log`: actions that leave no change in a case, with their actor.

    `id` sorts by time. `actor` is a user's address or a token's id, empty if unknown; `address` is
    the network address, empty at the command line. `object` is what was seen or changed, such as a
    mail key, `case 235 invoice.pdf`, or a user.
    """

    COLLECTION: ClassVar[str] = "audit_log"

    id: str = msgspec.field(name="_id")
    at: datetime
    actor: str
    address: str
    what: AuditEvent
    object: str = ""
    expires_at: datetime


class IdempotentReply(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `idempotent_replies`: the response to a request with an `Idempotency-Key`.

    `id` is a hash of the principal and the key; `request` is a hash of the request. `status` is
    None while the request is in progress; `headers` and `body` are those of the response. MongoDB
    deletes the document after `expires_at`.
    """

    COLLECTION: ClassVar[str] = "idempotent_replies"

    id: str = msgspec.field(name="_id")
    request: str
    at: datetime
    expires_at: datetime
    status: int | None = None
    headers: dict[str, str] = {}
    body: bytes = b""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `uploads`: a file that waits for its note or answer.

    `id` is random; only its `owner` (an actor's id) can use it, in case `case`. It counts against
    the limits of `user` until `used_at`, when a note or an answer first had the file. MongoDB
    deletes the document after `expires_at`; the next sweep removes the content.
    """

    COLLECTION: ClassVar[str] = "uploads"

    id: str = msgspec.field(name="_id")
    owner: str
    case: int
    name: str
    content_type: str
    size: int
    blob: BlobId
    at: datetime
    expires_at: datetime
    user: str = ""
    used_at: datetime | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `drafts`: what someone is writing in a case.

    `id` is the case, the kind and the owner. The kind never changes: a draft of an answer cannot
    become a note. `revision` is that of the case when the writer last saw it. `uploads` are ids of
    files that go with it. `editor` is the form that saved it last, None before drafts had one.
    `editors` are the latest forms that saved or removed it. `removed_until` is set on what is left
    of a removed draft: when that goes too.
    """

    COLLECTION: ClassVar[str] = "drafts"

    id: str = msgspec.field(name="_id")
    case: int
    kind: str
    owner: str
    text: str
    at: datetime
    revision: int
    to: list[str] = []
    cc: list[str] = []
    subject: str | None = None
    quote: bool = True
    uploads: list[str] = []
    editor: str | None = None
    editors: list[str] = []
    removed_until: datetime | None = None


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `views`: a list with filters that someone saved; `path` is that of the page."""

    COLLECTION: ClassVar[str] = "views"

    id: str = msgspec.field(name="_id")
    owner: str
    name: str
    path: str
    at: datetime


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `presence`: someone has a case open; `id` is the case, a space and the address.

    `name` is for people. A document is valid for some seconds after `at`; the next report renews
    it.
    """

    COLLECTION: ClassVar[str] = "presence"

    id: str = msgspec.field(name="_id")
    case: int
    user: str
    name: str
    doing: PresenceKind
    at: datetime
    expires_at: datetime
