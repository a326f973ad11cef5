"""Redact secrets in text for people: logs, error messages, printed settings."""

import re

_WORD = re.compile(r"\S+")
# Options of a MongoDB URL that carry a secret:
# https://www.mongodb.com/docs/manual/reference/connection-string-options/
_OPTION = re.compile(r"([?&](?:[a-z]*password|authmechanismproperties)=)[^&\s]*", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """Return `text` with `***` in place of every password in a URL. It is fast if `text` contains
    no URL.

    The time is linear in the length. If in doubt, too much is masked.

    >>> mask_secrets("amqp://guest:guest@mq.example:5672/")
    'amqp://guest:***@mq.example:5672/'
    """
    if "://" not in text:
        return text
    return _WORD.sub(_masked_word, text)


def _masked_word(match: re.Match[str]) -> str:
    word = match[0]
    scheme = word.find("://")
    if scheme < 0:
        return word
    # Up to the last @: a password that was not percent-encoded may contain @ and /.
    end = word.rfind("@")
    colon = word.find(":", scheme + 3, end) if end > scheme else -1
    if colon >= 0:
        word = f"{word[:colon]}:***{word[end:]}"
    return _OPTION.sub(r"\1***", word)
