"""ID tokens of a provider: a valid one, and one for every way to forge it."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from services.desk.accounts.oidc.errors import IdentityRefusedError, ProviderUnavailableError
from services.desk.accounts.oidc.id_tokens import (
    id_token_claims,
    logout_notice,
    public_keys,
)
from services.desk.accounts.oidc.login_attempt import LoginAttempt
from services.desk.accounts.oidc.metadata import parse_metadata
from services.desk.accounts.oidc.person import proven_person
from services.runtime.settings import Oidc

ISSUER, CLIENT, NONCE = "https://login.example", "mailcase", "the nonce of this log-in"
NOW = datetime(2030, 3, 1, 9, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
EVENT = "http://schemas.openid.net/event/backchannel-logout"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
KEYS = public_keys({"keys": [KEY.as_dict(private=False)]})
ID_CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "anna-1",
    "nonce": NONCE,
    "iat": AT - 5,
    "exp": AT + 300,
}
LOGOUT_CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "anna-1",
    "sid": "s1",
    "iat": AT,
    "exp": AT + 120,
    "jti": "j1",
    "events": {EVENT: {}},
}


def signed(claims: dict[str, Any], key: RSAKey = KEY, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"} | header, claims, key)


def unsigned(claims: dict[str, Any], alg: str, signature: str = "") -> str:
    parts = ({"alg": alg, "kid": "one", "typ": "JWT"}, claims)
    encoded = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return ".".join((*encoded, signature))


def with_hmac_of_the_public_key() -> str:
    head = unsigned(ID_CLAIMS, "HS256").rpartition(".")[0]
    mac = hmac.digest(KEY.as_pem(private=False), head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def verified(token: str, keys: KeySet = KEYS) -> dict[str, Any]:
    return id_token_claims(token, keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now=NOW)


def test_a_token_for_us_of_now_and_of_this_log_in_holds() -> None:
    assert verified(signed(ID_CLAIMS))["sub"] == "anna-1"
    assert verified(signed(ID_CLAIMS | {"aud": [CLIENT], "azp": CLIENT}))
    late = ID_CLAIMS | {"exp": AT - 30, "iat": AT + 30}
    assert verified(signed(late)), "clocks differ by less than a minute"


@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")])
def test_keys_of_other_kinds_verify_too(key: ECKey | OKPKey) -> None:
    keys = public_keys({"keys": [key.as_dict(private=False)]})
    alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
    token = jwt.encode({"alg": alg}, ID_CLAIMS, key, algorithms=[alg])
    assert verified(token, keys)["sub"] == "anna-1"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: signed(ID_CLAIMS | {"nonce": "of another log-in"}), "wrong-nonce"),
        (lambda: signed({k: v for k, v in ID_CLAIMS.items() if k != "nonce"}), "wrong-nonce"),
        (lambda: signed(ID_CLAIMS | {"nonce": [NONCE]}), "wrong-nonce"),
        (lambda: signed(ID_CLAIMS | {"aud": "other"}), "wrong-audience"),
        (lambda: signed(ID_CLAIMS | {"aud": [CLIENT, "other"]}), "wrong-audience"),
        (lambda: signed(ID_CLAIMS | {"aud": []}), "wrong-audience"),
        (lambda: signed(ID_CLAIMS | {"azp": "other"}), "wrong-audience"),
        (lambda: signed({k: v for k, v in ID_CLAIMS.items() if k != "aud"}), "wrong-audience"),
        (lambda: signed(ID_CLAIMS | {"iss": "https://evil.example"}), "wrong-issuer"),
        (lambda: signed(ID_CLAIMS | {"iss": ISSUER + "/"}), "wrong-issuer"),
        (lambda: signed(ID_CLAIMS | {"exp": AT - 61}), "expired"),
        (lambda: signed({k: v for k, v in ID_CLAIMS.items() if k != "exp"}), "no-time"),
        (lambda: signed(ID_CLAIMS | {"exp": "2100-01-01"}), "no-time"),
        (lambda: signed(ID_CLAIMS | {"exp": True}), "no-time"),
        (lambda: signed(ID_CLAIMS | {"iat": AT + 120}), "not-now"),
        (lambda: signed(ID_CLAIMS | {"iat": AT - 3600}), "not-now"),
        (lambda: signed(ID_CLAIMS | {"nbf": AT + 120}), "not-now"),
        (lambda: signed(ID_CLAIMS | {"sub": ""}), "no-subject"),
        (lambda: signed(ID_CLAIMS | {"sub": 7}), "no-subject"),
        (lambda: signed(ID_CLAIMS | {"sub": "x" * 256}), "no-subject"),
        (lambda: signed(ID_CLAIMS, OTHER), "bad-signature"),
        (lambda: signed(ID_CLAIMS, OTHER, kid="two"), "unknown-key"),
        (lambda: unsigned(ID_CLAIMS, "none"), "bad-signature"),
        (lambda: unsigned(ID_CLAIMS, "None"), "bad-signature"),
        (lambda: unsigned(ID_CLAIMS, "RS256", "AAAA"), "bad-signature"),
        (with_hmac_of_the_public_key, "bad-signature"),
        (lambda: signed(ID_CLAIMS)[:-8] + "AAAAAAAA", "bad-signature"),
        (lambda: signed(ID_CLAIMS) + ".x", "bad-signature"),
        (lambda: "", "bad-signature"),
        (lambda: "a.b.c", "bad-signature"),
        (lambda: "ż.b.c", "no-token"),
        (lambda: "x" * 70_000, "no-token"),
        (lambda: signed(LOGOUT_CLAIMS), "wrong-nonce"),
    ],
)
def test_a_forged_id_token_is_refused(make: Callable[[], str], reason: str) -> None:
    token = make()
    with pytest.raises(IdentityRefusedError) as caught:
        verified(token)
    assert caught.value.reason == reason
    assert not token or token not in str(caught.value)


def test_a_key_in_the_token_itself_proves_nothing() -> None:
    header = {"alg": "RS256", "jwk": OTHER.as_dict(private=False)}
    token = jwt.encode(header, ID_CLAIMS, OTHER)
    with pytest.raises(IdentityRefusedError):
        verified(token)


def notice(token: str) -> Any:
    return logout_notice(token, KEYS, issuer=ISSUER, client_id=CLIENT, now=NOW)


def test_a_logout_token_names_a_session_or_a_person() -> None:
    found = notice(signed(LOGOUT_CLAIMS, typ="logout+jwt"))
    assert (found.id, found.subject, found.session) == ("j1", "anna-1", "s1")
    assert notice(signed({k: v for k, v in LOGOUT_CLAIMS.items() if k != "sid"})).session is None


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (ID_CLAIMS, "no-logout"),
        (LOGOUT_CLAIMS | {"nonce": NONCE}, "has-nonce"),
        (LOGOUT_CLAIMS | {"events": {}}, "no-logout"),
        (LOGOUT_CLAIMS | {"events": EVENT}, "no-logout"),
        (LOGOUT_CLAIMS | {"sub": None, "sid": None}, "no-subject"),
        (LOGOUT_CLAIMS | {"jti": None}, "no-subject"),
        (LOGOUT_CLAIMS | {"sub": {"$ne": None}, "sid": None}, "no-subject"),
        (LOGOUT_CLAIMS | {"aud": "other"}, "wrong-audience"),
        (LOGOUT_CLAIMS | {"iss": "https://evil.example"}, "wrong-issuer"),
        (LOGOUT_CLAIMS | {"iat": AT - 3600}, "not-now"),
        (LOGOUT_CLAIMS | {"exp": AT - 3600}, "expired"),
    ],
)
def test_a_forged_logout_token_is_refused(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(IdentityRefusedError) as caught:
        notice(signed(claims))
    assert caught.value.reason == reason


def test_a_token_of_another_type_is_no_logout_token() -> None:
    with pytest.raises(IdentityRefusedError):
        notice(signed(LOGOUT_CLAIMS, typ="at+jwt"))
    with pytest.raises(IdentityRefusedError):
        notice(unsigned(LOGOUT_CLAIMS, "none"))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": []},
        {"keys": "x"},
        {"keys": [None, {"kty": "new"}]},
        {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [KEY.as_dict(private=False) | {"use": "enc"}]},
        {"keys": [KEY.as_dict(private=True)]},
        {"keys": [{"kty": "RSA", "n": "!", "e": "!"}]},
    ],
)
def test_keys_that_prove_nothing_are_no_keys(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no usable key"):
        public_keys(document)


METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://login.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"userinfo_endpoint": "http://login.example/me"},
        {"jwks_uri": "https://login.example/\r\nX: y"},
    ],
)
def test_a_description_of_another_provider_or_without_tls_is_refused(
    change: dict[str, Any],
) -> None:
    assert parse_metadata(METADATA, ISSUER).userinfo_endpoint is None
    with pytest.raises(ProviderUnavailableError):
        parse_metadata(METADATA | change, ISSUER)


def test_one_secret_of_the_browser_gives_state_nonce_and_verifier() -> None:
    attempt = LoginAttempt.begin("/cases/7?x=~")
    again = LoginAttempt.from_cookie(attempt.cookie)
    assert again == attempt
    values = {attempt.secret, attempt.state, attempt.nonce, attempt.verifier, attempt.challenge}
    assert len(values) == 5
    assert all(len(value) == 43 for value in values)
    assert attempt.has_state(attempt.state)
    for wrong in (None, "", attempt.nonce, attempt.state + "x", "\ud800"):
        assert not attempt.has_state(wrong)
    assert LoginAttempt.begin("/" + "x" * 200).next == "/"
    for cookie in (None, "", "x", "~", "~L2E", "x~ż", "x~//evil"):
        found = LoginAttempt.from_cookie(cookie)
        assert found is None or found.next == "/"


def test_a_claim_that_the_settings_name_is_believed_and_groups_are_texts() -> None:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "1",
        "upn": "Anna@office.example",
        "name": "Anna\r\nX",
        "roles": ["a", 7, "b\n", "a", {"x": 1}, " "],
    }
    settings = Oidc(address_claim="upn", groups_claim="roles")
    person = proven_person(claims, settings)
    assert (person.address, person.name) == ("anna@office.example", "anna@office.example")
    assert list(person.groups) == ["a", "b"]
    for odd in ({"a": 1}, 7, None, [["x"]]):
        assert not proven_person(claims | {"roles": odd}, settings).groups
