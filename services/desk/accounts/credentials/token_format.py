"""The format of a token: `mlc_`, 43 random characters, 6 characters of a checksum. Pure.

The prefix lets scanners for leaked secrets find it; the checksum lets them, and us, tell a token
from other text without a database.
"""

import secrets
import zlib

PREFIX = "mlc_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 43  # 62 ** 43 is over 2 ** 256
_CHECK = 6  # 62 ** 6 is over 2 ** 32


def new_token() -> str:
    """A new token with 256 random bits."""
    body = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return PREFIX + body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether the text can be a token at all."""
    body, check = text[len(PREFIX) : -_CHECK], text[-_CHECK:]
    return (
        text.startswith(PREFIX)
        and len(body) == _RANDOM
        and body.isascii()
        and body.isalnum()
        and secrets.compare_digest(check.encode("utf-8", "replace"), _checksum(body).encode())
    )


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(_CHECK):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
