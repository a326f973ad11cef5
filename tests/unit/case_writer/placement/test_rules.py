"""The settings of a process decide who may add to a case, and how many cases someone may open."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from schemas.cases import AppendToCase, Decision
from schemas.mails import Replay
from schemas.stored import LimitAlert
from services.case_writer.placement.plan import Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    SenderHistory,
    Snapshot,
)
from services.case_writer.placement.snapshot_query import query
from services.case_writer.reading import MailReading
from services.runtime.mail.headers import Address
from services.runtime.settings.schema.processes import Rules
from tests.builders import ANNA, EVE, NOW, appending, item, opened, opening, raw_mail, reading


def case(*, process: str = "invoices", status: Any = "open") -> CaseSnapshot:
    return CaseSnapshot(process, "registration", status, "Invoice", frozenset({ANNA.address}))


def place(*items: PreparedMail, known: Snapshot | None = None, **rules: Any) -> Plan:
    everywhere = {name: Rules(**rules) for name in ("invoices", "complaints")}
    return plan(items, known or Snapshot(cases={235: case()}), attempt="attempt", rules=everywhere)


def answer(name: str = "m", *, author: Any = ANNA, origin: str = "fetch") -> PreparedMail:
    return item(appending(name, 235, origin=origin), author=author)


def test_a_number_leads_to_another_processs_case_unless_the_settings_keep_to_their_own() -> None:
    known = Snapshot(cases={235: case(process="complaints")})
    assert place(answer(), known=known).placed[0].target == 235
    kept = place(answer(), known=known, reference_scope="process").placed[0]
    assert kept.opens
    assert kept.decision.resolution == "other-process"


def test_a_stranger_with_the_number_is_flagged_and_brings_in_nobody() -> None:
    [placed] = place(answer(author=EVE)).placed
    assert placed.flags == ("unverified-sender",)
    assert placed.joins == ()


def test_if_only_participants_may_add_a_stranger_opens_a_case_that_refers_to_it() -> None:
    made = place(answer(author=EVE), reply_from="participants")
    assert made.placed[0].opens
    assert made.new_cases[0].refers_to == 235
    assert made.placed[0].decision.resolution == "not-a-participant"
    assert place(answer(), reply_from="participants").placed[0].target == 235


def test_if_strangers_are_held_their_mail_is_parked_until_a_person_accepts_it() -> None:
    [aside] = place(answer(author=EVE), reply_from="hold").unassigned
    assert (aside.outcome, aside.reason) == ("parked", "not-a-participant")
    parked = RecordedMail("parked", "invoices", None, "not-a-participant", "earlier", deliveries=3)
    retried = answer(author=EVE, origin="retry")
    known = Snapshot(mails={retried.key: parked}, cases={235: case()})
    made = place(retried, known=known, reply_from="hold")
    assert made.placed[0].target == 235
    assert made.retried == {retried.key: parked}
    changed = place(retried, known=known, reply_from="participants")
    assert changed.new_cases[0].refers_to == 235


def test_a_retry_of_a_mail_that_went_to_a_case_does_nothing() -> None:
    retried = answer(origin="retry")
    known = Snapshot(
        mails={retried.key: RecordedMail("appended", "invoices", 235, None, "earlier")},
        cases={235: case()},
    )
    made = place(retried, known=known)
    assert (made.placed, made.unassigned, made.duplicates, made.retried) == ([], [], [], {})


@pytest.mark.parametrize(
    ("setting", "opens", "reopens"),
    [("reopen", False, True), ("append", False, False), ("new-case", True, False)],
)
def test_a_mail_to_a_closed_case_does_what_the_process_says(
    setting: str, opens: bool, reopens: bool
) -> None:
    [placed] = place(
        answer(), known=Snapshot(cases={235: case(status="closed")}), reply_to_closed=setting
    ).placed
    assert (placed.opens, placed.reopens) == (opens, reopens)


def automatic(kind: Any, otherwise: Any, *cases: int, **known_by: Any) -> PreparedMail:
    raw = raw_mail(kind.encode() + b"\r\n\r\n")
    read: MailReading = reading(author=EVE)
    decision = Decision(rule="some-rule", cases=list(cases), **known_by)
    return PreparedMail(
        AppendToCase(mail=raw, decision=decision, kind=kind, otherwise=otherwise, reason="why"),
        read,
    )


def test_automatic_mail_goes_to_its_case_without_reopening_it_or_joining() -> None:
    known = Snapshot(cases={235: case(status="closed")})
    [placed] = place(
        automatic("automatic", "ignore", 235, signed=[235]), known=known, reply_from="hold"
    ).placed
    assert (placed.kind, placed.reopens, placed.joins) == ("automatic", False, ())


@pytest.mark.parametrize(("otherwise", "outcome"), [("ignore", "ignored"), ("park", "parked")])
def test_automatic_mail_without_a_case_opens_none(otherwise: str, outcome: str) -> None:
    made = place(automatic("bounce", otherwise, 4711))
    assert [(mail.outcome, mail.reason, mail.decision.resolution) for mail in made.unassigned] == [
        (outcome, "why", "no-such-case")
    ]
    assert made.new_cases == []


def test_more_new_cases_than_the_limit_are_parked_with_one_alert() -> None:
    made = place(
        *(opened(f"m{number}") for number in range(8)), known=Snapshot(), max_new_cases_per_sender=5
    )
    assert len(made.new_cases) == 5
    assert [mail.reason for mail in made.unassigned] == ["too-many-new-cases"] * 3
    assert [alert.alert.address for alert in made.alerts] == [ANNA.address]


def test_the_limit_counts_what_other_writers_opened_within_the_window_only() -> None:
    sender = f"invoices {ANNA.address}"
    at = opened("m").command.mail.received_at or NOW
    lately = SenderHistory(tuple(at - timedelta(seconds=seconds) for seconds in (1, 2)), version=7)
    long_ago = SenderHistory(
        tuple(at - timedelta(seconds=seconds) for seconds in (601, 602)), version=7
    )
    assert (
        place(
            opened("m"), known=Snapshot(senders={sender: lately}), max_new_cases_per_sender=2
        ).new_cases
        == []
    )
    allowed = place(
        opened("m"), known=Snapshot(senders={sender: long_ago}), max_new_cases_per_sender=2
    )
    assert len(allowed.new_cases) == 1
    assert allowed.senders[sender].version == 7


def test_a_limit_of_zero_is_none_and_a_mail_that_was_in_a_case_is_not_limited() -> None:
    assert (
        len(
            place(
                *(opened(f"m{number}") for number in range(50)), max_new_cases_per_sender=0
            ).new_cases
        )
        == 50
    )
    replayed = [opened(f"m{number}") for number in range(3)]
    known = [replayed_from(one, number) for number, one in enumerate(replayed, 7)]
    assert len(place(*known, max_new_cases_per_sender=1).new_cases) == 3
    unknown = [replayed_from(placement, None) for placement in replayed]
    assert len(place(*unknown, max_new_cases_per_sender=1).new_cases) == 1


def replayed_from(one: PreparedMail, case: int | None) -> PreparedMail:
    replay = Replay(run="r", case=case, opener=one.key)
    mail = msgspec.structs.replace(one.command.mail, origin="replay", replay=replay)
    return PreparedMail(msgspec.structs.replace(one.command, mail=mail), one.reading)


def test_mails_without_an_authors_address_count_as_one_sender() -> None:
    mails = [opened(f"m{number}", author=Address(f"Nobody {number}", "")) for number in range(4)]
    made = place(*mails, known=Snapshot(), max_new_cases_per_sender=3)
    assert len(made.new_cases) == 3
    assert [mail.reason for mail in made.unassigned] == ["too-many-new-cases"]
    assert [alert.alert for alert in made.alerts] == [LimitAlert("sender", "")]


def test_addresses_that_differ_in_a_tag_only_count_as_one_sender() -> None:
    names = ["anna", "anna+1", "ANNA+2", "anna+1+2", "+anna", "+bert"]
    mails = [opened(name, author=Address("", f"{name}@customer.example")) for name in names]
    made = place(*mails, known=Snapshot(), max_new_cases_per_sender=3)
    assert [mail.mail.command.mail.key for mail in made.unassigned] == [mails[3].command.mail.key]


def test_forged_mails_do_not_use_up_the_limit_of_the_author_that_they_name() -> None:
    failed = Decision(rule="new-case", authentication="fail")
    forged = [
        item(msgspec.structs.replace(opening(f"forged {number}"), decision=failed), author=ANNA)
        for number in range(4)
    ]
    real = opened("real", author=ANNA)
    made = place(*forged, real, known=Snapshot(), max_new_cases_per_sender=2)
    assert [mail.mail for mail in made.unassigned] == forged[2:]
    assert made.placed[-1].mail is real


def test_the_limit_of_a_mailbox_counts_all_senders() -> None:
    mails = [
        opened(f"m{number}", author=Address("", f"{number}@crowd.example")) for number in range(7)
    ]
    other = item(opening("other", mailbox="invoices-pl"))
    made = place(*mails, other, known=Snapshot(), max_new_cases_per_mailbox=5)
    assert len(made.new_cases) == 5 + 1
    assert [mail.reason for mail in made.unassigned] == ["mailbox-limit-reached"] * 2
    assert [alert.alert for alert in made.alerts] == [LimitAlert("mailbox", "5@crowd.example")]
    assert len(made.senders["mailbox: invoices"].times) == 5


def test_a_mail_beyond_its_senders_limit_takes_nothing_of_the_mailboxs() -> None:
    flood = [opened(f"m{number}") for number in range(9)]
    made = place(*flood, known=Snapshot(), max_new_cases_per_sender=2, max_new_cases_per_mailbox=4)
    assert [mail.reason for mail in made.unassigned] == ["too-many-new-cases"] * 7
    assert len(made.senders["mailbox: invoices"].times) == 2


def test_what_the_limits_count_is_in_the_query() -> None:
    assert list(query([opened("m")]).senders) == [f"invoices {ANNA.address}", "mailbox: invoices"]
