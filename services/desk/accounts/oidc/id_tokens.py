"""Verifies the provider's tokens. Pure.

Sources: OpenID Connect Core 1.0, section 3.1.3.7; OpenID Connect Back-Channel Logout 1.0, section
2.6. Only asymmetric signatures count: with `none` or an HMAC, someone without the provider's
private key could make a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import compare_digest
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from schemas.reasons import IdentityProblem
from services.desk.accounts.oidc.errors import IdentityRefusedError

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
CLOCK_SKEW = timedelta(seconds=60)
MAX_AGE = timedelta(minutes=10)
MAX_TOKEN_CHARS = 64 * 1024
_MAX_ID_CHARS = 255  # OpenID Connect Core 1.0, section 2, of `sub`
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_KEY_TYPES = frozenset({"RSA", "EC", "OKP"})


class UnknownKeyError(IdentityRefusedError):
    """The token names an unknown key: the provider may have changed its keys."""

    def __init__(self) -> None:
        super().__init__(
            IdentityProblem.UNKNOWN_KEY, "the provider signed with a key that it does not publish"
        )


@dataclass(frozen=True)
class LogoutNotice:
    """Whom the provider logged out: one of their sessions, or all of them if `session` is None."""

    id: str
    subject: str | None
    session: str | None


def public_keys(document: Mapping[str, Any]) -> KeySet:
    """The usable keys of a JWK set (RFC 7517). Raises ValueError if there are none."""
    keys = document.get("keys")
    usable = [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict)
        and key.get("kty") in _KEY_TYPES
        and key.get("use", "sig") == "sig"
        and "d" not in key
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ValueError("the provider publishes no usable key") from error


def id_token_claims(
    token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> dict[str, Any]:
    """The claims of an ID token, which must be for us, valid now, and for this log-in.

    Raises UnknownKeyError, IdentityRefusedError.
    """
    claims, _ = _verified(token, keys)
    _check_common(claims, issuer, client_id, now)
    given = claims.get("nonce")
    if not isinstance(given, str) or not compare_digest(given.encode(), nonce.encode()):
        raise IdentityRefusedError(
            IdentityProblem.WRONG_NONCE, "the provider's answer belongs to another log-in"
        )
    if not _is_id(claims.get("sub")):
        raise IdentityRefusedError(
            IdentityProblem.NO_SUBJECT, "the provider does not say who signed in"
        )
    return claims


def logout_notice(
    token: str, keys: KeySet, *, issuer: str, client_id: str, now: datetime
) -> LogoutNotice:
    """The content of a logout token. Raises UnknownKeyError, IdentityRefusedError."""
    claims, header = _verified(token, keys)
    if str(header.get("typ", "logout+jwt")).lower() not in ("logout+jwt", "jwt"):
        raise IdentityRefusedError(IdentityProblem.WRONG_TYPE, "the token is not a logout token")
    _check_common(claims, issuer, client_id, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
        raise IdentityRefusedError(IdentityProblem.NO_LOGOUT, "the token does not request a logout")
    if "nonce" in claims:  # so that an ID token is not accepted as a logout token
        raise IdentityRefusedError(IdentityProblem.HAS_NONCE, "the token is an ID token")
    subject, session, token_id = (claims.get(name) for name in ("sub", "sid", "jti"))
    if not _is_id(token_id) or not (_is_id(subject) or _is_id(session)):
        raise IdentityRefusedError(
            IdentityProblem.NO_SUBJECT, "the logout token names no user or session"
        )
    return LogoutNotice(
        str(token_id),
        subject if _is_id(subject) else None,
        session if _is_id(session) else None,
    )


def _verified(token: str, keys: KeySet) -> tuple[dict[str, Any], Mapping[str, Any]]:
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise IdentityRefusedError(
            IdentityProblem.NO_TOKEN, "the token of the provider cannot be read"
        )
    try:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    except InvalidKeyIdError:
        raise UnknownKeyError from None
    except (JoseError, ValueError, TypeError, KeyError) as error:
        # not chained: the error may carry the token
        problem = f"the provider's token does not verify ({type(error).__name__})"
        raise IdentityRefusedError(IdentityProblem.BAD_SIGNATURE, problem) from None
    return decoded.claims, decoded.header


def _check_common(claims: Mapping[str, Any], issuer: str, client_id: str, now: datetime) -> None:
    """Check issuer, audience and times, which both kinds of tokens have."""
    if claims.get("iss") != issuer:
        raise IdentityRefusedError(
            IdentityProblem.WRONG_ISSUER, "the token is from another provider"
        )
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if audiences != [client_id]:
        raise IdentityRefusedError(
            IdentityProblem.WRONG_AUDIENCE, "the token is for another program"
        )
    if claims.get("azp", client_id) != client_id:
        raise IdentityRefusedError(
            IdentityProblem.WRONG_AUDIENCE, "the token was issued to another program"
        )
    seconds, skew = now.timestamp(), CLOCK_SKEW.total_seconds()
    if _time(claims, "exp") + skew <= seconds:
        raise IdentityRefusedError(
            IdentityProblem.EXPIRED, "the token has expired; compare the clocks of both machines"
        )
    issued = _time(claims, "iat")
    if not seconds - MAX_AGE.total_seconds() <= issued <= seconds + skew:
        raise IdentityRefusedError(
            IdentityProblem.NOT_NOW,
            "the token was not issued recently; compare the clocks of both machines",
        )
    if "nbf" in claims and _time(claims, "nbf") > seconds + skew:
        raise IdentityRefusedError(IdentityProblem.NOT_NOW, "the token is not valid yet")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise IdentityRefusedError(IdentityProblem.NO_TIME, f"the token has no usable {name}")
    return float(value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_ID_CHARS and value.isprintable()
