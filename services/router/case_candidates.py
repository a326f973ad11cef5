"""The cases that a mail's headers refer to: by number, address, Message-ID or thread. Pure."""

import re
from collections.abc import Sequence

import msgspec

from schemas.case_ref import MAX_DIGITS
from schemas.message_ids import MessageIdSigner
from schemas.reasons import Rule
from services.router.policy import Policy
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import may_contain

MAX_CASES = 20
MAX_THREAD_IDS = 50  # References grows with every answer; the nearest ids matter

_RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
_THREAD_FIELDS = frozenset({b"in-reply-to", b"references"})
_PLUS_ADDRESS = re.compile(
    rf"(?P<local>[^+@]+)\+(?P<number>[1-9][0-9]{{0,{MAX_DIGITS - 1}}})@(?P<domain>.+)", re.ASCII
)


class CaseCandidates(msgspec.Struct, frozen=True):
    """Case numbers, best first, the rule that found the first, and the thread's Message-IDs.

    `signed` are the cases named by Message-IDs that we signed, `addressed` those named by addresses
    of ours.
    """

    rule: Rule
    evidence: list[str]
    cases: list[int]
    thread_ids: list[str]
    signed: list[int]
    addressed: list[int]


def find_candidates(headers: MailHeaders, policy: Policy) -> CaseCandidates:
    """Candidates of a mail; the rule is `thread` if no header names a case."""
    subject = headers.text("Subject") or ""
    thread_ids = _thread_ids(headers)
    found = {
        Rule.CASE_REFERENCE: policy.reference.find(subject),
        Rule.PLUS_ADDRESS: _plus_address_numbers(headers, policy.own_addresses),
        Rule.OWN_MESSAGE_ID: signed_cases(policy.message_id_signer, thread_ids),
    }
    if not any(found.values()):
        return CaseCandidates(Rule.THREAD, [], [], thread_ids, [], [])
    rule = next((name for name, numbers in found.items() if numbers), Rule.THREAD)
    cases = list(dict.fromkeys(number for numbers in found.values() for number in numbers))
    evidence = [
        f"{name} {policy.reference.write(number)}"
        for name, numbers in found.items()
        for number in numbers
    ]
    return CaseCandidates(
        rule=rule,
        evidence=evidence[:MAX_CASES],
        cases=cases[:MAX_CASES],
        thread_ids=thread_ids,
        signed=found[Rule.OWN_MESSAGE_ID][:MAX_CASES],
        addressed=found[Rule.PLUS_ADDRESS][:MAX_CASES],
    )


def signed_cases(signer: MessageIdSigner, message_ids: Sequence[str]) -> list[int]:
    """The case numbers in those Message-IDs that we signed, in their order."""
    return [case for message_id in message_ids if (case := signer.case_of(message_id)) is not None]


def signed_ids(signer: MessageIdSigner, message_ids: Sequence[str]) -> list[str]:
    """Those Message-IDs that we signed, in their order."""
    return [message_id for message_id in message_ids if signer.case_of(message_id) is not None]


def _plus_address_numbers(headers: MailHeaders, own_addresses: frozenset[str]) -> list[int]:
    """235 from `invoices+235@example.com`, if invoices@example.com is ours (RFC 5233)."""
    numbers: list[int] = []
    if not any(may_contain(value, b"+") for name in _RECIPIENTS for value in headers.raws(name)):
        return numbers  # as most mails
    for recipient in headers.addresses(*_RECIPIENTS):
        match = _PLUS_ADDRESS.fullmatch(recipient.address)
        if match and f"{match['local']}@{match['domain']}".lower() in own_addresses:
            numbers.append(int(match["number"]))
    return numbers


def _thread_ids(headers: MailHeaders) -> list[str]:
    """Message-IDs that a mail refers to: In-Reply-To, then References, nearest first.

    Source: RFC 5322 section 3.6.4.
    """
    if not headers.has_any(_THREAD_FIELDS):
        return []
    ids = [*headers.message_ids("In-Reply-To"), *reversed(headers.message_ids("References"))]
    own = headers.message_ids("Message-ID") if ids else []
    return [message_id for message_id in dict.fromkeys(ids) if message_id not in own][
        :MAX_THREAD_IDS
    ]
