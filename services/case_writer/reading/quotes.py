"""What the author wrote now, apart from quotes, signature and forwarded header."""


def written_now(full_text: str) -> str:
    """The new text of `full_text`."""
    return full_text
