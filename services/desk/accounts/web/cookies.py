"""The desk's cookies. Pure.

`__Host-` makes browsers limit a cookie to this host, to TLS and to the path `/`, so that another
host of the domain cannot set it (RFC 6265bis section 4.1.3.2). Browsers refuse such cookies over
plain http, which the settings allow only on this machine; there the cookies have plain names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from services.runtime.settings.schema.desk import is_loopback

_MAX_CHARS = 200  # of a value; ours have 43


@dataclass(frozen=True)
class Cookies:
    """Names and attributes for the desk at one URL."""

    secure: bool

    @classmethod
    def of(cls, public_url: str) -> "Cookies":
        """The cookies for a URL: secure ones, unless it is http on this machine."""
        return cls(secure=not (public_url.startswith("http://") and is_loopback(public_url)))

    @property
    def session(self) -> str:
        """The cookie that proves a session."""
        return self._name("mailcase")

    @property
    def device(self) -> str:
        """The cookie of a browser that logged in before."""
        return self._name("mailcase-device")

    @property
    def login(self) -> str:
        """The cookie of a browser whose log-in is under way at the OpenID provider."""
        return self._name("mailcase-login")

    def set(self, name: str, value: str, lifetime: timedelta) -> str:
        """The value of a `Set-Cookie` header."""
        age = max(0, int(lifetime.total_seconds()))
        secure = "; Secure" if self.secure else ""
        return f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"

    def clear(self, name: str) -> str:
        """The value of a `Set-Cookie` header that removes a cookie."""
        return self.set(name, "", timedelta(0))

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


def cookie_value(headers: Iterable[str], name: str) -> str | None:
    """The value of a cookie in `Cookie` headers; None if it is missing or occurs more than once.

    Which of two cookies a browser sends first depends on who set them, so neither is trusted.
    """
    found = {
        value.strip()
        for header in headers
        for pair in header.split(";")
        for key, equals, value in [pair.partition("=")]
        if equals and key.strip() == name
    }
    if len(found) != 1:
        return None
    (value,) = found
    return value if 0 < len(value) <= _MAX_CHARS else None
