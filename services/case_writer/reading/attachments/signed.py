"""Reads signed mails without verifying the signature: opaque S/MIME (RFC 8551) and PGP's signed
text (RFC 9580).
"""

from dataclasses import dataclass

_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
_AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OCTETS_IN_PIECES, _EXPLICIT, _OID = (
    0x30,
    0x31,
    0x02,
    0x04,
    0x24,
    0xA0,
    0x06,
)

_BEGIN_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_END_SIGNATURE = "-----END PGP SIGNATURE-----"
BEGIN_ENCRYPTED = "-----BEGIN PGP MESSAGE-----"


@dataclass(slots=True)
class _Element:
    """A value in BER (X.690): its tag and the offsets of its content. `end` is None if its length
    is indefinite.
    """

    tag: int
    start: int
    end: int | None


def is_encrypted(data: bytes) -> bool:
    """Whether CMS data (RFC 5652) is encrypted."""
    return any(kind in data[:64] for kind in (_ENVELOPED, _AUTH_ENVELOPED))


def signed_content(data: bytes) -> bytes | None:
    """The mail part in CMS signed data; None if it is not inside, or the data is something else."""
    try:
        return _signed_content(data)
    except (IndexError, ValueError):
        return None


def _signed_content(data: bytes) -> bytes | None:
    position = _enter(data, 0, _SEQUENCE)
    if not data.startswith(_SIGNED, position):
        return None
    position = _enter(data, _enter(data, position + len(_SIGNED), _EXPLICIT), _SEQUENCE)
    position = _after(data, position, _INTEGER)
    position = _after(data, position, _SET)
    position = _enter(data, position, _SEQUENCE)
    position = _enter(data, _after(data, position, _OID), _EXPLICIT)
    return _octets(data, position)


def _octets(data: bytes, position: int) -> bytes:
    """An octet string, which may be sent in pieces (X.690 section 8.7)."""
    element = _element(data, position)
    if element.tag == _OCTETS and element.end is not None:
        return data[element.start : element.end]
    if element.tag != _OCTETS_IN_PIECES:
        raise ValueError("not an octet string")
    pieces: list[bytes] = []
    position = element.start
    stop = len(data) if element.end is None else element.end
    while position < stop and data[position] in (_OCTETS, _OCTETS_IN_PIECES):
        piece = _element(data, position)
        if piece.tag == _OCTETS_IN_PIECES:
            position = piece.start
            continue
        if piece.end is None:
            raise ValueError("a piece without length")
        pieces.append(data[piece.start : piece.end])
        position = piece.end
    return b"".join(pieces)


def _element(data: bytes, position: int) -> _Element:
    tag, length = data[position], data[position + 1]
    position += 2
    if length == 0x80:  # indefinite
        return _Element(tag, position, None)
    if length > 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[position : position + count])
        position += count
    if position + length > len(data):
        raise ValueError("a value continues beyond the end")
    return _Element(tag, position, position + length)


def _enter(data: bytes, position: int, tag: int) -> int:
    element = _element(data, position)
    if element.tag != tag:
        raise ValueError("another element was expected")
    return element.start


def _after(data: bytes, position: int, tag: int) -> int:
    element = _element(data, position)
    if element.tag != tag or element.end is None:
        raise ValueError("another element was expected")
    return element.end


def without_armor(text: str) -> str:
    """Text signed by PGP, without the armor and the signature (RFC 9580 section 7). Other text is
    returned unchanged.
    """
    begin = text.find(_BEGIN_SIGNED)
    if begin < 0:
        return text
    blank = text.find("\n\n", begin)
    signature = text.find(_BEGIN_SIGNATURE, blank)
    end = text.find(_END_SIGNATURE, signature)
    if min(blank, signature, end) < 0 or (begin > 0 and text[begin - 1] != "\n"):
        return text
    signed = "\n".join(line.removeprefix("- ") for line in text[blank + 2 : signature].split("\n"))
    return text[:begin] + signed + text[end + len(_END_SIGNATURE) :].lstrip("\n")
