"""Classifies a mail by its headers, and a delivery report by its body too. Pure."""

from schemas.cases import Decision
from schemas.reasons import Rule
from services.router.facts import MailFacts
from services.router.policy import Policy
from services.router.rules import RULES
from services.router.verdict import Verdict
from services.runtime.mail.headers import MailHeaders


def classify(headers: MailHeaders, raw: bytes, policy: Policy) -> Verdict:
    """The verdict of the first rule that applies; a mail to which none applies opens a case."""
    facts = MailFacts(headers, raw, policy)
    for rule in RULES:
        verdict = rule(facts)
        if verdict is not None:
            return verdict
    decision = Decision(
        rule=Rule.NEW_CASE,
        thread_ids=facts.candidates.thread_ids,
        flags=facts.flags,
        authentication=facts.authentication,
    )
    return Verdict("open", decision)
