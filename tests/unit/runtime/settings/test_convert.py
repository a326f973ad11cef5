"""Conversion itself, with sections that do not exist: a new section needs only a struct."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from services.runtime.settings.convert import Walker


class Relay(Struct, frozen=True, kw_only=True):
    host: Annotated[str, Meta(pattern=r"\A[a-z.]+\Z", description="a host name in small letters")]
    key: Path
    greeting: Literal["helo", "ehlo"]
    tries: Annotated[int, Meta(ge=1)]
    pause_s: float
    plain: bool


class Sender(Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    relay: Relay
    spare: tuple[Relay, ...] = ()
    languages: tuple[str, ...] = ("en",)
    class_: str | None = None


RELAY: dict[str, object] = {
    "host": "mx.example",
    "key": "/k",
    "greeting": "ehlo",
    "tries": 2,
    "pause_s": 1,
    "plain": False,
}


def test_nested_tables_lists_and_renamed_keys_are_converted() -> None:
    walker = Walker()
    sender = walker.table(
        Sender, {"relay": RELAY, "spare": [RELAY], "languages": ["pl", "de"], "class": "bulk"}
    )
    assert walker.mistakes == []
    relay = Relay(
        host="mx.example", key=Path("/k"), greeting="ehlo", tries=2, pause_s=1.0, plain=False
    )
    assert sender == Sender(relay=relay, spare=(relay,), languages=("pl", "de"), class_="bulk")


def test_a_missing_value_is_reported_and_replaced_by_one_of_its_type() -> None:
    walker = Walker()
    sender = walker.table(Sender, {"spare": [{}]})
    assert [str(mistake) for mistake in walker.mistakes] == [
        "spare[0].host: is missing; it needs a host name in small letters",
        "spare[0].key: is missing; it needs text",
        'spare[0].greeting: is missing; it needs "helo" or "ehlo"',
        "spare[0].tries: is missing; it needs a whole number from 1",
        "spare[0].pause_s: is missing; it needs a number",
        "spare[0].plain: is missing; it needs true or false",
        "relay: is missing; it needs a table",
    ]
    empty = Relay(host="", key=Path(), greeting="ehlo", tries=0, pause_s=0.0, plain=False)
    assert (sender.relay, sender.spare) == (empty, (empty,))
    assert msgspec.json.encode(sender, enc_hook=str)


def test_a_broken_value_with_a_default_becomes_the_default() -> None:
    walker = Walker()
    sender = walker.table(Sender, {"relay": RELAY, "languages": "pl", "class": 3, "spare": 3})
    assert (sender.languages, sender.class_, sender.spare) == (("en",), None, ())
    assert [str(mistake) for mistake in walker.mistakes] == [
        "languages: needs a list, is text; put it in [ ]",
        "class: needs text, is a whole number",
        "spare: needs a list, is a whole number; write [[spare]] with double brackets",
    ]


def test_a_value_in_place_of_a_table_is_reported_only_by_its_type() -> None:
    walker = Walker()
    walker.table(Sender, {"relay": "hunter2", "spare": [1.5]})
    assert [str(mistake) for mistake in walker.mistakes] == [
        "relay: needs a table, is text; write [relay]",
        "spare[0]: needs a table, is a number; write [[spare]]",
    ]


def test_no_setting_is_infinite_or_not_a_number() -> None:
    walker = Walker()
    for value in (float("inf"), float("nan")):
        walker.table(Sender, {"relay": RELAY | {"pause_s": value}})
    assert [str(mistake) for mistake in walker.mistakes] == [
        "relay.pause_s: needs a number, is inf",
        "relay.pause_s: needs a number, is nan",
    ]
