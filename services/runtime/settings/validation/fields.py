"""Checks that the fields of a process are consistent with each other, their types and their
sources. Pure.
"""

import re
from collections.abc import Collection, Iterator
from typing import get_args

from services.runtime.errors import Mistake
from services.runtime.settings.case_fields import Field, FieldSource, FieldType, SourceKind
from services.runtime.settings.convert import did_you_mean, join
from services.runtime.settings.schema.processes import ProcessTable

_TYPES: tuple[str, ...] = get_args(FieldType)
# The keys that each source needs, and those that it may have.
_NEEDED: dict[SourceKind, tuple[str, ...]] = {
    "invoice": ("value",),
    "line": ("keys",),
    "subject": ("pattern",),
    "sender": (),
    "plus": (),
    "mailbox": ("map",),
    "header": ("header", "server"),
}
_POSSIBLE: dict[SourceKind, tuple[str, ...]] = {
    "sender": ("map",),
    "plus": ("map",),
    "header": ("map",),
}
_OF_SOURCES = ("value", "keys", "pattern", "header", "server", "map")
_KEY = re.compile(r"[^\s:=][^:=]{0,58}")
_PLACE = re.compile(r"\{([^{}]*)\}")
MAX_PLACES = 6
# How values of these types are written in a map, which is stored unchanged.
_NORMAL_FORMS = {
    "bool": (re.compile(r"true|false"), "true or false"),
    "number": (re.compile(r"-?[0-9]+(?:\.[0-9]+)?"), "a number such as 1234.5"),
    "money": (re.compile(r"-?[0-9]+\.[0-9]{2,} [A-Z]{3}"), "an amount such as 1234.56 PLN"),
    "date": (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "a date such as 2026-11-29"),
    "nip": (re.compile(r"[0-9]{10}"), "ten digits"),
    "iban": (re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{8,30}"), "an IBAN without spaces"),
    "email": (re.compile(r"[^\s@A-Z]+@[^\s@A-Z]+"), "an address in lower case"),
    "ksef": (re.compile(r"[0-9]{10}-[0-9]{8}-[0-9A-F]{12}-[0-9A-F]{2}"), "a KSeF number"),
}
_NIP = re.compile(r"(?:PL)?([0-9]{10})")
_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)


def field_mistakes(process: ProcessTable, path: str) -> Iterator[Mistake]:
    """The mistakes of all fields of one process, and of its tax numbers."""
    for position, tax_id in enumerate(process.own_tax_ids):
        digits = _NIP.fullmatch(tax_id)
        if digits and not _has_checksum(digits[1]):
            problem = f"the checksum of {tax_id} is wrong"
            yield Mistake(f"{path}.own_tax_ids[{position}]", problem, "compare its digits")
    stages = [stage.name for stage in process.stage]
    names = [field.name for field in process.field]
    for index, field in enumerate(process.field):
        here = f"{path}.field[{index}]"
        yield from _field(field, stages, names[:index], here)
        yield from _unique(field, names, here)
        for position, source in enumerate(field.sources):
            yield from _source(field, source, process, f"{here}.from[{position}]")


def _has_checksum(nip: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_NIP_WEIGHTS, nip[:9], strict=True))
    return total % 11 == int(nip[9])


def _field(field: Field, stages: list[str], before: list[str], path: str) -> Iterator[Mistake]:
    if field.name in before:
        problem = f'"{field.name}" is also the name of an earlier field'
        yield Mistake(f"{path}.name", problem, "give each field a name of its own")
    if (field.type == "choice") != bool(field.choices):
        hint = "only a field of type choice has choices, and it needs them"
        yield Mistake(f"{path}.choices", f"do not match the type {field.type}", hint)
    for position, stage in enumerate(field.required_for):
        if stage not in stages:
            problem = f'no stage of this process is named "{stage}"'
            yield Mistake(f"{path}.required_for[{position}]", problem, did_you_mean(stage, stages))


def _unique(field: Field, names: list[str], path: str) -> Iterator[Mistake]:
    for position, other in enumerate(field.unique_with):
        if other == field.name:
            hint = "name the other fields that make a case unique together with this one"
            yield Mistake(f"{path}.unique_with[{position}]", "is the field itself", hint)
        elif other not in names:
            problem = f'no field of this process is named "{other}"'
            yield Mistake(f"{path}.unique_with[{position}]", problem, did_you_mean(other, names))


def _source(
    field: Field, source: FieldSource, process: ProcessTable, path: str
) -> Iterator[Mistake]:
    needed = _NEEDED[source.source]
    allowed = {*needed, *_POSSIBLE.get(source.source, ())}
    for key in _OF_SOURCES:
        given = bool(getattr(source, key))
        if key in needed and not given:
            hint = f"the source {source.source} needs it"
            yield Mistake(f"{path}.{key}", "is missing", hint)
        elif given and key not in allowed:
            problem = f"has no effect for the source {source.source}"
            yield Mistake(f"{path}.{key}", problem, "leave it out")
    yield from _keys(source, path)
    if source.pattern is not None and source.source == "subject":
        yield from _pattern(field, source.pattern, f"{path}.pattern")
    yield from _map(field, source, process, path)
    yield from _who(source, process, path)


def _keys(source: FieldSource, path: str) -> Iterator[Mistake]:
    for position, key in enumerate(source.keys):
        if not _KEY.fullmatch(key):
            hint = "write the text before the colon, at most 59 characters without : and ="
            yield Mistake(f"{path}.keys[{position}]", "is not a valid key of a line", hint)


def _pattern(field: Field, pattern: str, path: str) -> Iterator[Mistake]:
    places = _PLACE.findall(pattern)
    literals = _PLACE.split(pattern)[::2]
    for place in places:
        if place not in _TYPES:
            hint = did_you_mean(place, _TYPES)
            yield Mistake(path, f"{{{place}}} is not a typed placeholder", hint)
    if any("{" in literal or "}" in literal for literal in literals):
        yield Mistake(
            path, "has a single brace", "write a placeholder as {text}, {date}, {number} …"
        )
    if places.count(field.type) != 1:
        problem = f"has {places.count(field.type)} placeholders of type {field.type}"
        hint = f"write {{{field.type}}} once, in place of the value"
        yield Mistake(path, problem, hint)
    if any(not literal.strip() for literal in literals[1:-1]):
        hint = "put text between them, so that it is clear where the first one ends"
        yield Mistake(path, "has two adjacent placeholders", hint)
    if not any(literal.strip() for literal in literals):
        yield Mistake(path, "has no text of its own", 'write it as "invoice {text} of {date}"')
    if len(places) > MAX_PLACES:
        problem = f"has {len(places)} places"
        yield Mistake(path, problem, f"use at most {MAX_PLACES}")


def _map(field: Field, source: FieldSource, process: ProcessTable, path: str) -> Iterator[Mistake]:
    for key, value in source.map.items():
        here = join(f"{path}.map", key)
        wrong = _not_of_type(field, value)
        if wrong is not None:
            yield Mistake(here, *wrong)
    if source.source == "mailbox":
        mailboxes = [mailbox.name for mailbox in process.mailbox if mailbox.name]
        for key in source.map:
            # If there is only one mailbox, it may have the name of its process, which is not known
            # here.
            if key not in mailboxes and len(mailboxes) == len(process.mailbox):
                problem = f'no mailbox of this process is named "{key}"'
                yield Mistake(join(f"{path}.map", key), problem, did_you_mean(key, mailboxes))
    if source.source == "sender":
        for key in source.map:
            if "@" not in key:
                hint = 'write an address, or a domain such as "@example.com"'
                yield Mistake(join(f"{path}.map", key), "is neither", hint)
        if not source.map and field.type not in {"text", "email"}:
            problem = f"an address is not a value of type {field.type}"
            yield Mistake(f"{path}.map", problem, "map addresses to values")


def _not_of_type(field: Field, value: str) -> tuple[str, str] | None:
    if field.type == "choice":
        known: Collection[str] = field.choices
        wrong = value not in known
        return (
            (f'"{value}" is not one of the choices', did_you_mean(value, list(known)))
            if wrong
            else None
        )
    form = _NORMAL_FORMS.get(field.type)
    if form is None or form[0].fullmatch(value):
        return None
    return f'"{value}" is not a valid {field.type}', f"write {form[1]}"


def _who(source: FieldSource, process: ProcessTable, path: str) -> Iterator[Mistake]:
    if bool(source.listed) != (source.who == "listed"):
        hint = 'listed requires who = "listed", and the other way around'
        yield Mistake(f"{path}.listed", f'does not match who = "{source.who}"', hint)
    if source.who in {"authenticated", "listed"} and not process.authentication_server:
        hint = "set authentication_server of the process, whose verdict on the sender counts"
        yield Mistake(
            f"{path}.who", "requires authentication of senders, which is not set up", hint
        )
