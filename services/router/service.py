"""The router's use case: decide by a mail's headers, and pass the mail on with the decision."""

from schemas.cases import AppendToCase, Command, IgnoreMail, OpenCase, ParkMail
from schemas.mails import RawMail
from schemas.reasons import ParkReason
from services.router import metrics
from services.router.classify import classify
from services.router.policy import Policy
from services.router.verdict import Verdict
from services.runtime.broker.defer import KnownNames, unknown_evidence, unknown_reason
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE
from services.runtime.logs import get_logger
from services.runtime.mail.headers import MailHeaders

log = get_logger(__name__)


def first_unknown_name(mail: RawMail, known: KnownNames) -> str | None:
    """The process or mailbox of a mail if the settings do not have it, in the form of KnownNames;
    else None.

    A replay may contain mail of a removed process or mailbox, and a person may retry mail of a
    removed mailbox.
    """
    if mail.origin == "replay":
        return None
    return known.first_unknown(
        process=mail.process, mailbox=None if mail.origin == "retry" else mail.mailbox
    )


def route(mail: RawMail, policy: Policy, unknown: str | None = None) -> Outgoing:
    """The command for the case writer that carries `mail` and the decision.

    A mail is parked if a rule fails on it, so that it does not block others, or if its process or
    mailbox stayed `unknown`.
    """
    verdict = _classify(mail, policy) if unknown is None else _park_unknown(unknown)
    try:
        message = _message(mail, verdict)
    except Exception as error:  # as in `_classify`
        log.exception("mail_cannot_be_classified", mail_key=mail.key, mailbox=mail.mailbox)
        verdict = _park_unclassifiable(error)
        message = _message(mail, verdict)
    metrics.decisions(mail.process, verdict.action, verdict.decision.rule).inc()
    log.info(
        "mail_routed",
        mail_key=mail.key,
        mailbox=mail.mailbox,
        action=verdict.action,
        rule=verdict.decision.rule,
    )
    return message


def decide(mail: RawMail, policy: Policy) -> Command:
    """The command that `route` would publish for `mail`."""
    return _command(mail, _classify(mail, policy))


def _classify(mail: RawMail, policy: Policy) -> Verdict:
    if mail.whole_size is not None:
        return Verdict.park(
            ParkReason.MAIL_TOO_LARGE, f"{mail.whole_size} bytes, left on the mail server"
        )
    try:
        return classify(MailHeaders.parse(mail.classifiable), mail.classifiable, policy)
    except Exception as error:  # a bug that this mail triggers must not block the next mail
        log.exception("mail_cannot_be_classified", mail_key=mail.key, mailbox=mail.mailbox)
        return _park_unclassifiable(error)


def _park_unknown(name: str) -> Verdict:
    return Verdict.park(unknown_reason(name), unknown_evidence(name))


def _park_unclassifiable(error: Exception) -> Verdict:
    return Verdict.park(ParkReason.CANNOT_BE_CLASSIFIED, type(error).__name__)


def _message(mail: RawMail, verdict: Verdict) -> Outgoing:
    command = _command(mail, verdict)
    return Outgoing.of(command, mail.key, f"{verdict.action}.{mail.process}", exchange=CASE)


def _command(mail: RawMail, verdict: Verdict) -> Command:
    decision = verdict.decision
    match verdict.action:
        case "open":
            return OpenCase(mail=mail, decision=decision)
        case "append":
            return AppendToCase(
                mail=mail,
                decision=decision,
                kind=verdict.kind,
                otherwise=verdict.otherwise,
                reason=verdict.reason or "",
            )
        case "park":
            return ParkMail(mail=mail, decision=decision, reason=verdict.reason or decision.rule)
        case "ignore":
            return IgnoreMail(mail=mail, decision=decision, reason=verdict.reason or decision.rule)
