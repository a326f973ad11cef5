"""Mails with invoices become cases, and the fields of the cases follow."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy.local.services import ServiceProcess
from schemas.mails import mail_key
from services.cli.replay.command import replay
from tests.e2e import fields
from tests.pipeline import Pipeline

SERVICES = {"fetcher": 1, "router": 1, "case_writer": 1, "extractor": 1}


def case_of(pipeline: Pipeline, mailbox: str, raw: bytes) -> dict[str, Any] | None:
    comment = pipeline.database["comments"].find_one({"_id": mail_key(mailbox, raw)})
    return pipeline.database["cases"].find_one({"_id": comment["case"]}) if comment else None


def until_case(
    pipeline: Pipeline, raw: bytes, mailbox: str = "invoices", **wanted: Any
) -> dict[str, Any]:
    """Wait until the case of a mail has these parts, and return it."""

    def is_there() -> bool:
        case = case_of(pipeline, mailbox, raw)
        return case is not None and all(bool(case[name]) == there for name, there in wanted.items())

    pipeline.until(is_there, f"the case has {wanted}")
    case = case_of(pipeline, mailbox, raw)
    assert case is not None
    return case


def until_extracted(pipeline: Pipeline) -> None:
    """Wait until no message waits for the extractor or the case writer."""

    def is_idle() -> bool:
        listing = pipeline.servers.broker.ctl(
            "list_queues", "-q", "-p", pipeline.virtual_host, "name", "messages"
        )
        rows = dict(line.split("\t") for line in listing.splitlines() if "\t" in line)
        return rows["extractor.work"] == rows["case_writer.commands"] == "0"

    pipeline.until(is_idle, "the extractor has read everything")


def address(pipeline: Pipeline, process: str = "invoices") -> str:
    return pipeline.mailboxes[process]


def test_an_invoice_becomes_a_case_and_its_fields_follow_within_a_second(
    pipeline: Pipeline,
) -> None:
    fields.declare_fields(pipeline, "invoices")
    made = [fields.facts(seed) for seed in range(1, 7)]
    mails = [
        fields.mail(address(pipeline), f"Invoice {n}", files=[fields.document(facts, "ksef-fa3")])
        for n, facts in enumerate(made)
    ]
    with pipeline.services(**SERVICES) as services:
        services.wait_until_ready()
        for raw, facts in zip(mails, made, strict=True):
            pipeline.append("invoices", [raw])
            case = until_case(pipeline, raw, fields=True)
            found = fields.values(case)
            assert found["number"] == facts.number
            assert found["seller_tax_id"].endswith(facts.seller_nip)
            assert found["gross"] == f"{facts.gross:.2f} PLN"
            value = case["fields"]["number"]
            assert value["source"] == "invoice"
            assert value["by"] == mail_key("invoices", raw)
            assert "invoice.xml /Faktura/Fa/P_2 sha256:" in value["evidence"]
    waits, changes = [], list[dict[str, Any]]()
    for number in range(1, len(mails) + 1):
        changes = list(pipeline.database["changes"].find({"case": number}).sort("revision"))
        waits.append((changes[1]["at"] - changes[0]["at"]).total_seconds())
    # The first mail waits for the extractor's child to start.
    assert sorted(waits[1:])[-2] < 1.0, waits
    sys.stdout.write(f"seconds from case to fields: {waits}\n")
    assert [change["what"]["type"] for change in changes] == ["opened", "fields-set"]
    assert changes[1]["actor"]["kind"] == "mail"


def test_the_same_invoice_in_another_format_mailbox_and_process_is_linked(
    pipeline: Pipeline,
) -> None:
    fields.declare_fields(pipeline, "invoices", "complaints")
    first, second = fields.facts(1), fields.facts(2)
    boxes = ["invoices", "complaints"]
    same = [
        (
            box,
            fields.mail(
                address(pipeline, box),
                f"Copy {n}",
                files=[fields.document(first, form, as_pdf=pdf)],
            ),
        )
        for n, (form, pdf) in enumerate(fields.formats())
        for box in [boxes[n % 2]]
    ]
    other = [
        (
            "invoices",
            fields.mail(address(pipeline), "Other", files=[fields.document(second, "cii")]),
        ),
        ("complaints", fields.mail(address(pipeline, "complaints"), "None", text="number: 7")),
    ]
    with pipeline.services(**(SERVICES | {"extractor": 2, "case_writer": 2})) as services:
        services.wait_until_ready()
        for box in boxes:
            pipeline.append(box, [raw for into, raw in (*same, *other) if into == box])
        for box, raw in same:
            until_case(pipeline, raw, box, links=True)
        until_extracted(pipeline)
    for box, raw in same:
        case = case_of(pipeline, box, raw)
        assert case is not None
        assert case["flags"].count("duplicate-of") == 1
    for box, raw in other:
        case = case_of(pipeline, box, raw)
        assert case is not None
        assert (case["links"], case["flags"]) == ([], [])


def test_a_mail_commands_nothing(pipeline: Pipeline) -> None:
    """Each attempt to move, assign, close, address or rename a case is only text."""
    fields.declare_fields(pipeline, "invoices")
    attempts = [
        *("stage: paid", "Stage: paid", "etap: paid", "Status: closed", "State: closed"),
        *("Assignee: eve@evil.example", "Owner: eve@evil.example", "To: eve@evil.example"),
        *(
            "Cc: eve@evil.example",
            "Participants: eve@evil.example",
            "Title: Nothing",
            "Due: 2026-12-01",
        ),
        *("Process: complaints", "Merge: 1", "Close: yes", "Command: close", "X-Mailcase-Case: 1"),
        *("/close", "/assign @eve", "/move paid", "fields.stage: paid", "remark.source: person"),
    ]
    opening = fields.mail(address(pipeline), "A case", text="Remark: ours\n\nHello")
    with pipeline.services(**SERVICES) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [opening])
        before = until_case(pipeline, opening, fields=True)
        replies = [
            fields.mail(
                address(pipeline),
                f"Re: [#{before['_id']}] attempt {n}",
                text=f"{attempt}\nRemark: {attempt}",
                In_Reply_To=_message_id(opening),
            )
            for n, attempt in enumerate(attempts)
        ]
        pipeline.append("invoices", replies)
        pipeline.until_recorded(1 + len(replies))
        until_extracted(pipeline)
    after = case_of(pipeline, "invoices", opening)
    assert after is not None
    kept = {
        "stage",
        "status",
        "assignee",
        "title",
        "due_at",
        "process",
        "participants",
        "merged_into",
    }
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert set(after["fields"]) == {"remark"}
    done = {change["what"]["type"] for change in pipeline.database["changes"].find()}
    assert done == {"opened", "mail-added", "fields-set"}
    assert pipeline.database["cases"].count_documents({}) == 1


# What anyone can write: an author, and other headers.
FORGERIES: list[tuple[str, dict[str, str]]] = [
    ("eve@evil.example", {}),
    (fields.SUPPLIER, {}),
    (f'"{fields.SUPPLIER}" <eve@evil.example>', {}),
    ("eve@evil.example", {"Sender": fields.SUPPLIER, "Reply-To": fields.SUPPLIER}),
    (
        fields.SUPPLIER,
        {"Authentication-Results": "mx.evil.example; dkim=pass; spf=pass; dmarc=pass"},
    ),
    (fields.SUPPLIER, {"In-Reply-To": "<mc.1.0011223344556677.8899aabbccddeeff@example.test>"}),
    (fields.SUPPLIER, {"References": "<1@evil.example> <guessed@supplier.example>"}),
    ("eve@evil.example", {"X-Mailcase-Case": "1", "X-Mailcase-Fields": "number=666"}),
]


def test_a_forged_reply_changes_no_field(pipeline: Pipeline) -> None:
    fields.declare_fields(pipeline, "invoices")
    facts, forged = fields.facts(1), fields.facts(2)
    opening = fields.mail(address(pipeline), "Invoice", files=[fields.document(facts, "cii")])
    with pipeline.services(**SERVICES) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [opening])
        before = until_case(pipeline, opening, fields=True)
        subject, files = f"Re: [#{before['_id']}] Invoice", [fields.document(forged, "cii")]
        text = "number: 666\nRemark: forged"
        attempts = [
            fields.mail(
                address(pipeline), subject, text, files, sender=sender,
                Message_ID=f"<{number}@evil.example>", **headers,
            )
            for number, (sender, headers) in enumerate(FORGERIES, 1)
        ]  # fmt: skip
        # Answers the attacker's own mail, which is in the case by now.
        answer = fields.mail(
            address(pipeline), subject, text, files,
            In_Reply_To="<2@evil.example>", Message_ID="<100@evil.example>",
        )  # fmt: skip
        pipeline.append("invoices", attempts)
        pipeline.until_recorded(1 + len(attempts))
        pipeline.append("invoices", [answer])
        pipeline.until_recorded(2 + len(attempts))
        until_extracted(pipeline)
        after = case_of(pipeline, "invoices", opening)
        assert after is not None
        assert after["comment_count"] == 2 + len(attempts)
        assert (after["fields"], after["candidates"]) == (before["fields"], before["candidates"])
        assert (after["links"], after["flags"]) == ([], before["flags"])
        honest = fields.mail(
            address(pipeline), subject, "Remark: honest", In_Reply_To=_message_id(opening)
        )
        pipeline.append("invoices", [honest])
        pipeline.until(
            lambda: "remark" in (case_of(pipeline, "invoices", opening) or {}).get("fields", {}),
            "the honest reply sets its field",
        )


def test_a_replay_reads_fields_again_after_a_rule_changed(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    fields.declare_fields(pipeline, "invoices")
    opening = fields.mail(address(pipeline), "A case", text="Remark: old\nNotice: new\n\nHello")
    with pipeline.services(**SERVICES) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [opening])
        until_case(pipeline, opening, fields=True)
        until_extracted(pipeline)  # delivered again, it would be read by the new rule at once
    changed = pipeline.config.read_text().replace('keys = ["Remark"]', 'keys = ["Notice"]')
    pipeline.config.write_text(changed)
    with pipeline.services(**SERVICES) as services, pytest.MonkeyPatch.context() as patch:
        services.wait_until_ready()
        for name, value in pipeline.env.items():
            patch.setenv(name, value)
        assert replay(rederive=True, dry_run=True, config=pipeline.config) == 0
        assert "[#1] remark: old -> new" in capsys.readouterr().out
        case = case_of(pipeline, "invoices", opening)
        assert case is not None
        assert fields.values(case) == {"remark": "old"}
        assert replay(rederive=True, config=pipeline.config) == 0
        pipeline.until(
            lambda: (
                fields.values(case_of(pipeline, "invoices", opening) or {}) == {"remark": "new"}
            ),
            "the field has its new value",
        )


# The long run has 10,000 invoices. MAILCASE_INVOICES makes it shorter, and MAILCASE_FIRST_INVOICE
# lets the next run continue with others.
MANY_INVOICES = int(os.environ.get("MAILCASE_INVOICES", "10000"))
FIRST_INVOICE = int(os.environ.get("MAILCASE_FIRST_INVOICE", "0"))


@pytest.mark.parametrize(
    ("invoices", "kills"),
    [(60, 3), pytest.param(MANY_INVOICES, MANY_INVOICES // 50, marks=pytest.mark.slow)],
)
def test_killed_extractors_miss_no_duplicate_and_invent_none(
    pipeline: Pipeline, invoices: int, kills: int
) -> None:
    """4 extractors and 2 case writers. 5 % of the invoices come twice: in another format, and half
    of these in another mailbox and process as well.
    """
    fields.declare_fields(pipeline, "invoices", "complaints")
    sent = list(sent_twice(pipeline, invoices))
    twins = [mails for mails in sent if len(mails) > 1]
    with pipeline.services(**(SERVICES | {"extractor": 4, "case_writer": 2})) as services:
        services.wait_until_ready()
        with ThreadPoolExecutor(1) as pool:
            killing = pool.submit(kill_one_after_another, services.named("extractor"), kills)
            for box in ("invoices", "complaints"):
                raws = [raw for mails in sent for into, raw in mails if into == box]
                pipeline.append(box, raws)
            expected = invoices + len(twins)
            pipeline.until_recorded(expected, patience_s=120 + invoices / 10)
            killing.result()
        for (box, raw), _ in twins:
            until_case(pipeline, raw, box, links=True)
        until_extracted(pipeline)
    cases = list(pipeline.database["cases"].find())
    pairs = {tuple(case_number(pipeline, box, raw) for box, raw in mails) for mails in twins}
    found = {(case["_id"], link["case"]) for case in cases for link in case["links"]}
    assert found == pairs | {(twin, first) for first, twin in pairs}
    assert [case["_id"] for case in cases if "number" not in case["fields"]] == []
    sys.stdout.write(f"{len(cases)} cases, {len(pairs)} duplicates linked, {kills} kills\n")


def sent_twice(pipeline: Pipeline, invoices: int) -> Iterator[list[tuple[str, bytes]]]:
    """The mails of each invoice, as (mailbox, mail)."""
    forms = list(fields.formats())
    for seed in range(FIRST_INVOICE, FIRST_INVOICE + invoices):
        facts, (form, pdf) = fields.facts(seed), forms[seed % len(forms)]
        sender = f"jan{seed}@supplier.example"  # no sender opens more than a few cases
        files = [fields.document(facts, form, as_pdf=pdf)]
        first = fields.mail(address(pipeline), f"Invoice {seed}", files=files, sender=sender)
        mails = [("invoices", first)]
        if seed % 20 == 0:
            form, pdf = forms[(seed + 1 + seed // 20 % (len(forms) - 1)) % len(forms)]
            box = "complaints" if seed % 40 == 0 else "invoices"
            files = [fields.document(facts, form, as_pdf=pdf)]
            again = fields.mail(address(pipeline, box), f"Again {seed}", files=files, sender=sender)
            mails.append((box, again))
        yield mails


def kill_one_after_another(extractors: Sequence[ServiceProcess], kills: int) -> None:
    """Every half second, kill one with SIGKILL and restart it, wherever it is in its work."""
    for kill in range(kills):
        time.sleep(0.5)
        process = extractors[kill % len(extractors)]
        process.kill()
        process.start()


def case_number(pipeline: Pipeline, mailbox: str, raw: bytes) -> int:
    case = case_of(pipeline, mailbox, raw)
    assert case is not None
    return int(case["_id"])


def _message_id(raw: bytes) -> str:
    line = next(line for line in raw.splitlines() if line.lower().startswith(b"message-id:"))
    return line.partition(b":")[2].strip().decode()
