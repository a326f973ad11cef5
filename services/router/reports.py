"""Recognizes delivery reports and the mails they report on.

Pure; searches the body for header lines only.

Sources: RFC 3462 (multipart/report), RFC 3464 (delivery status), and reports observed from servers
that follow neither. Abuse reports (RFC 5965), read receipts (RFC 8098) and TLS reports (RFC 8460)
are not delivery reports.
"""

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass
from itertools import islice

from schemas.reasons import Evidence
from services.runtime.mail.headers import MailHeaders

MAX_BODY_BYTES = 256 * 1024  # the returned headers are near the beginning

_SERVER_NAMES = {
    "mailer-daemon",
    "mail-daemon",
    "mailerdaemon",
    "postmaster",
    "mmdf",
    "mdaemon",
    "maildelivery",
}
# In lower case: a pattern that ignores case takes three times as long.
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|failure|has failed|report|problem|notification)|returned mail|"
    r"return(?:ed)? to sender|mail delivery|delivery incomplete|failure notice|could ?n[o']t be delivered|"
    r"non[- ]?delivery|nondeliverable|"
    r"warning: could not send|delayed|unzustellbar|zustellung|niet bezorgd|non remis|non consegnat|"
    r"nicht zugestellt|no se (?:ha podido|pudo) entregar|[ée]chec de (?:la )?(?:remise|distribution)|"
    r"niedostarcz|nie dostarczono|nie mo[żz]na dostarczy[ćc]|zwrot (?:wiadomo|poczty)|b[łl][ąa]d dostarcz",
)
_RETURNED_HEADER = re.compile(
    rb"^(?:>\s?)?[ \t]*(Message-ID|In-Reply-To|References|Subject):", re.IGNORECASE | re.MULTILINE
)
_ACTION = re.compile(rb"^Action:[ \t]*([A-Za-z]+)", re.IGNORECASE | re.MULTILINE)
_FOLDED = re.compile(rb"[^\n]{0,2000}(?:\n[ \t][^\n]{0,2000}){0,100}")
_ENCODED = re.compile(
    rb"^Content-Transfer-Encoding:[ \t]*(base64|quoted-printable)\b", re.IGNORECASE | re.MULTILINE
)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_MULTIPART_REPORT = "multipart/report"
_REPORT_TYPE = re.compile(r";\s*report-type\s*=\s*\"?([a-z0-9_.+-]+)")
_OTHER_TYPES = {"feedback-report", "disposition-notification", "tlsrpt"}
_OTHER_REPORTS = ("message/feedback-report", "message/disposition-notification")
# If a report does not declare its type, its first machine-readable part does.
_STATUS_PART = re.compile(
    rb"^Content-Type:[ \t]*message/(delivery-status|global-delivery-status|feedback-report|disposition-notification)\b",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_PARTS = {b"feedback-report", b"disposition-notification"}
_MAX_RETURNED_LINES = 50
_MAX_PARSED_BYTES = 64 * 1024
_MAX_ENCODED_PARTS = 10


@dataclass(frozen=True)
class DeliveryReport:
    """The returned mail's Message-IDs, the ids it answers, its subjects, and the action.

    `action` is `failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464 section 2.3.3);
    `failed` if the report has none. `evidence` says why the mail is a report.
    """

    evidence: str
    message_ids: list[str]
    references: list[str]
    subjects: list[str]
    action: str


def read_report(headers: MailHeaders, raw: bytes) -> DeliveryReport | None:
    """The delivery report in a mail; None if it is not one. `raw` is the mail or its beginning."""
    kind = (headers.text("Content-Type") or "").lower()
    evidence = None if _is_other_report(kind, headers, raw) else _evidence(kind, headers)
    if evidence is None:
        return None
    body = _decode_parts(raw[headers.body_start : headers.body_start + MAX_BODY_BYTES])
    returned = _returned_headers(body)
    ids = [message_id for part in returned for message_id in part.message_ids("Message-ID")]
    references = [
        message_id
        for part in returned
        for message_id in part.message_ids("In-Reply-To", "References")
    ]
    subjects = [subject for part in returned if (subject := part.text("Subject"))]
    action = _ACTION.search(body)
    return DeliveryReport(
        evidence=evidence,
        message_ids=list(dict.fromkeys(ids)),
        references=list(dict.fromkeys(references)),
        subjects=subjects,
        action=action[1].decode("ascii").lower() if action else "failed",
    )


def _is_other_report(kind: str, headers: MailHeaders, raw: bytes) -> bool:
    """Whether the Content-Type, or a part if that is silent, declares a report of another type."""
    if kind.startswith(_OTHER_REPORTS):
        return True
    if not kind.startswith(_MULTIPART_REPORT):
        return False
    declared = _REPORT_TYPE.search(kind)
    if declared:
        return declared[1] in _OTHER_TYPES
    parts = _STATUS_PART.search(raw, headers.body_start, headers.body_start + MAX_BODY_BYTES)
    return parts is not None and parts[1].lower() in _OTHER_PARTS


def _evidence(kind: str, headers: MailHeaders) -> str | None:
    if kind.startswith(_MULTIPART_REPORT):
        return f"Content-Type: {_MULTIPART_REPORT}"
    if kind.startswith("message/delivery-status"):
        return "Content-Type: message/delivery-status"
    if "X-Failed-Recipients" in headers:
        return "X-Failed-Recipients"
    if not _SUBJECT.search((headers.text("Subject") or "").lower()):
        return None
    senders = headers.addresses("From", "Return-Path", "Sender")
    if any(sender.address.partition("@")[0].lower() in _SERVER_NAMES for sender in senders):
        return Evidence.MAIL_SERVER.value
    return None


def _decode_parts(body: bytes) -> bytes:
    """The body, then its decoded parts: some servers encode the returned headers (RFC 2045)."""
    pieces = [body]
    for match in islice(_ENCODED.finditer(body), _MAX_ENCODED_PARTS):
        blank = _BLANK_LINE.search(body, match.end())
        if blank is None:
            break
        end = body.find(b"\n--", blank.end())
        content = body[blank.end() : end if end >= 0 else len(body)]
        try:
            pieces.append(a2b_base64(content) if match[1].lower() == b"base64" else a2b_qp(content))
        except BinasciiError:  # truncated or damaged: only the plain text is left
            continue
    return b"\n\n".join(pieces)


def _returned_headers(body: bytes) -> list[MailHeaders]:
    """The header fields of the returned mail, each with its folded lines.

    An indented field is also a folded line of the field above, and is parsed with each of those. So
    the bytes that are parsed are limited.
    """
    found, left = [], _MAX_PARSED_BYTES
    for match in islice(_RETURNED_HEADER.finditer(body), _MAX_RETURNED_LINES):
        folded = _FOLDED.match(body, match.start(1))
        field = folded[0][:left] if folded else b""
        if not field:
            break
        left -= len(field)
        found.append(MailHeaders.parse(field))
    return found
