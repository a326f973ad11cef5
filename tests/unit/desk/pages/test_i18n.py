from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from schemas import changes
from schemas.cloud_events import CHANGE_NAMES
from schemas.flags import AttachmentFlag, CaseFlag, CommentFlag, ReadingDefect
from schemas.reasons import Evidence, IgnoreReason, ParkReason
from schemas.stored.desk import AuditEvent, LinkPurpose
from services.desk.access import Permission
from services.desk.pages.i18n import CATALOGS
from services.desk.pages.i18n.failures import places
from services.desk.pages.i18n.formats import Formats, duration
from services.desk.pages.i18n.plurals import Plural

NOW = datetime(2026, 11, 29, 13, 5, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


def texts(value: object, path: str = "") -> dict[str, str]:
    """Every text of a catalog by its key."""
    if isinstance(value, str):
        return {path: value}
    if isinstance(value, Plural):
        return {f"{path}.one": value.one, f"{path}.many": value.many}
    if isinstance(value, dict):
        items = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, tuple):
        items = [(str(place), entry) for place, entry in enumerate(value)]
    else:
        assert isinstance(value, msgspec.Struct)
        items = [(name, getattr(value, name)) for name in value.__struct_fields__]
    return {
        key: text for name, entry in items for key, text in texts(entry, f"{path}.{name}").items()
    }


def test_every_language_has_every_key_with_the_same_places() -> None:
    english = texts(CATALOGS["en"])
    for code, catalog in CATALOGS.items():
        translated = texts(catalog)
        assert translated.keys() == english.keys(), code
        for key, text in translated.items():
            assert text.strip(), (code, key)
            assert places(text) == places(english[key]), (code, key)


@pytest.mark.parametrize(
    ("code", "names", "text"),
    [
        ("en", "New, Old", "Done does not lead to Paid. The next stages are: New, Old."),
        ("en", "", "Done does not lead to Paid. No stage follows it."),
        ("pl", "", "Z etapu Done nie można przejść do Paid. Żaden etap po nim nie następuje."),
    ],
)
def test_a_refused_move_names_the_next_stages_if_there_are_any(
    code: str, names: str, text: str
) -> None:
    facts = {"stage": "Done", "to": "Paid", "names": names}
    assert CATALOGS[code].failures.refusal("no-transition", facts, None) == text


def test_polish_has_three_forms_wherever_something_is_counted() -> None:
    def plurals(value: object) -> list[Plural]:
        if isinstance(value, Plural):
            return [value]
        if isinstance(value, msgspec.Struct):
            return [p for name in value.__struct_fields__ for p in plurals(getattr(value, name))]
        return []

    found = plurals(CATALOGS["pl"])
    assert len(found) > 5
    assert all(plural.few for plural in found)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 spraw"), (1, "1 sprawa"), (2, "2 sprawy"), (4, "4 sprawy"), (5, "5 spraw"),
        (11, "11 spraw"), (12, "12 spraw"), (14, "14 spraw"), (21, "21 spraw"), (22, "22 sprawy"),
        (112, "112 spraw"), (124, "124 sprawy"),
    ],
)  # fmt: skip
def test_polish_plural_forms(count: int, text: str) -> None:
    assert CATALOGS["pl"].list.cases.form(count).format(n=count) == text


@pytest.mark.parametrize("code", CATALOGS)
def test_every_constant_word_has_a_text_for_people(code: str) -> None:
    words = CATALOGS[code].words
    assert {*CommentFlag, *ReadingDefect} <= words.comment_flags.keys()
    assert set(AttachmentFlag) <= words.attachment_flags.keys()
    assert set(CaseFlag) <= words.case_flags.keys()
    assert set(ParkReason) <= words.park_reasons.keys()
    assert set(IgnoreReason) <= words.ignore_reasons.keys()
    assert set(Evidence) <= words.evidence.keys()
    people = CATALOGS[code].people
    assert people.event_names.keys() == {*CHANGE_NAMES}
    assert people.scope_names.keys() == {*Permission}
    assert {*get_args(LinkPurpose)} <= people.audit_objects.keys()
    assert set(get_args(AuditEvent)) <= CATALOGS[code].people.audit_actions.keys()
    tags = {what.__struct_config__.tag for what in get_args(changes.What)}
    assert tags <= words.changes.keys()


def test_times_are_written_in_the_readers_zone_and_language() -> None:
    polish, english = Formats("pl", WARSAW, NOW), Formats("en", WARSAW, NOW)
    assert polish.short_time(NOW) == "14:05"
    assert polish.short_time(NOW - timedelta(days=1)) == "28\xa0lis"
    assert english.short_time(NOW - timedelta(days=400)) == "25\xa0Oct\xa02025"
    assert polish.full_time(NOW) == "29 listopada 2026, 14:05"
    assert english.full_time(NOW) == "29 November 2026, 14:05"
    assert polish.input_time(NOW) == "2026-11-29T14:05"
    assert polish.input_time(None) == ""


def test_numbers_and_sizes_follow_the_language() -> None:
    polish, english = Formats("pl", WARSAW, NOW), Formats("en", WARSAW, NOW)
    assert english.number(1234567) == "1,234,567"
    assert polish.number(1234567) == "1\u202f234\u202f567"
    assert polish.number(12.5) == "12,5"
    assert english.number(12.0) == "12"
    assert polish.size(1_450_000) == "1,4\xa0MB"
    assert english.size(999) == "999\xa0B"


def test_durations_are_in_their_largest_unit() -> None:
    spans = [timedelta(seconds=59), timedelta(minutes=12), timedelta(hours=3), timedelta(days=40)]
    assert [duration(span) for span in spans] == ["59\xa0s", "12\xa0min", "3\xa0h", "40\xa0d"]
    assert duration(timedelta(seconds=-5)) == "0\xa0s"
