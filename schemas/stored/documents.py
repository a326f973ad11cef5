"""Conversion between structs and MongoDB documents."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

BLOB_MARK = "blob"
# The SHA-256 of a content in the blob store. The sweep keeps contents to which a document refers.
BlobId = Annotated[str, msgspec.Meta(extra={BLOB_MARK: True})]
T = TypeVar("T", bound=msgspec.Struct)


def from_document(document: dict[str, Any], kind: type[T]) -> T:
    """The struct for a MongoDB document.

    Raises msgspec.ValidationError if the document does not match.
    """
    return msgspec.convert(document, kind)


def to_document(stored: msgspec.Struct) -> dict[str, Any]:
    """The MongoDB document for a struct, with `_id`; times stay datetimes."""
    document: dict[str, Any] = msgspec.to_builtins(stored, builtin_types=(datetime,))
    return document
