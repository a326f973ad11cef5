"""Whether a request that changes something came from the desk's own pages. Pure.

Only requests with a cookie need this: a browser adds cookies to what another site makes it send,
and never adds a bearer token. Source: Fetch Metadata (w3.org/TR/fetch-metadata), section 2.2; the
`Origin` header, RFC 6454 section 7.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_same_origin(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether the browser says that the request came from our own origin, or by the user
    themselves.

    A browser that sends neither header is older than both and gets no benefit of the doubt.
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
