"""The fields that refer to blobs, derived from the structs, where they have the type `BlobId`.

If a hand-written list lacked a field, the sweep would remove live data.
"""

from collections.abc import Iterator
from functools import cache

import msgspec

from schemas import stored
from schemas.stored import BLOB_MARK, desk


@cache
def blob_references() -> tuple[tuple[str, str], ...]:
    """Each collection with the path of a field that names a blob, such as ("comments",
    "attachments.blob").
    """
    return tuple(sorted(_all_references()))


def _all_references() -> Iterator[tuple[str, str]]:
    for kind in (*vars(stored).values(), *vars(desk).values()):
        if (
            isinstance(kind, type)
            and issubclass(kind, msgspec.Struct)
            and hasattr(kind, "COLLECTION")
        ):
            for path in _paths(msgspec.inspect.type_info(kind), ""):
                yield kind.COLLECTION, path


def _paths(shape: msgspec.inspect.Type, path: str) -> Iterator[str]:
    """The paths of all blobs in a type."""
    match shape:
        case msgspec.inspect.Metadata(type=inner, extra=extra):
            if extra and extra.get(BLOB_MARK):
                yield path
            else:
                yield from _paths(inner, path)
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                yield from _paths(
                    field.type, f"{path}.{field.encode_name}" if path else field.encode_name
                )
        case (
            msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item)
        ):
            yield from _paths(item, path)
        case msgspec.inspect.DictType(value_type=value):
            if any(_paths(value, path)):
                raise TypeError(
                    f"{path}: a mapping that contains blobs cannot be queried by one path"
                )
        case msgspec.inspect.UnionType(types=types):
            for member in types:
                yield from _paths(member, path)
        case _:
            return
