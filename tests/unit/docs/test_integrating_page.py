"""docs/integrating.md matches the structs: every document, field, change and event is on the
page.
"""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from schemas import cloud_events
from schemas.changes import Change, What
from schemas.sending import AnswerCase
from schemas.stored import Attachment, Case, Comment, Mail, OutgoingMail, Thread

PAGE = (Path(__file__).parents[3] / "docs" / "integrating.md").read_text()
HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)
PARTS = HEADING.split(PAGE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    kind.COLLECTION: kind for kind in (Case, Comment, Change, Mail, OutgoingMail, Thread)
}
WHAT: tuple[type[msgspec.Struct], ...] = get_args(What)


def names(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def rows(section: str) -> dict[str, str]:
    """The first cell of each table row in a section, with the second one."""
    return dict(re.findall(r"^\| `([\w.-]+)`[^|]* \| (.*) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_every_field_of_a_document_is_on_the_page(collection: str) -> None:
    assert fields(DOCUMENTS[collection]) <= names(SECTIONS[collection])


def test_every_field_of_an_attachment_and_of_an_answer_is_on_the_page() -> None:
    assert fields(Attachment) <= names(SECTIONS["comments"])
    assert fields(AnswerCase) | {"type"} <= names(SECTIONS["Answer a case"])
    assert set(rows(SECTIONS["Answer a case"])) == fields(AnswerCase) | {"type"}


def test_every_kind_of_change_is_on_the_page_with_its_fields() -> None:
    table = SECTIONS["changes"].partition("| `what.type`")[2]
    for kind in WHAT:
        tag = str(kind.__struct_config__.tag)
        row = next(line for line in table.splitlines() if f"`{tag}`" in line.split(" | ")[0])
        assert fields(kind) == names(row.partition(" | ")[2]), tag


def test_every_event_of_a_case_is_on_the_page_with_its_details() -> None:
    table = SECTIONS["Events of cases"]
    told = re.findall(
        r"^\| `mailcase\.case\.([\w-]+)\.v1` \| `case\.([\w-]+)\.PROCESS` \| (.*) \|$",
        table,
        re.MULTILINE,
    )
    assert sorted(name for name, _, _ in told) == sorted(
        cloud_events._NAMES.get(str(kind.__struct_config__.tag), str(kind.__struct_config__.tag))
        for kind in WHAT
    )
    assert [name for name, key, _ in told if name != key] == []
    details = {name: names(text) for name, _, text in told}
    for kind, expected in cloud_events._DETAILS.items():
        tag = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]  # every key is a struct
        assert set(expected) == details[cloud_events._NAMES.get(tag, tag)], tag


def test_every_event_of_a_mail_is_on_the_page_with_its_data() -> None:
    section = SECTIONS["Events of mails"]
    common = {"mail_key", "process", "mailbox", "at"}
    for kind in get_args(cloud_events.MailEvent):
        name = kind.ROUTING_KEY.removesuffix(".{process}")
        (row,) = [line for line in section.splitlines() if f"`mailcase.{name}.v1`" in line]
        assert f"`{name}.PROCESS`" in row
        assert fields(kind) - common <= names(row)
