"""Static files under URLs that contain a hash of their content, so that browsers keep them forever.

They are read once, at start, so that no request reaches the file system.
"""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
_HASH_CHARS = 12
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@dataclass(frozen=True)
class Asset:
    """A file; `compressed` is its content with gzip."""

    url: str
    content: bytes
    compressed: bytes
    content_type: str


class Assets:
    """All files of a directory with a known type, by name and by URL."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
        self._by_name = {
            str(path.relative_to(folder)): _asset(path.relative_to(folder), path.read_bytes())
            for path in files
        }
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    def url(self, name: str) -> str:
        """The URL of a file. Raises KeyError if there is no such file."""
        return self._by_name[name].url

    def find(self, url: str) -> Asset | None:
        """The file at a URL; None for an unknown name or an outdated hash."""
        return self._by_url.get(url)


def _asset(name: Path, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:_HASH_CHARS]
    hashed = name.with_name(f"{name.stem}.{digest}{name.suffix}")
    return Asset(
        url=f"{PREFIX}{hashed.as_posix()}",
        content=content,
        compressed=gzip.compress(content, mtime=0),
        content_type=_TYPES[name.suffix],
    )
