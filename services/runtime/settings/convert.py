"""Converts a tree of tables to structs and collects all mistakes. Pure.

`msgspec.convert` stops at the first mistake; here it converts leaf by leaf. A struct is the only
description of a section: its annotations give types and ranges, and `Meta(description=...)`
explains patterns. Supported types are structs, `dict[name, ...]`, `tuple[..., ...]`, `... | None`
and the leaf types of msgspec.
"""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import inspect
from msgspec.structs import FieldInfo, fields

from services.runtime.errors import Mistake

T = TypeVar("T", bound=msgspec.Struct)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Stands for an invalid value; no value of a TOML file is this object.
_BROKEN = object()
_PRINTABLE = 2**64
_PLAIN_WORDS: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "text",
    inspect.CustomType: "text",
    inspect.VarTupleType: "a list",
}


def join(path: str, key: str) -> str:
    """The path of `key` in the table at `path` as in TOML, quoted if necessary."""
    written = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
    return f"{path}.{written}" if path else written


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for an unknown word: the known one that is similar, or else all of them."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {json.dumps(close[0])}?"
    return (
        f"known here: {', '.join(join('', name) for name in known)}"
        if known
        else "there are none yet"
    )


def expected(annotation: object) -> str:
    """A description of a value of this type, as words after "needs"."""
    shape = inspect.type_info(annotation)
    match shape:
        case inspect.Metadata(extra_json_schema=schema):
            words = str((schema or {}).get("description") or "a value")
        case inspect.IntType() | inspect.FloatType():
            words = (
                "a whole number" if isinstance(shape, inspect.IntType) else "a number"
            ) + _range(shape)
        case inspect.LiteralType():  # in the order of the annotation, which msgspec's type does not keep
            words = " or ".join(json.dumps(value) for value in get_args(annotation))
        case _:
            words = _PLAIN_WORDS.get(type(shape), "a table")
    return words


def _range(shape: inspect.IntType | inspect.FloatType) -> str:
    lowest = (
        f"from {shape.ge}"
        if shape.ge is not None
        else f"above {shape.gt}"
        if shape.gt is not None
        else ""
    )
    highest = f"up to {shape.le}" if shape.le is not None else ""
    return "".join(f" {end}" for end in (lowest, highest) if end)


def _kind(value: object) -> str:
    """The kind of a TOML value, but not the value, which may be a misplaced secret."""
    names = {
        str: "text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        dict: "a table",
    }
    return names.get(type(value), "a list" if isinstance(value, list) else "a date or time")


class Walker:
    """Converts tables to structs. `mistakes` contains the mistakes in the order in which they were
    found.

    A broken value is replaced by its default, or by an empty value of its type if it has none, so
    that the struct can be built and checked further. The struct must not be used if there are
    mistakes.
    """

    def __init__(self, hints: Mapping[str, str] | None = None) -> None:
        """`hints` are for keys that are never valid, such as `password`."""
        self.mistakes: list[Mistake] = []
        self._hints = hints or {}

    def table(self, struct: type[T], tree: object, path: str = "") -> T:
        """The struct for `tree`, the value found at `path`."""
        known = {field.encode_name: field for field in fields(struct)}
        values: dict[str, Any] = {}
        for key, value in self._entries(tree, path).items():
            if key in known:
                field = known[key]
                values[field.name] = self._value(field.type, value, join(path, key))
            else:
                hint = self._hints.get(key) or did_you_mean(key, list(known))
                self._wrong(join(path, key), "there is no such setting", hint)
        if isinstance(tree, dict):
            self._missing(known, tree, path)
        for field in known.values():
            if values.get(field.name, _BROKEN) is _BROKEN:
                values.pop(field.name, None)
                if field.required:
                    values[field.name] = _empty(field.type)
        return struct(**values)

    def _entries(self, tree: object, path: str) -> dict[str, object]:
        if isinstance(tree, dict):
            return tree
        header = f"[[{path.rpartition('[')[0]}]]" if path.endswith("]") else f"[{path}]"
        self._wrong(path, f"needs a table, is {_kind(tree)}", f"write {header}")
        return {}

    def _missing(
        self, known: Mapping[str, FieldInfo], tree: Mapping[str, object], path: str
    ) -> None:
        for key, field in known.items():
            if field.required and key not in tree:
                self._wrong(join(path, key), "is missing", _wanted(field.type, join(path, key)))

    def _value(self, annotation: Any, value: object, path: str) -> object:
        """The converted value, or `_BROKEN`; a table is built even from broken parts."""
        options = [option for option in get_args(annotation) if option is not NoneType]
        match inspect.type_info(annotation):
            case inspect.UnionType():  # only ever "... | None", and TOML knows no null
                return self._value(options[0], value, path)
            case inspect.StructType(cls=struct):
                return self.table(struct, value, path)
            case inspect.DictType():
                return self._named_tables(options[0], options[1], value, path)
            case inspect.VarTupleType():
                return self._list(options[0], value, path)
            case inspect.CustomType(cls=cls) if cls is Path:
                text = self._leaf(str, value, path)
                return Path(text) if isinstance(text, str) else text
            case _:
                return self._leaf(annotation, value, path)

    def _named_tables(self, name: Any, content: Any, value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            self._wrong(path, f"needs tables with names, is {_kind(value)}", f"write [{path}.NAME]")
            return {}
        found = {}
        for key, item in value.items():
            if _converted(name, key) is _BROKEN:
                self._wrong(join(path, key), "is not a usable name", f"it needs {expected(name)}")
            found[key] = self._value(content, item, join(path, key))
        return found

    def _list(self, item: Any, value: object, path: str) -> object:
        if not isinstance(value, list):
            tables = isinstance(inspect.type_info(item), inspect.StructType)
            hint = f"write [[{path}]] with double brackets" if tables else "put it in [ ]"
            self._wrong(path, f"needs a list, is {_kind(value)}", hint)
            return _BROKEN
        found = [self._value(item, entry, f"{path}[{index}]") for index, entry in enumerate(value)]
        return tuple(_empty(item) if entry is _BROKEN else entry for entry in found)

    def _leaf(self, annotation: Any, value: object, path: str) -> object:
        converted = _converted(annotation, value)
        if converted is _BROKEN:
            self._wrong(path, *_explain(annotation, value))
        return converted

    def _wrong(self, path: str, problem: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(path, problem, hint))


def _wanted(annotation: Any, path: str) -> str:
    """How to write what is missing at `path`."""
    match inspect.type_info(annotation):
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return f"write at least one, as [[{path}]]"
        case inspect.DictType():
            return f"write at least one, as [{path}.NAME]"
        case _:
            return f"it needs {expected(annotation)}"


def _converted(annotation: Any, value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return _BROKEN  # TOML has inf and nan, but no setting accepts them
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return _BROKEN


def _explain(annotation: Any, value: object) -> tuple[str, str]:
    """Problem and hint for a leaf that does not convert.

    The value itself is shown only if numbers or fixed words are expected: text may be a misplaced
    secret.
    """
    shape = inspect.type_info(annotation)
    needs = f"needs {expected(annotation)}"
    if isinstance(shape, inspect.LiteralType) and isinstance(value, str):
        close = get_close_matches(value.lower(), [str(known) for known in shape.values], n=1)
        return (
            f"{needs}, is {json.dumps(value[:40])}",
            f'did you mean "{close[0]}"?' if close else "",
        )
    plain = isinstance(shape, inspect.IntType | inspect.FloatType | inspect.BoolType)
    if plain and isinstance(value, str):
        return f"{needs}, is text", "write it without quotes"
    if plain and isinstance(value, int | float):
        # A hexadecimal number may have more digits than Python is willing to print.
        shown = (
            str(value).lower() if isinstance(value, float) or value < _PRINTABLE else "much larger"
        )
        return f"{needs}, is {shown}", ""
    return (needs, "") if isinstance(value, str) else (f"{needs}, is {_kind(value)}", "")


def _empty(annotation: Any) -> object:
    """A placeholder of the type for continuing after a mistake; all parts of a table are empty."""
    shape = inspect.type_info(annotation)
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    match shape:
        case inspect.StructType(cls=struct):
            return Walker().table(struct, {})
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.CustomType(cls=cls):
            return cls()
        case inspect.DictType():
            return {}
        case _:
            empty = {
                inspect.IntType: 0,
                inspect.FloatType: 0.0,
                inspect.BoolType: False,
                inspect.StrType: "",
            }
            return empty.get(type(shape), ())
