"""The key of the mail that opened each case, in 32 bytes a case. Pure."""

_KEY_BYTES = 32
_PAGE_CASES = 1_024
_UNKNOWN, _NONE = bytes(_KEY_BYTES), b"\xff" * _KEY_BYTES


class CaseOpeners:
    """Of up to millions of cases. A case may be known to have no opener."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._others: dict[int, str] = {}  # those that do not look like a SHA-256

    def __contains__(self, case: int) -> bool:
        return case in self._others or self._read(case) != _UNKNOWN

    def __setitem__(self, case: int, key: str | None) -> None:
        self._others.pop(case, None)
        digest = _NONE if key is None else _digest(key)
        if digest is None and key is not None:
            self._others[case] = key
        page, place = divmod(case, _PAGE_CASES)
        cases = self._pages.setdefault(page, bytearray(_PAGE_CASES * _KEY_BYTES))
        cases[place * _KEY_BYTES : (place + 1) * _KEY_BYTES] = digest or _UNKNOWN

    def get(self, case: int) -> str | None:
        """The opener of a case; None if it has none, or is unknown."""
        if case in self._others:
            return self._others[case]
        digest = self._read(case)
        return None if digest in {_UNKNOWN, _NONE} else digest.hex()

    def _read(self, case: int) -> bytes:
        page, place = divmod(case, _PAGE_CASES)
        cases = self._pages.get(page)
        if cases is None:
            return _UNKNOWN
        return bytes(cases[place * _KEY_BYTES : (place + 1) * _KEY_BYTES])


def _digest(key: str) -> bytes | None:
    try:
        digest = bytes.fromhex(key)
    except ValueError:
        return None
    return digest if len(digest) == _KEY_BYTES and digest.hex() == key else None
