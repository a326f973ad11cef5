"""The security headers of pages and of framed mails. Pure.

Sources: Content Security Policy Level 3, Trusted Types, and htmx's extension hx-csp, which lets an
element have behavior only if it carries the page's nonce.
"""

import secrets
from collections.abc import Mapping


def new_nonce() -> str:
    """A value that nobody can guess, for one response."""
    return secrets.token_urlsafe(16)


def page_headers(nonce: str) -> Mapping[str, str]:
    """Headers of an HTML page: scripts and behavior only with the nonce, no inline, no eval."""
    policy = {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "object-src": "'none'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "htmx",
    }
    return {
        "Content-Security-Policy": _written(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Vary": "HX-Request, Cookie",
    }


def mail_headers(*, remote_images: bool) -> Mapping[str, str]:
    """Headers of a framed mail: an origin of its own, no scripts, no forms, and nothing from the
    internet unless the reader requested its images.
    """
    policy = {
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
        "default-src": "'none'",
        "img-src": "data: https: http:" if remote_images else "data:",
        "style-src": "'unsafe-inline'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    return {
        "Content-Security-Policy": _written(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _written(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())
