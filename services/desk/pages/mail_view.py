"""Turns the HTML of a mail into a document for a sandboxed frame. Pure: sanitized HTML in, document
out.

The case writer has sanitized the HTML (`reading.html.sanitizer`): no scripts, no forms, no
positions. This module relies on the sandbox and the policy of `headers.mail_headers`. It adds what
a reader needs: the mail's own pictures, remote ones only on request, and links with their real
host.
"""

import base64
import html as html_lib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.desk.pages.text import plain

# Raster pictures cannot run or load anything; SVG can.
SAFE_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
MAX_PICTURE_BYTES = 3_000_000
MAX_PICTURES_BYTES = 12_000_000
# Encoding a name takes milliseconds, and seconds for one that is too long for DNS (RFC 1035 section
# 2.3.4).
MAX_ENCODED_NAMES = 200
_MAX_HOST_CHARS = 253
_MAX_LABEL_CHARS = 63
_TAG = re.compile(r"<(img|a)\b((?:\s[^<>]*)?)>|</a\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'([a-zA-Z-]+)="([^"]*)"')
_LOOKS_LIKE_HOST = re.compile(r"(?:https?://)?([\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
_STYLE = """
:root { color-scheme: light; }
html { background: #fff; color: #1b2024; }
body { margin: 12px; font: 14px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
table { max-width: 100%; }
pre { white-space: pre-wrap; }
blockquote { margin: 0 0 0 8px; padding-left: 10px; border-left: 2px solid #d5d8da; }
.mailcase-host { font: 11px/1.2 system-ui, sans-serif; color: #59636d; background: #eef0ee;
  border-radius: 4px; padding: 1px 4px; margin-left: 3px; white-space: nowrap; }
.mailcase-host.differs { color: #fff; background: #ad2018; font-weight: 600; }
.mailcase-withheld { display: inline-block; min-width: 24px; padding: 2px 6px;
  border: 1px dashed #87909a; border-radius: 4px; font-size: 11px; color: #59636d; }
.mailcase-bar { margin: -12px -12px 12px; padding: 8px 12px; background: #fdf1d3; color: #5e3c00; font-size: 13px; }
"""


@dataclass(frozen=True)
class Picture:
    """A picture that came with the mail; only SAFE_PICTURES are shown."""

    content_type: str
    content: bytes


def count_remote(html: str) -> int:
    """How many remote pictures the mail refers to."""
    return sum(
        1
        for tag in _TAG.finditer(html)
        if (tag[1] or "").lower() == "img" and "data-remote-src" in _attributes(tag[2])
    )


def content_ids(html: str) -> frozenset[str]:
    """The Content-IDs of the pictures that the mail shows."""
    found = (
        _attributes(tag[2]).get("src", "")
        for tag in _TAG.finditer(html)
        if (tag[1] or "").lower() == "img"
    )
    return frozenset(
        html_lib.unescape(source[4:]) for source in found if source[:4].lower() == "cid:"
    )


def framed_document(
    html: str,
    pictures: Mapping[str, Picture],
    *,
    title: str,
    language: str,
    bar: str = "",
    remote_images: bool = False,
) -> str:
    """A whole HTML document for the frame. `bar` is a line above the mail.

    `pictures` are the mail's own, by Content-ID. They become `data:` addresses, because requests
    from a frame with an opaque origin have no cookies. With `remote_images`, remote pictures get
    their addresses back. For the same reason, the button for that is in the page around the frame.
    """
    body = _Rewriter(pictures, remote_images=remote_images).rewrite(html)
    line = f'<p class="mailcase-bar">{_escaped(bar)}</p>' if bar else ""
    return (
        f'<!doctype html><html lang="{_escaped(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><base target="_blank">'
        f"<title>{_escaped(plain(title))}</title><style>{_STYLE}</style></head>"
        f"<body>{line}{body}</body></html>"
    )


class _Rewriter:
    """Goes through the tags of sanitized HTML once, in order."""

    def __init__(self, pictures: Mapping[str, Picture], *, remote_images: bool) -> None:
        self._pictures = pictures
        self._remote_images = remote_images
        self._bytes_left = MAX_PICTURES_BYTES
        self._names_left = MAX_ENCODED_NAMES

    def rewrite(self, html: str) -> str:
        pieces: list[str] = []
        end = 0
        link: tuple[str, int] | None = None  # the host of the open link, and where its text begins
        for tag in _TAG.finditer(html):
            pieces.append(html[end : tag.start()])
            end = tag.end()
            name = (tag[1] or "").lower()
            if name == "img":
                pieces.append(self._image(_attributes(tag[2])))
            elif name == "a":
                href = html_lib.unescape(_attributes(tag[2]).get("href", ""))
                pieces.append(tag[0])
                link = (self._host(href), end)
            else:
                pieces.append(tag[0])
                if link is not None:
                    pieces.append(_host_label(link[0], html[link[1] : tag.start()]))
                link = None
        pieces.append(html[end:])
        return "".join(pieces)

    def _host(self, href: str) -> str:
        self._names_left -= not href.isascii()
        return real_host(href, encodes=self._names_left >= 0)

    def _image(self, attributes: Mapping[str, str]) -> str:
        alt = attributes.get("alt", "")
        size = "".join(
            f' {name}="{attributes[name]}"' for name in ("width", "height") if name in attributes
        )
        remote = attributes.get("data-remote-src")
        source = attributes.get("src", "")
        if remote and self._remote_images:
            return f'<img src="{remote}" alt="{alt}"{size} referrerpolicy="no-referrer">'
        if source[:4].lower() == "cid:":
            inline = self._inline(html_lib.unescape(source[4:]))
            if inline:
                return f'<img src="{inline}" alt="{alt}"{size}>'
        return f'<span class="mailcase-withheld">{alt or "▢"}</span>'

    def _inline(self, content_id: str) -> str | None:
        picture = self._pictures.get(content_id)
        if picture is None or picture.content_type not in SAFE_PICTURES:
            return None
        size = len(picture.content)
        if size > min(MAX_PICTURE_BYTES, self._bytes_left):
            return None
        self._bytes_left -= size
        return f"data:{picture.content_type};base64,{base64.b64encode(picture.content).decode('ascii')}"


def real_host(href: str, *, encodes: bool = True) -> str:
    """The host that a link leads to; empty for links without a host, such as `mailto:`.

    Names in other scripts are shown in their encoded form (RFC 3492), which exposes look-alike
    letters; without `encodes`, by the numbers of these.
    """
    try:
        parts = urlsplit(href.strip())
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"}:
        return ""
    if host.isascii():
        return host
    is_name = all(len(label) <= _MAX_LABEL_CHARS for label in host.split("."))
    try:
        if encodes and is_name and len(host) <= _MAX_HOST_CHARS:
            return host.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return host[:_MAX_HOST_CHARS].encode("ascii", "backslashreplace").decode("ascii")


def _host_label(host: str, inner: str) -> str:
    """The host after the link's text, unless the text already names it; in red if the text names
    another host.
    """
    if not host:
        return ""
    text = html_lib.unescape(re.sub(r"<[^<>]*>", "", inner)).strip()
    named = _LOOKS_LIKE_HOST.match(text)
    claimed = named[1].lower() if named else ""
    if claimed and (host in {claimed, f"www.{claimed}"} or claimed == f"www.{host}"):
        return ""
    differs = " differs" if claimed and "@" not in text else ""
    return f'<span class="mailcase-host{differs}">{_escaped(host)}</span>'


def _attributes(text: str | None) -> dict[str, str]:
    """The attributes of a tag, values still escaped; nh3 quotes each with `"`."""
    return {name.lower(): value for name, value in _ATTRIBUTE.findall(text or "")}


def _escaped(text: str) -> str:
    return html_lib.escape(text, quote=True)
