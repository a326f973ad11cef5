"""The names of reasons and outcomes are plain text wherever they are stored, published or shown."""

import json
from enum import StrEnum

import bson
import msgspec
import pytest

from schemas.cases import Decision
from schemas.flags import AttachmentFlag, CaseFlag, CommentFlag, ReadingDefect
from schemas.reasons import (
    IgnoreReason,
    NotAcknowledged,
    ParkReason,
    Resolution,
    Rule,
    SuppressReason,
)
from schemas.stored import to_document

WORDS = [*Rule, *ParkReason, *IgnoreReason, *Resolution, *NotAcknowledged, *SuppressReason]
WORDS += [*CommentFlag, *ReadingDefect, *AttachmentFlag, *CaseFlag]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_named_after_its_value(word: StrEnum) -> None:
    assert word.name == word.value.upper().replace("-", "_")
    assert type(word.value) is str


def test_stored_and_published_words_are_plain_text() -> None:
    decision = Decision(rule=Rule.THREAD, flags=[CommentFlag.SPAM], resolution=Resolution.COPY)
    document = to_document(decision)
    assert (
        type(document["rule"]) is type(document["flags"][0]) is type(document["resolution"]) is str
    )
    assert bson.decode(bson.encode({"reason": ParkReason.SPAM})) == {"reason": "spam"}
    assert json.loads(json.dumps({"reason": ParkReason.SPAM})) == {"reason": "spam"}
    for codec in (msgspec.json, msgspec.msgpack):
        decoded = codec.decode(codec.encode(decision), type=Decision)
        assert decoded == decision
        assert type(decoded.rule) is str


def test_a_rule_that_parks_or_ignores_has_the_name_of_the_reason() -> None:
    reasons = {*ParkReason, *IgnoreReason}
    leading_to_cases = {
        *(Rule.BY_PERSON, Rule.CASE_REFERENCE, Rule.NEW_CASE),
        *(Rule.OWN_MESSAGE_ID, Rule.PLUS_ADDRESS, Rule.THREAD),
    }
    assert {str(rule) for rule in set(Rule) - leading_to_cases} <= {
        str(reason) for reason in reasons
    }
