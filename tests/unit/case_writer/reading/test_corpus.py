"""Every mail of the corpus is placed and read as a careful person would."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.message_ids import MessageIdSigner
from services.case_writer.reading import MailReading, ReadingLimits, read_mail
from services.router.classify import classify
from services.router.policy import Policy
from services.runtime.mail.headers import Address, MailHeaders

MAILS = Path(__file__).parents[3] / "mails"
KEY = b"0123456789abcdef0123456789abcdef"
POLICY = Policy(
    message_id_signer=MessageIdSigner([KEY]), own_addresses=frozenset({"invoices@office.example"})
)
CASES = sorted(MAILS.rglob("*.eml"))
ABOUT_THE_READING = {
    "subject",
    "author",
    "recipients",
    "reply_to",
    "sent_at",
    "message_id",
    "in_reply_to",
    "references",
    "text",
    "full_text",
    "html",
    "remote_images",
    "attachments",
    "defects",
}
OTHER_KEYS = {"about", "decision", "reading", "html_has", "html_lacks", "limits"}


def expectation(path: Path) -> dict[str, Any]:
    """The expected result of a mail; the fields of its reading may be in a separate table."""
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    reading = expected.setdefault("reading", {})
    reading |= {name: expected.pop(name) for name in ABOUT_THE_READING & expected.keys()}
    return expected


def test_the_corpus_is_there_and_every_expectation_has_its_mail() -> None:
    assert len(CASES) >= 120
    assert {path.with_suffix(".json") for path in CASES} == set(MAILS.rglob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_mail_of_the_corpus(path: Path) -> None:
    expected = expectation(path)
    raw = path.read_bytes()
    assert expected["about"]
    assert expected.keys() <= OTHER_KEYS
    decided = decision(raw)
    assert {name: decided[name] for name in expected.get("decision", {})} == expected.get(
        "decision", {}
    )
    reading = read_mail(raw, ReadingLimits(**expected.get("limits", {})))
    assert {"attachments", "defects"} <= expected["reading"].keys()
    read = plain(reading, expected["reading"])
    assert {name: read[name] for name in expected["reading"]} == expected["reading"]
    html = reading.html or ""
    assert [part for part in expected.get("html_has", []) if part not in html] == []
    assert [part for part in expected.get("html_lacks", []) if part in html.lower()] == []


def decision(raw: bytes) -> dict[str, Any]:
    verdict = classify(MailHeaders.parse(raw), raw, POLICY)
    return {
        "action": verdict.action,
        "kind": verdict.kind,
        "otherwise": verdict.otherwise,
        "reason": verdict.reason,
        "rule": verdict.decision.rule,
        "cases": verdict.decision.cases,
        "flags": verdict.decision.flags,
        "thread_ids": verdict.decision.thread_ids,
    }


def plain(reading: MailReading, wanted: dict[str, Any]) -> dict[str, Any]:
    """The reading in the form of the JSON files; of each attachment, only what the
    expectation has.
    """
    attachments = [
        {
            "name": attachment.name,
            "original_name": attachment.original_name,
            "content_type": attachment.content_type,
            "size": len(attachment.content),
            "sha256": hashlib.sha256(attachment.content).hexdigest(),
            "inline": attachment.inline,
            "content_id": attachment.content_id,
            "flags": attachment.flags,
        }
        for attachment in reading.attachments
    ]
    named = [attachment.keys() for attachment in wanted["attachments"]]
    if len(named) == len(attachments):
        attachments = [
            {name: one[name] for name in keys} for one, keys in zip(attachments, named, strict=True)
        ]
    return {
        "subject": reading.subject,
        "author": person(reading.author, wanted.get("author")),
        "recipients": people(reading.recipients, wanted.get("recipients")),
        "reply_to": people(reading.reply_to, wanted.get("reply_to")),
        "sent_at": reading.sent_at.isoformat().replace("+00:00", "Z") if reading.sent_at else None,
        "message_id": reading.message_id,
        "in_reply_to": reading.in_reply_to,
        "references": reading.references,
        "text": reading.text,
        "full_text": reading.full_text,
        "html": reading.html,
        "remote_images": reading.remote_images,
        "defects": reading.defects,
        "attachments": attachments,
    }


def person(one: Address, wanted: object) -> object:
    """A person as a pair, a table, or only an address, as in the expectation."""
    if isinstance(wanted, dict):
        return {"name": one.name, "address": one.address}
    return [one.name, one.address] if isinstance(wanted, list) else one.address


def people(all_of_them: list[Address], wanted: list[object] | None) -> list[object]:
    return [person(sample, wanted[0] if wanted else None) for sample in all_of_them]
