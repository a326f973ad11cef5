"""The provider's description of itself (OpenID Connect Discovery 1.0, section 3). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from services.desk.accounts.oidc.errors import ProviderUnavailableError
from services.runtime.settings.schema.desk import is_loopback

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Metadata:
    """The used parts of the description. `userinfo_endpoint` and `end_session_endpoint` (OpenID
    Connect RP-Initiated Logout 1.0, section 2.1) are None if there is none.

    `sends_issuer` says that its callbacks carry `iss` (RFC 9207).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    posts_secret: bool
    sends_issuer: bool


def discovery_url(issuer: str) -> str:
    """The URL of the provider's description."""
    return issuer.rstrip("/") + WELL_KNOWN


def parse_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """The description, if it is the one of `issuer`. Raises ProviderUnavailableError."""
    if document.get("issuer") != issuer:
        raise ProviderUnavailableError(
            "the provider's issuer differs from desk.oidc.issuer; copy it exactly"
        )
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        jwks_uri=_endpoint(document, "jwks_uri"),
        userinfo_endpoint=_optional(document, "userinfo_endpoint"),
        end_session_endpoint=_optional(document, "end_session_endpoint"),
        posts_secret="client_secret_basic" not in methods,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _optional(document: Mapping[str, Any], name: str) -> str | None:
    return _endpoint(document, name) if document.get(name) else None


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not _is_safe(url):
        raise ProviderUnavailableError(f"the provider's {name} is not an https URL")
    return url


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    return secure and bool(parts.hostname) and url.isprintable()
