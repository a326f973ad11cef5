"""Delivery reports: is it one, and which mail does it speak of? Pure; the body is searched for header lines only.

Sources: RFC 3462 (multipart/report), RFC 3464 (delivery status), and how servers write reports that follow neither.
Reports of abuse (RFC 5965), read receipts (RFC 8098) and reports on TLS (RFC 8460) speak of no delivery that failed.
"""

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass
from itertools import islice

from services.runtime.mail.headers import MailHeaders

MAX_BODY_BYTES = 256 * 1024  # a report's returned headers stand near its beginning

_ROBOTS = {"mailer-daemon", "mail-daemon", "mailerdaemon", "postmaster", "mmdf", "mdaemon", "maildelivery"}
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|failure|has failed|report|problem|notification)|returned mail|"
    r"return(?:ed)? to sender|mail delivery|delivery incomplete|failure notice|could ?n[o']t be delivered|"
    r"non[- ]?delivery|nondeliverable|"
    r"warning: could not send|delayed|unzustellbar|zustellung|niet bezorgd|non remis|non consegnat|"
    r"nicht zugestellt|no se (?:ha podido|pudo) entregar|[ée]chec de (?:la )?(?:remise|distribution)|"
    r"niedostarcz|nie dostarczono|nie mo[żz]na dostarczy[ćc]|zwrot (?:wiadomo|poczty)|b[łl][ąa]d dostarcz",
    re.IGNORECASE,
)
_RETURNED = re.compile(rb"^(?:>\s?)?[ \t]*(Message-ID|In-Reply-To|References|Subject):", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(rb"^Action:[ \t]*([A-Za-z]+)", re.IGNORECASE | re.MULTILINE)
_FOLDED = re.compile(rb"[^\n]{0,2000}(?:\n[ \t][^\n]{0,2000}){0,100}")
_ENCODED = re.compile(rb"^Content-Transfer-Encoding:[ \t]*(base64|quoted-printable)\b", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_REPORT = "multipart/report"
_REPORT_TYPE = re.compile(r";\s*report-type\s*=\s*\"?([a-z0-9_.+-]+)")
_OTHER_TYPES = {"feedback-report", "disposition-notification", "tlsrpt"}
_OTHER_REPORTS = ("message/feedback-report", "message/disposition-notification")
# The first part for programs tells the kind of a report that does not declare it.
_STATUS_PART = re.compile(
    rb"^Content-Type:[ \t]*message/(delivery-status|global-delivery-status|feedback-report|disposition-notification)\b",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_PARTS = {b"feedback-report", b"disposition-notification"}
_MAX_RETURNED_LINES = 200
_MAX_ENCODED_PARTS = 10


@dataclass(frozen=True)
class Report:
    """What a report says: the returned mail's own Message-IDs and the ids that it answered, its subjects, the action.

    `action` is `failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464 section 2.3.3), `failed` where the
    report does not tell.
    """

    evidence: str
    message_ids: list[str]
    references: list[str]
    subjects: list[str]
    action: str


def read_report(headers: MailHeaders, raw: bytes) -> Report | None:
    """The report in a mail, None where the mail is none. `raw` is the mail, or its first part."""
    evidence = None if _reports_something_else(headers, raw) else _evidence(headers)
    if evidence is None:
        return None
    body = _legible(raw[headers.body_start : headers.body_start + MAX_BODY_BYTES])
    returned = [_returned_header(body, match.start(1)) for match in _some(_RETURNED, body)]
    ids = [one for part in returned for one in part.message_ids("Message-ID")]
    references = [one for part in returned for one in part.message_ids("In-Reply-To", "References")]
    subjects = [subject for part in returned if (subject := part.text("Subject"))]
    action = _ACTION.search(body)
    return Report(
        evidence=evidence,
        message_ids=list(dict.fromkeys(ids)),
        references=list(dict.fromkeys(references)),
        subjects=subjects,
        action=action[1].decode("ascii").lower() if action else "failed",
    )


def _reports_something_else(headers: MailHeaders, raw: bytes) -> bool:
    """Whether it is a report of another kind, as its Content-Type says, or, if that does not, its parts."""
    kind = (headers.text("Content-Type") or "").lower()
    if kind.startswith(_OTHER_REPORTS):
        return True
    if not kind.startswith(_REPORT):
        return False
    declared = _REPORT_TYPE.search(kind)
    if declared:
        return declared[1] in _OTHER_TYPES
    parts = _STATUS_PART.search(raw, headers.body_start, headers.body_start + MAX_BODY_BYTES)
    return parts is not None and parts[1].lower() in _OTHER_PARTS


def _evidence(headers: MailHeaders) -> str | None:
    kind = (headers.text("Content-Type") or "").lower()
    if kind.startswith(_REPORT):
        return f"Content-Type: {_REPORT}"
    if kind.startswith("message/delivery-status"):
        return "Content-Type: message/delivery-status"
    if "X-Failed-Recipients" in headers:
        return "X-Failed-Recipients"
    if not _SUBJECT.search(headers.text("Subject") or ""):
        return None
    senders = headers.addresses("From", "Return-Path", "Sender")
    if any(sender.address.partition("@")[0].lower() in _ROBOTS for sender in senders):
        return "from a mail server's own address"
    return None


def _legible(body: bytes) -> bytes:
    """The body, then what its encoded parts say: some servers encode the returned header (RFC 2045 section 6)."""
    pieces = [body]
    for match in islice(_ENCODED.finditer(body), _MAX_ENCODED_PARTS):
        blank = _BLANK_LINE.search(body, match.end())
        if blank is None:
            break
        end = body.find(b"\n--", blank.end())
        content = body[blank.end() : end if end >= 0 else len(body)]
        try:
            pieces.append(a2b_base64(content) if match[1].lower() == b"base64" else a2b_qp(content))
        except BinasciiError:  # cut or damaged: what stands in the clear is all there is
            continue
    return b"\n\n".join(pieces)


def _some(pattern: re.Pattern[bytes], body: bytes) -> list[re.Match[bytes]]:
    found = []
    for match in pattern.finditer(body):
        found.append(match)
        if len(found) == _MAX_RETURNED_LINES:
            break
    return found


def _returned_header(body: bytes, start: int) -> MailHeaders:
    """One header of the returned mail, with its folded lines."""
    folded = _FOLDED.match(body, start)
    return MailHeaders.parse(folded[0] if folded else b"")
