"""The router's use case: read the headers, decide, pass the mail on untouched with the decision."""

from schemas.cases import AppendToCase, Command, Decision, IgnoreMail, OpenCase, ParkMail
from schemas.mails import RawMail
from services.router import metrics
from services.router.classify import Verdict, classify
from services.router.policy import Policy
from services.runtime.broker.defer import KnownNames, unknown_evidence, unknown_reason
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE
from services.runtime.logs import get_logger
from services.runtime.mail.headers import MailHeaders

log = get_logger(__name__)

CANNOT_BE_CLASSIFIED = "cannot-be-classified"
MAIL_TOO_LARGE = "mail-too-large"


def unknown_name(mail: RawMail, known: KnownNames) -> str | None:
    """The process or mailbox of a mail that the settings do not know, so that its sender lists and rules are unknown.

    A replay, or a person's retry, may bring mail of a mailbox that is gone.
    """
    if mail.origin == "replay":
        return None
    return known.first_unknown(process=mail.process, mailbox=None if mail.origin == "retry" else mail.mailbox)


def route(mail: RawMail, policy: Policy, unknown: str | None = None) -> Outgoing:
    """The message for the case writer that carries `mail` and what to do with it.

    A mail that the rules fail on is parked, so that it holds up no other; so is one whose process or mailbox stayed
    `unknown`.
    """
    verdict = _verdict(mail, policy) if unknown is None else _of_unknown(unknown)
    try:
        message = _message(mail, verdict)
    except Exception as error:  # as in `_verdict`
        log.exception("mail_cannot_be_classified", mail_key=mail.key, mailbox=mail.mailbox)
        verdict = _unclassifiable(error)
        message = _message(mail, verdict)
    metrics.DECISIONS.labels(mail.process, verdict.action, verdict.decision.rule).inc()
    log.info("mail_routed", mail_key=mail.key, mailbox=mail.mailbox, action=verdict.action, rule=verdict.decision.rule)
    return message


def decide(mail: RawMail, policy: Policy) -> Command:
    """What the case writer would be told of `mail`, without telling it."""
    return _command(mail, _verdict(mail, policy))


def _verdict(mail: RawMail, policy: Policy) -> Verdict:
    if mail.whole_size is not None:
        decision = Decision(rule=MAIL_TOO_LARGE, evidence=[f"{mail.whole_size} bytes, left on the mail server"])
        return Verdict("park", decision, MAIL_TOO_LARGE)
    try:
        return classify(MailHeaders.parse(mail.classifiable), mail.classifiable, policy)
    except Exception as error:  # a fault of ours, met by this mail: it must not hold up the next one
        log.exception("mail_cannot_be_classified", mail_key=mail.key, mailbox=mail.mailbox)
        return _unclassifiable(error)


def _of_unknown(name: str) -> Verdict:
    reason = unknown_reason(name)
    return Verdict("park", Decision(rule=reason, evidence=[unknown_evidence(name)]), reason)


def _unclassifiable(error: Exception) -> Verdict:
    decision = Decision(rule=CANNOT_BE_CLASSIFIED, evidence=[type(error).__name__])
    return Verdict("park", decision, CANNOT_BE_CLASSIFIED)


def _message(mail: RawMail, verdict: Verdict) -> Outgoing:
    command = _command(mail, verdict)
    return Outgoing.of(command, mail.key, f"{verdict.action}.{mail.process}", exchange=CASE)


def _command(mail: RawMail, verdict: Verdict) -> Command:
    match verdict.action:
        case "open":
            return OpenCase(mail=mail, decision=verdict.decision)
        case "append":
            return AppendToCase(
                mail=mail,
                decision=verdict.decision,
                kind=verdict.kind,
                otherwise=verdict.otherwise,
                reason=verdict.reason or "",
            )
        case "park":
            return ParkMail(mail=mail, decision=verdict.decision, reason=verdict.reason or verdict.decision.rule)
        case "ignore":
            return IgnoreMail(mail=mail, decision=verdict.decision, reason=verdict.reason or verdict.decision.rule)
