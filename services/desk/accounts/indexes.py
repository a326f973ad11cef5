"""Creates the indexes of the accounts' collections; idempotent."""

from schemas.stored.desk import (
    AuditEntry,
    DeskSession,
    KnownDevice,
    LoginAttempts,
    OneTimeLink,
    SeenLogoutToken,
    Token,
    User,
)
from services.runtime.store.mongo import Store

_EXPIRING = (
    DeskSession,
    KnownDevice,
    OneTimeLink,
    LoginAttempts,
    SeenLogoutToken,
    AuditEntry,
)


async def ensure_account_indexes(store: Store) -> None:
    """Create the indexes. Raises TransientError."""
    for kind in _EXPIRING:
        await store.collection(kind.COLLECTION).ensure_expiry("expires_at")
    users = store.collection(User.COLLECTION)
    identity = {"subject": {"$type": "string"}}
    await users.ensure_index("issuer", "subject", unique=True, where=identity)
    sessions = store.collection(DeskSession.COLLECTION)
    await sessions.ensure_index("user", "-created_at")
    await sessions.ensure_index("issuer", "subject", where=identity)
    await sessions.ensure_index("issuer", "provider_session")
    tokens = store.collection(Token.COLLECTION)
    await tokens.ensure_index("hash", unique=True)
    await tokens.ensure_index("owner")
    await store.collection(OneTimeLink.COLLECTION).ensure_index("user")
    await store.collection(KnownDevice.COLLECTION).ensure_index("user")
    entries = store.collection(AuditEntry.COLLECTION)
    await entries.ensure_index("actor", "-_id")
    await entries.ensure_index("object", "-_id")
