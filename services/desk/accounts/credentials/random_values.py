"""Random values that prove something, and the hashes under which they are stored.

A value of 256 random bits needs no slow hash: it cannot be guessed.
"""

import hashlib
import secrets

_BYTES = 32


def random_value() -> str:
    """256 random bits, in 43 characters that are safe in cookies and URLs."""
    return secrets.token_urlsafe(_BYTES)


def hashed(value: str) -> str:
    """SHA-256 of any text as 64 hex digits, even if the text is not valid UTF-8."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
