"""Responses with a file: safe headers, and ranges (RFC 9110 section 14)."""

import re
from urllib.parse import quote

from starlette.responses import Response

from services.desk.http.problems import ProblemError

# The types that a browser may display; everything else is saved. Never SVG or HTML, which can run
# scripts.
_SHOWN = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
    "application/pdf": "application/pdf",
    "text/plain": "text/plain; charset=utf-8",
    "text/csv": "text/plain; charset=utf-8",
}
_SAVED = {"message/rfc822": "message/rfc822"}  # runs nothing, and mail programs open it
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_response(
    content: bytes,
    name: str,
    content_type: str,
    *,
    sha256: str,
    range_header: str | None = None,
    in_place: bool = False,
) -> Response:
    """A file, or the part that `range_header` requests.

    With `in_place`, the browser shows a harmless type in a sandbox; by default, every file is
    saved. Raises ProblemError 416 for a range outside the file.
    """
    shown = _SHOWN.get(content_type.partition(";")[0].strip().lower()) if in_place else None
    headers = {
        "Content-Disposition": disposition(name, in_place=shown is not None),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=3600",
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256}"',
    }
    if shown == "application/pdf":
        # A sandbox would disable the browser's own viewer, which runs no scripts of the page.
        headers["Content-Security-Policy"] = "default-src 'none'; object-src 'self'"
    media_type = shown or _SAVED.get(content_type, "application/octet-stream")
    part = _part(range_header, len(content)) if range_header else None
    if part is None:
        return Response(content, 200, headers, media_type=media_type)
    first, last = part
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, media_type=media_type)


def disposition(name: str, *, in_place: bool) -> str:
    """The value of `Content-Disposition` (RFC 6266), with the name in ASCII, then the complete
    name.
    """
    plain = "".join(
        sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_"
        for sign in name
    )
    kind = "inline" if in_place else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _part(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte; None for headers that a server may ignore by RFC 9110: several
    ranges, or an unknown unit.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    begin, end = found.groups()
    first = int(begin) if begin else max(0, size - int(end))
    last = min(int(end), size - 1) if begin and end else size - 1
    if first >= size or first > last:
        raise ProblemError(
            416,
            "range-not-satisfiable",
            f"the file has {size} bytes; ask for a range within them",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return first, last
