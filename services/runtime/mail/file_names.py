"""Makes file names of a mail safe for any file system and URL. The original name is stored
elsewhere, as data.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

MAX_NAME_BYTES = 180  # file systems take 255; room is left for a number, a prefix, a percent sign
_MAX_EXTENSION_BYTES = 24
_LOOKED_AT_CHARS = 1000

_PATH = re.compile(r"^(?:[A-Za-z]:[\\/]|[\\/]{1,2}|\.{1,2}[\\/]|file:)")
# Characters that have a special meaning in a file system, a shell, a URL or a header.
_FORBIDDEN = frozenset('/\\:*?"<>|#%`$;')
_SLASHES = "\u2044\u2215\u29f8\u29f9"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,()+-]*(?: [A-Za-z0-9_.,()+-]+)*")
# Windows: "Naming Files, Paths, and Namespaces"; the superscript digits count as digits there.
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
)
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

# Types that run when they are opened: all that Outlook or Gmail refuse.
_BLOCKED = {
    "ade", "adp", "apk", "app", "application", "appx", "appxbundle", "asp", "aspx", "bas", "bat", "cab", "cer",
    "chm", "cmd", "cnt", "com", "command", "cpl", "crt", "csh", "der", "diagcab", "dll", "dmg", "ex", "ex_",
    "exe", "fxp", "gadget", "grp", "hlp", "hpj", "hta", "htc", "htr", "inf", "ins", "iso", "isp", "its", "jar",
    "jnlp", "js", "jse", "ksh", "lib", "lnk", "mad", "maf", "mag", "mam", "maq", "mar", "mas", "mat", "mau",
    "mav", "maw", "mcf", "mda", "mdb", "mde", "mdt", "mdw", "mdz", "mht", "mhtml", "msc", "msh", "msh1",
    "msh1xml", "msh2", "msh2xml", "mshxml", "msi", "msix", "msixbundle", "msp", "mst", "msu", "nsh", "ops",
    "osd", "pcd", "pif", "pl", "plg", "prf", "prg", "printerexport", "ps1", "ps1xml", "ps2", "ps2xml", "psc1",
    "psc2", "psd1", "psdm1", "psm1", "pst", "py", "pyc", "pyo", "pyw", "pyz", "pyzw", "reg", "scf", "scr",
    "sct", "settingcontent-ms", "shb", "shs", "sys", "theme", "tmp", "udl", "url", "vb", "vbe", "vbp", "vbs",
    "vhd", "vhdx", "vsmacros", "vsw", "vxd", "webpnp", "website", "ws", "wsb", "wsc", "wsf", "wsh", "xbap",
    "xll", "xnk",
}  # fmt: skip
BLOCKED_EXTENSIONS = frozenset(_BLOCKED)

EXTENSION_OF: Mapping[str, str] = MappingProxyType(
    {
        "application/ics": ".ics",
        "application/msword": ".doc",
        "application/pdf": ".pdf",
        "application/pgp-encrypted": ".asc",
        "application/pgp-keys": ".asc",
        "application/pgp-signature": ".asc",
        "application/pkcs7-mime": ".p7m",
        "application/pkcs7-signature": ".p7s",
        "application/rtf": ".rtf",
        "application/vnd.ms-excel": ".xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
        "application/x-pkcs7-mime": ".p7m",
        "application/x-pkcs7-signature": ".p7s",
        "application/xml": ".xml",
        "application/zip": ".zip",
        "application/json": ".json",
        "audio/mpeg": ".mp3",
        "image/bmp": ".bmp",
        "image/gif": ".gif",
        "image/jpeg": ".jpg",
        "image/jpg": ".jpg",
        "image/png": ".png",
        "image/svg+xml": ".svg",
        "image/tiff": ".tif",
        "image/webp": ".webp",
        "message/delivery-status": ".txt",
        "message/disposition-notification": ".txt",
        "message/global": ".eml",
        "message/rfc822": ".eml",
        "text/calendar": ".ics",
        "text/csv": ".csv",
        "text/html": ".html",
        "text/plain": ".txt",
        "text/rfc822-headers": ".txt",
        "text/vcard": ".vcf",
        "text/x-vcard": ".vcf",
        "text/xml": ".xml",
        "video/mp4": ".mp4",
    }
)


def safe_name(original: str) -> str:
    """A name that is one path component everywhere, of at most `MAX_NAME_BYTES` in UTF-8; "" if
    nothing is left.

    It has no separators, control characters, bidirectional or zero-width characters, no leading
    dot, no trailing dot or space, and is not a reserved name of Windows. Letters of all scripts are
    kept, composed (NFC).
    """
    if len(original) <= 100 and _PLAIN.fullmatch(original) and not original.endswith("."):
        return _unreserved(original)
    name = original[:_LOOKED_AT_CHARS]
    if len(original) > _LOOKED_AT_CHARS:
        name += _extension(original[-_LOOKED_AT_CHARS:])
    if _PATH.match(name):
        name = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    name = unicodedata.normalize("NFC", "".join(map(_seen, name)))
    name = " ".join(name.split()).strip(" .")
    if name.startswith(("-", "~")):
        name = f"_{name[1:]}"
    return _shortened(_unreserved(name))


def extension(name: str) -> str:
    """The part of the name after the last dot, in lower case; "" if the name has none."""
    return _extension(name).lower().removeprefix(".").strip()


def unique_name(name: str, taken: set[str]) -> str:
    """`name`, with a number before its extension if another file of the mail has that name,
    ignoring case.
    """
    key = name.casefold()
    number, stem, ending = 2, name.removesuffix(_extension(name)), _extension(name)
    unique = name
    while key in taken:
        unique = _shortened(f"{stem} ({number}){ending}")
        if len(f"{stem} ({number}){ending}".encode()) > MAX_NAME_BYTES:
            unique = _shortened(f"{stem[: MAX_NAME_BYTES // 8]} ({number}){ending}")
        key = unique.casefold()
        number += 1
    taken.add(key)
    return unique


def _seen(character: str) -> str:
    if character < "\x7f":
        return (
            " "
            if character in "\t\n\r"
            else ""
            if character < " "
            else "_"
            if character in _FORBIDDEN
            else character
        )
    if unicodedata.category(character) in _UNSEEN_CATEGORIES:
        return ""
    # full-width characters and others become signs later
    plain = unicodedata.normalize("NFKC", character)
    if plain == ".":  # an extension that some system recognizes counts everywhere
        return plain
    return (
        "_"
        if _FORBIDDEN.intersection(plain) or ".." in plain or character in _SLASHES
        else character
    )


def _unreserved(name: str) -> str:
    stem = name.partition(".")[0].rstrip().casefold()
    return f"_{name}" if stem in _RESERVED else name


def _extension(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if (
        not (stem and dot and ending)
        or len(ending.encode("utf-8", "replace")) > _MAX_EXTENSION_BYTES
    ):
        return ""
    return f".{ending}"


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    ending = _extension(name)
    stem = name.removesuffix(ending).encode()[: MAX_NAME_BYTES - len(ending.encode())]
    return stem.decode("utf-8", "ignore").rstrip(" .") + ending
