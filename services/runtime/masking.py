"""Take secrets out of text that people will read: logs, error messages, the settings as they are shown."""

import re

# The password of `scheme://user:password@host`. Up to the last @ before a blank, because a password that was not
# percent-encoded may hold @ and / itself; rather too much is masked than too little.
_USER_INFO = re.compile(r"(://[^\s:/@]*):\S*@")
# Options of a MongoDB URL that carry a secret:
# https://www.mongodb.com/docs/manual/reference/connection-string-options/
_OPTION = re.compile(r"([?&](?:[a-z]*password|authmechanismproperties)=)[^&\s]*", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """Return `text` with `***` for every password inside a URL; unchanged, and cheap, if it holds no URL.

    >>> mask_secrets("amqp://guest:guest@mq.example:5672/")
    'amqp://guest:***@mq.example:5672/'
    """
    if "://" not in text:
        return text
    return _OPTION.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))
