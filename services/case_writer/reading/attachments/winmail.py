"""Opens winmail.dat: the Transport Neutral Encapsulation Format of Outlook and Exchange
([MS-OXTNEF]).

Reads the attachments and the text or HTML body; a case needs nothing else of the format. Of damaged
data, everything before the damage is read. Compressed RTF bodies stay in winmail.dat, which is
kept.
"""

import struct
from dataclasses import dataclass, field

from services.runtime.mail.charsets import decode

_SIGNATURE = b"\x78\x9f\x3e\x22"
_ATTRIBUTE = struct.Struct("<BII")  # level, id, length; a checksum of two bytes follows the data
_CHECKSUM_BYTES = 2

_BODY = 0x0002800C
_MESSAGE_PROPERTIES = 0x00069003
_OEM_CODE_PAGE = 0x00069007
_ATTACHMENT_BEGINS = 0x00069002
_ATTACHMENT_TITLE = 0x00018010
_ATTACHMENT_DATA = 0x0006800F
_ATTACHMENT_PROPERTIES = 0x00069005

# ids of properties in [MS-OXPROPS]
_PLAIN_BODY = 0x1000
_HTML_BODY = 0x1013
_COMPRESSED_RTF = 0x1009
_CODE_PAGE = 0x3FDE
_DATA = 0x3701
_SHORT_NAME = 0x3704
_LONG_NAME = 0x3707
_MEDIA_TYPE = 0x370E
_CONTENT_ID = 0x3712

_FIXED_BYTES = {
    0x2: 4,
    0x3: 4,
    0x4: 4,
    0x5: 8,
    0x6: 8,
    0x7: 8,
    0xA: 4,
    0xB: 4,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}
_STRING_8, _UNICODE, _BINARY, _OBJECT = 0x1E, 0x1F, 0x102, 0xD
_SEVERAL = 0x1000
_NAMED_FROM = 0x8000
_MAX_PROPERTIES = 10_000
_MAX_ATTACHMENTS = 1000


@dataclass(slots=True)
class WinmailFile:
    """An attachment in winmail.dat. `name` and `content_type` are empty if they are missing."""

    name: str = ""
    content: bytes = b""
    content_type: str = ""
    content_id: str = ""


@dataclass(slots=True)
class Winmail:
    """The contents of winmail.dat. Missing bodies are empty; `whole` is False if the data was
    damaged.
    """

    plain: str = ""
    html: str = ""
    has_rtf: bool = False
    files: list[WinmailFile] = field(default_factory=list)
    whole: bool = True


def open_winmail(data: bytes) -> Winmail | None:
    """The contents of winmail.dat; None if the data is not TNEF."""
    return _Opener(data).open() if data.startswith(_SIGNATURE) else None


class _Opener:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._found = Winmail()
        self._charset: str | None = None

    def open(self) -> Winmail:
        position = len(_SIGNATURE) + 2
        try:
            while position < len(self._data):
                _, identity, length = _ATTRIBUTE.unpack_from(self._data, position)
                start = position + _ATTRIBUTE.size
                position = start + length + _CHECKSUM_BYTES
                if start + length > len(self._data):
                    self._found.whole = False
                    break
                self._take(identity, self._data[start : start + length])
        except (struct.error, UnicodeDecodeError):
            self._found.whole = False
        self._found.files = [file for file in self._found.files if file.content or file.name]
        return self._found

    def _take(self, identity: int, value: bytes) -> None:
        found = self._found
        if identity == _ATTACHMENT_BEGINS:
            if len(found.files) < _MAX_ATTACHMENTS:
                found.files.append(WinmailFile())
        elif identity == _OEM_CODE_PAGE and len(value) >= 4:
            self._charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif identity == _BODY:
            found.plain = found.plain or self._text(value)
        elif identity == _MESSAGE_PROPERTIES:
            self._take_body(_properties(value))
        elif found.files:
            self._take_file(found.files[-1], identity, value)

    def _take_body(self, properties: dict[int, tuple[int, bytes]]) -> None:
        found = self._found
        if _PLAIN_BODY in properties:
            found.plain = self._string(properties[_PLAIN_BODY])
        if _HTML_BODY in properties:
            kind, value = properties[_HTML_BODY]
            page = properties.get(_CODE_PAGE, (0, b""))[1]
            charset = (
                _charset_of_page(struct.unpack_from("<I", page)[0])
                if len(page) >= 4
                else self._charset
            )
            found.html = (
                value.decode("utf-16-le", "replace")
                if kind == _UNICODE
                else decode(value, charset)[0]
            )
        found.has_rtf = _COMPRESSED_RTF in properties

    def _take_file(self, file: WinmailFile, identity: int, value: bytes) -> None:
        if identity == _ATTACHMENT_TITLE:
            file.name = file.name or self._text(value)
        elif identity == _ATTACHMENT_DATA:
            file.content = value
        elif identity == _ATTACHMENT_PROPERTIES:
            properties = _properties(value)
            for name in (_SHORT_NAME, _LONG_NAME):
                if name in properties:
                    file.name = self._string(properties[name]) or file.name
            if not file.content and _DATA in properties:
                kind, content = properties[_DATA]
                # an object begins with its interface's id
                file.content = content[16:] if kind == _OBJECT else content
            file.content_type = self._string(properties.get(_MEDIA_TYPE, (0, b"")))
            file.content_id = self._string(properties.get(_CONTENT_ID, (0, b"")))

    def _string(self, value: tuple[int, bytes]) -> str:
        kind, data = value
        return (
            data.decode("utf-16-le", "replace").rstrip("\0")
            if kind == _UNICODE
            else self._text(data)
        )

    def _text(self, data: bytes) -> str:
        return decode(data.partition(b"\0")[0], self._charset)[0]


def _charset_of_page(page: int) -> str:
    return (
        "utf-8"
        if page == 65001
        else f"iso-8859-{page - 28590}"
        if 28591 <= page <= 28605
        else f"cp{page}"
    )


def _properties(data: bytes) -> dict[int, tuple[int, bytes]]:
    """The properties of a list by id, with their types; the first of several values. Raises
    struct.error if the data is damaged.
    """
    properties: dict[int, tuple[int, bytes]] = {}
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(min(count, _MAX_PROPERTIES)):
        kind, identity = struct.unpack_from("<HH", data, position)
        position += 4
        if identity >= _NAMED_FROM:
            position = _after_name(data, position)
        value, position = _value(data, position, kind)
        properties.setdefault(identity, (kind & ~_SEVERAL, value))
    return properties


def _after_name(data: bytes, position: int) -> int:
    """The offset after a property's name: a set (16 bytes), then a number or a name."""
    (by_name,) = struct.unpack_from("<I", data, position + 16)
    position += 20
    if not by_name:
        return position + 4
    (length,) = struct.unpack_from("<I", data, position)
    return position + 4 + _padded(length)


def _value(data: bytes, position: int, kind: int) -> tuple[bytes, int]:
    several, kind = bool(kind & _SEVERAL), kind & ~_SEVERAL
    fixed = _FIXED_BYTES.get(kind)
    if fixed is not None and not several:
        return data[position : position + fixed], position + fixed
    if fixed is None and kind not in (_STRING_8, _UNICODE, _BINARY, _OBJECT):
        raise struct.error(f"property type {kind:#x} is not known")
    (count,) = struct.unpack_from("<I", data, position)
    position += 4
    if fixed is not None:
        return data[position : position + fixed], position + fixed * count
    first: bytes | None = None
    for _ in range(min(count, _MAX_PROPERTIES)):
        (length,) = struct.unpack_from("<I", data, position)
        position += 4
        if position + length > len(data):
            raise struct.error("a value continues beyond the end")
        first = data[position : position + length] if first is None else first
        position += _padded(length)
    return first or b"", position


def _padded(length: int) -> int:
    return (length + 3) & ~3
