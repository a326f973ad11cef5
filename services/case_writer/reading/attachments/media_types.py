"""Detects the media type of bytes with libmagic, regardless of their name and declared type."""

import mimetypes

import magic

# Python's own list: mime.types differs between machines, so a mail would be read differently.
_TYPES = mimetypes.MimeTypes(filenames=())
_TEXT_BYTES = 1024
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})
_CLOSER = ("text/html", "image/", "audio/", "video/")
_TEXT_WITH_A_KIND = (b"<", b"%", b"{\\rtf", b"#!")
_SNIFFED_BYTES = 8192  # the first entries of an Office file's archive say which kind it is
_UNKNOWN = frozenset(
    {"application/octet-stream", "text/plain", "application/x-empty", "inode/x-empty"}
)
_GENERIC = frozenset({
    "application/octet-stream", "application/x-unknown", "application/force-download", "application/download",
    "application/unknown", "binary/octet-stream", "application/binary",
})  # fmt: skip
PROGRAMS = frozenset(
    {
        "application/java-archive",
        "application/vnd.microsoft.portable-executable",
        "application/x-dosexec",
        "application/x-executable",
        "application/x-mach-binary",
        "application/x-ms-shortcut",
        "application/x-msdownload",
        "application/x-msi",
        "application/x-pie-executable",
        "application/x-sharedlib",
    }
)
# Different names of one type; the first word of each row is the family. The odd name of MP3 is from
# libmagic 5.44.
_FAMILIES = {
    member: row[0]
    for row in (
        ("image/jpeg", "image/jpg", "image/pjpeg"),
        ("image/png", "image/x-png", "image/apng"),
        ("image/bmp", "image/x-bmp", "image/x-ms-bmp"),
        ("image/tiff", "image/tif", "image/x-tiff"),
        ("image/vnd.microsoft.icon", "image/x-icon", "image/ico"),
        ("image/heic", "image/heif"),
        ("application/pdf", "application/x-pdf", "application/acrobat"),
        ("application/rtf", "text/rtf"),
        ("audio/mpeg", "audio/mp3", "audio/mpegapplication/octet-stream"),
        ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
        ("video/mp4", "audio/mp4", "video/quicktime", "audio/x-m4a", "video/x-m4v", "video/3gpp"),
        ("application/gzip", "application/x-gzip"),
        ("application/x-rar", "application/vnd.rar", "application/x-rar-compressed"),
        (
            "application/x-dosexec",
            "application/x-msdownload",
            "application/x-msdos-program",
            "application/vnd.microsoft.portable-executable",
        ),
        (
            "application/vnd.ms-tnef",
            "application/vnd.tnef",
            "application/ms-tnef",
            "application/x-ms-tnef",
        ),
    )
    for member in row
}
_ZIPPED = (
    "application/zip", "application/vnd.openxmlformats-", "application/vnd.oasis.", "application/epub",
    "application/x-zip", "application/vnd.ms-", "application/vnd.android.", "application/java-archive",
    "application/msword", "application/vnd.etsi.asic",
)  # fmt: skip
_OLE = (
    "application/msword", "application/vnd.ms-", "application/x-ole-storage", "application/cdfv2",
    "application/x-msi", "application/vnd.visio", "application/encrypted", "application/vnd.openxmlformats-",
)  # fmt: skip


def sniff(content: bytes, declared: str) -> str:
    """The media type that the bytes look like; `application/octet-stream` if unknown.

    Plain text is not examined further unless it may be HTML or a picture: libmagic takes
    milliseconds for it.
    """
    if content and not declared.startswith(_CLOSER) and _is_text(content[:_TEXT_BYTES]):
        return "text/plain"
    try:
        return magic.from_buffer(content[:_SNIFFED_BYTES], mime=True)
    except (magic.MagicException, UnicodeDecodeError):  # libmagic gives up on some damaged files
        return "application/octet-stream"


def type_by_name(name: str) -> str | None:
    """The media type that a file's name claims; None if its extension is unknown."""
    return _TYPES.guess_type(name, strict=False)[0]


def _is_text(head: bytes) -> bool:
    if head.lstrip().startswith(_TEXT_WITH_A_KIND):
        return False
    return head.isascii() and len(head.translate(None, _CONTROLS)) == len(head)


def contradicts(declared: str, name: str, found: str) -> bool:
    """Whether a file is not of its declared type or, if that is generic, not of the type that its
    name claims.

    Types that share a container do not contradict each other (Office files are archives). Text does
    not contradict any type.
    """
    if declared in _GENERIC:
        declared = type_by_name(name) or found
        if declared in _GENERIC:
            return False
    claimed, real = _family(declared), _family(found)
    if claimed == real or found in ("application/x-empty", "inode/x-empty"):
        return False
    if real in _UNKNOWN:
        return _is_marked(claimed)
    if real.startswith(("text/", "message/")) or real.endswith(("json", "xml")):
        return _is_marked(claimed)
    if real.startswith(_ZIPPED) or real == "application/zip":
        return not claimed.startswith(_ZIPPED)
    if real.startswith(_OLE):
        return not claimed.startswith(_OLE)
    return _is_marked(claimed) or _is_marked(real) or claimed.startswith("text/")


def _family(media_type: str) -> str:
    media_type = media_type.lower()
    return _FAMILIES.get(media_type, media_type)


def _is_marked(family: str) -> bool:
    """Whether files of this type always begin with certain bytes, so that a file without them has
    another type.
    """
    if family.startswith(("image/", "audio/", "video/")):
        return family not in (
            "image/svg+xml",
            "image/x-eps",
            "image/vnd.dxf",
            "image/x-portable-pixmap",
            "audio/midi",
        )
    return family in _MARKED or family in PROGRAMS


_MARKED = frozenset(
    {
        "application/gzip",
        "application/pdf",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/x-7z-compressed",
        "application/x-rar",
        "application/zip",
    }
)
