"""Marks the times in schemas: msgspec describes a time as a string without a format. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.inspect import (
    CollectionType,
    DateTimeType,
    DictType,
    StrType,
    StructType,
    Type,
    UnionType,
    multi_type_info,
)


def mark_times(kinds: Sequence[Any], components: dict[str, Any]) -> None:
    """Give each time in the schemas of structs among `kinds`, and in them, the format `date-time`
    of RFC 3339.
    """
    seen: dict[str, StructType] = {}
    for info in multi_type_info(kinds):
        for struct in _structs(info):
            seen.setdefault(struct.cls.__name__, struct)
    for name, struct in seen.items():
        properties = components.get(name, {}).get("properties", {})
        for field in struct.fields:
            if _is_time(field.type) and field.encode_name in properties:
                _mark(properties[field.encode_name])


def _structs(info: Type, within: tuple[type, ...] = ()) -> Iterator[StructType]:
    if isinstance(info, StructType):
        if info.cls in within:
            return
        yield info
        for field in info.fields:
            yield from _structs(field.type, (*within, info.cls))
    elif isinstance(info, UnionType):
        for option in info.types:
            yield from _structs(option, within)
    elif isinstance(info, DictType):
        yield from _structs(info.value_type, within)
    elif isinstance(info, CollectionType):
        yield from _structs(info.item_type, within)


def _is_time(info: Type) -> bool:
    options = info.types if isinstance(info, UnionType) else (info,)
    has_text = any(isinstance(option, StrType) for option in options)
    return not has_text and any(isinstance(option, DateTimeType) for option in options)


def _mark(schema: dict[str, Any]) -> None:
    for option in (schema, *schema.get("anyOf", ())):
        if option.get("type") == "string":
            option["format"] = "date-time"
