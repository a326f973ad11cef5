"""The router's use case: every mail is passed on, unchanged, with the decision."""

import pytest

from schemas.cases import AppendToCase, Decision, IgnoreMail, OpenCase, ParkMail
from schemas.mails import BlobRef
from services.router import service
from services.router.classify import classify
from services.router.policy import Policy
from services.router.service import route
from services.router.verdict import Verdict
from services.runtime.broker.topology import CASE
from tests.builders import command_in, raw_bytes, raw_mail

POLICY = Policy()


def test_a_new_mail_opens_a_case_of_its_process() -> None:
    mail = raw_mail(
        raw_bytes(headers="In-Reply-To: <a@x.example>\r\n"), process="claims", mailbox="claims"
    )
    message = route(mail, POLICY)
    assert (message.exchange, message.routing_key, message.tag) == (
        CASE,
        "open.claims",
        "OpenCase.v1",
    )
    assert (message.message_id, message.mandatory) == (mail.key, True)
    command = command_in(message.body)
    assert isinstance(command, OpenCase)
    assert command.mail == mail
    assert command.decision.thread_ids == ["<a@x.example>"]


def test_a_case_reference_appends() -> None:
    mail = raw_mail(raw_bytes(subject="RE: Case [#235] was accepted"))
    message = route(mail, POLICY)
    command = command_in(message.body)
    assert message.routing_key == "append.invoices"
    assert isinstance(command, AppendToCase)
    assert (command.decision.cases, command.mail) == ([235], mail)


def test_a_mail_that_travels_as_a_blob_is_classified_by_its_head() -> None:
    head = raw_bytes(subject="[#235]")
    mail = raw_mail(
        raw=None, blob=BlobRef(sha256="a" * 64, size=5_000_000), head=head, size=5_000_000
    )
    command = command_in(route(mail, POLICY).body)
    assert command.decision.cases == [235]
    assert command.mail == mail


@pytest.mark.parametrize(
    "raw",
    [b"\x00", b"\xff" * 1000, b":\r\n\r\n", b"\r\n\r\n", b"=?utf-16?B?2AA=?=: x", b"Subject:"],
)
def test_any_bytes_are_routed_untouched(raw: bytes) -> None:
    mail = raw_mail(raw)
    assert command_in(route(mail, POLICY).body).mail == mail


@pytest.mark.parametrize(
    "word", [b"=?utf-16-le?B?ANg=?=", b"=?utf-7?Q?+2AA-?=", b"=?utf-8?B?7aCA?=", b"\xed\xa0\x80"]
)
def test_a_lone_surrogate_in_any_header_is_routed(word: bytes) -> None:
    fields = b"".join(
        name + b": <" + word + b"@x.example>\r\n" for name in (b"From", b"Subject", b"References")
    )
    assert command_in(route(raw_mail(fields + b"\r\n"), POLICY).body).mail.raw == fields + b"\r\n"


def test_a_mail_on_which_a_rule_fails_is_parked_and_the_next_one_is_routed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = classify

    def failing(headers: object, raw: bytes, policy: Policy) -> object:
        if b"odd" in raw:
            raise RecursionError("private text of the mail")
        return real(headers, raw, policy)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(service, "classify", failing)
    odd = raw_mail(raw_bytes("odd"))
    message = route(odd, POLICY)
    command = command_in(message.body)
    assert message.routing_key == "park.invoices"
    assert isinstance(command, ParkMail)
    assert (command.reason, command.mail) == ("cannot-be-classified", odd)
    assert command.decision.evidence == ["RecursionError"]
    assert isinstance(command_in(route(raw_mail(raw_bytes("even")), POLICY).body), OpenCase)


def test_a_verdict_that_cannot_be_put_into_a_message_parks_its_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict = Verdict("open", Decision(rule="a-rule", evidence=["half a surrogate: \ud800"]))
    monkeypatch.setattr(service, "classify", lambda *_: verdict)
    command = command_in(route(raw_mail(), POLICY).body)
    assert isinstance(command, ParkMail)
    assert (command.reason, command.decision.evidence) == (
        "cannot-be-classified",
        ["UnicodeEncodeError"],
    )


@pytest.mark.parametrize(
    ("action", "kind", "key"),
    [("park", ParkMail, "park.invoices"), ("ignore", IgnoreMail, "ignore.invoices")],
)
def test_a_mail_without_a_case_carries_its_reason(
    monkeypatch: pytest.MonkeyPatch, action: str, kind: type[ParkMail | IgnoreMail], key: str
) -> None:
    verdict = Verdict(action, Decision(rule="a-rule"))  # type: ignore[arg-type] # one of two words
    monkeypatch.setattr(service, "classify", lambda *_: verdict)
    message = route(raw_mail(), POLICY)
    command = command_in(message.body)
    assert message.routing_key == key
    assert isinstance(command, kind)
    assert command.reason == "a-rule"
