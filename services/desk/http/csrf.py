"""Checks that a request that changes something came from the desk's own pages. Pure.

Only requests with a cookie need this: a browser adds cookies, but never a bearer token, to requests
caused by other sites. Source: Fetch Metadata (w3.org/TR/fetch-metadata), section 2.2; the `Origin`
header, RFC 6454 section 7.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_same_origin(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether the browser says that our own origin, or the user directly, caused the request.

    A browser that sends neither header is older than both, and its request is refused.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and _origin(origin) == _origin(public_url)


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.hostname is None:
        return None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]
