"""Finds changes of the API's description that break programs written for the old one. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def breaking_changes(old: Json, new: Json) -> list[str]:
    """One line per breaking change: an operation, a status, a property or a choice was removed, or
    a parameter or a property became required.

    Additions are not breaking: clients ignore properties that they do not know.
    """
    return [*_operations(old, new), *_schemas(old, new)]


def _operations(old: Json, new: Json) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{name}: the operation is gone"
                continue
            yield from _parameters(name, operation, now)
            successes = {status for status in operation["responses"] if status < "300"}
            for status in sorted(successes - now["responses"].keys()):
                yield f"{name}: the status {status} is gone"


def _parameters(name: str, old: Json, new: Json) -> Iterator[str]:
    before = {
        (parameter["in"], parameter["name"]): parameter for parameter in old.get("parameters", ())
    }
    after = {
        (parameter["in"], parameter["name"]): parameter for parameter in new.get("parameters", ())
    }
    for place, parameter in sorted(before.keys() - after.keys()):
        yield f"{name}: the {place} parameter {parameter} is gone"
    for key in sorted(after):
        required_before = before.get(key, {}).get("required", False)
        if after[key]["required"] and not required_before:
            yield f"{name}: the {key[0]} parameter {key[1]} is required now"
    for key in sorted(before.keys() & after.keys()):
        yield from _choices(f"{name}: {key[1]}", before[key]["schema"], after[key]["schema"])


def _schemas(old: Json, new: Json) -> Iterator[str]:
    for name, schema in old["components"]["schemas"].items():
        now = new["components"]["schemas"].get(name)
        if now is None:
            yield f"{name}: the schema is gone"
            continue
        properties, kept = schema.get("properties", {}), now.get("properties", {})
        for field in sorted(properties.keys() - kept.keys()):
            yield f"{name}: the property {field} is gone"
        if name.endswith(("Request", "Patch", "Item")):
            for field in sorted(set(now.get("required", ())) - set(schema.get("required", ()))):
                yield f"{name}: the property {field} is required now"
        for field in sorted(properties.keys() & kept.keys()):
            yield from _choices(f"{name}.{field}", properties[field], kept[field])
            if properties[field].get("type") != kept[field].get("type"):
                yield f"{name}.{field}: the type changed"


def _choices(place: str, old: Json, new: Json) -> Iterator[str]:
    gone = set(map(str, old.get("enum", ()))) - set(map(str, new.get("enum", ())))
    if gone and "enum" in new:
        yield f"{place}: {', '.join(sorted(gone))} is no longer one of the choices"
