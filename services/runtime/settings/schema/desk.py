"""The sections of the settings for the desk; see `file.py`."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from services.runtime.settings.fields import Duration, Text, User

Listen = Annotated[
    str,
    Meta(
        pattern=r"\A(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}\Z",
        description='a host and a port such as "127.0.0.1:8080" or "[::]:8080"',
    ),
]
PublicUrl = Annotated[
    str,
    Meta(
        pattern=r"\Ahttps?://[A-Za-z0-9.\[\]:-]{1,260}/?\Z",
        description='a URL without a path, such as "https://cases.example.com"',
    ),
]
# Without TLS only on this machine, because tokens and the client's secret are sent over the
# connection.
IssuerUrl = Annotated[
    str,
    Meta(
        pattern=r"\A(?:https://[^\s@?#]{1,500}|http://(?:127\.0\.0\.1|localhost)(?::\d{1,5})?(?:/[^\s@?#]{0,500})?)\Z",
        description="a URL that begins with https://",
    ),
]
Network = Annotated[
    str,
    Meta(
        pattern=r"\A[0-9A-Fa-f:.]{2,45}(?:/[0-9]{1,3})?\Z",
        description='an IP address or a network such as "10.0.0.0/8"',
    ),
]
TimeZone = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}\Z",
        description='the IANA name of a time zone, such as "Europe/Warsaw"',
    ),
]
Claim = Annotated[
    str, Meta(pattern=r"\A[\x21-\x7e]{1,200}\Z", description="the name of a claim, in ASCII")
]
Scope = Annotated[
    str,
    Meta(  # RFC 6749 section 3.3
        pattern=r"\A[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z", description="a scope, in ASCII"
    ),
]


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, so that nothing crosses a network."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Oidc(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OpenID provider that people log in with (OpenID Connect Core 1.0); `issuer`, `client_id`
    and `client_secret_file` are None only while `login` is local.
    """

    issuer: IssuerUrl | None = None
    client_id: Text | None = None
    client_secret_file: Path | None = None
    # PEM certificates of authorities to trust instead of the system's; None: the system's.
    ca_file: Path | None = None
    scopes: tuple[Scope, ...] = ("openid", "profile", "email")
    groups_claim: Claim = "groups"
    # Who may log in; if it is empty, everyone whom the provider authenticates.
    allowed_groups: tuple[Text, ...] = ()
    # The user's address. `email` counts only with `email_verified`.
    address_claim: Claim = "email"


class Desk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The desk: where it listens, and who logs in to it."""

    listen: Listen = "127.0.0.1:8080"
    # For links in mails and events, cookies and sign-on; None: the address that it listens on.
    public_url: PublicUrl | None = None
    login: Literal["local", "oidc"] = "local"
    # Who may do everything, in addition to the accounts that were created with --admin.
    admins: tuple[User, ...] = ()
    admin_groups: tuple[Text, ...] = ()
    # A session ends after the first time without a request, and always after the second.
    session_idle: Duration = "12h"
    session_length: Duration = "7d"
    # An IANA name. Pages show times in this zone until the browser reports its own.
    time_zone: TimeZone = "UTC"
    # The proxies whose X-Forwarded-For is trusted.
    trusted_proxies: tuple[Network, ...] = ()
    # Networks that webhooks may reach although they are not public; http:// works only for these.
    webhook_allow_networks: tuple[Network, ...] = ()
    # How long entries of the audit log are kept.
    audit_days: Annotated[int, Meta(ge=1, le=36_500)] = 365
    oidc: Oidc = Oidc()

    @property
    def base_url(self) -> str:
        """The desk's URL for people, without a slash at its end."""
        return (self.public_url or f"http://{self.listen}").rstrip("/")
