"""Whether a machine sent a mail, and of what kind. Pure; by headers alone.

Sources: RFC 3834 (Auto-Submitted, section 5), RFC 2076 section 3.9 (Precedence), RFC 2919 (List-Id), RFC 8098 (read
receipts), and the headers that vendors' products are seen to write.
"""

import re

from services.runtime.mail_headers import MailHeaders

AUTO_GENERATED = "auto-generated"
BULK = "bulk"
LIST = "list"
NO_ANSWER_WANTED = "no-answer-wanted"

# Headers that only automatic answers carry: with any value, or with one that begins like this.
_REPLY_HEADERS = {
    "X-Autoreply": "",
    "X-Autorespond": "",
    "X-Autoresponder": "",
    "X-AutoReply-From": "",
    "X-Mail-Autoreply": "",
    "X-Vacation": "",
    "X-Auto-Reply": "",
    "X-Auto-Reply-From": "",
    "X-POST-MessageClass": "9; autoresponder",
    "X-FC-MachineGenerated": "true",
    "X-Precedence": "auto_reply",
    "Precedence": "auto_reply",
    "Delivered-To": "autoresponder",
}
_NO = {"no", "n", "false", "0"}

# How the answers of a mailbox that is out of office begin, where nothing else tells.
_REPLY_SUBJECT = re.compile(
    r"(?:re:\s*|odp:\s*|aw:\s*)?(?:"
    r"auto(?:matic)?[ -]?(?:reply|response|replied)|auto:|out of (?:the )?office|away from (?:the )?office|"
    r"vacation reply|on (?:annual )?leave\b|"
    r"automatyczna odpowied[źz]|odpowied[źz] automatyczna|autoodpowied[źz]|poza biurem|nieobecno[śs][ćc]|"
    r"automatische (?:antwort|r[üu]ckantwort)|abwesenheits(?:notiz|nachricht|meldung|assistent)|abwesend\b|"
    r"r[ée]ponse automatique|absence du bureau|respuesta autom[áa]tica|fuera de (?:la )?oficina|"
    r"risposta automatica|fuori sede|resposta autom[áa]tica|automatisch antwoord|afwezig|"
    r"automatiskt svar|fr[åa]nvaro|autosvar|automatisk svar|automaattinen vastaus|"
    r"automatick[áa] odpov[ěe][ďd]|automatická odpoveď|automatikus v[áa]lasz|автоответ|автоматический ответ"
    r")",
    re.IGNORECASE,
)
_EMPTY_PATH = re.compile(r"\s*(?:<\s*>)?\s*")


def reply_evidence(headers: MailHeaders) -> str | None:
    """Why a mail is an automatic answer (out of office, read receipt); None for a mail that is none."""
    if _first_word(headers, "Auto-Submitted") == "auto-replied":
        return "Auto-Submitted: auto-replied"
    for name, beginning in _REPLY_HEADERS.items():
        for value in headers.texts(name):
            if value.lower().startswith(beginning) and value.strip().lower() not in _NO:
                return name
    if "disposition-notification" in (headers.text("Content-Type") or "").lower():
        return "Content-Type: disposition-notification"
    subject = headers.text("Subject") or ""
    if _REPLY_SUBJECT.match(subject.lstrip()) and _from_a_machine(headers):
        return "subject of an automatic answer, sent by a machine"
    return None


def flags(headers: MailHeaders) -> list[str]:
    """Marks of a machine's mail that opens cases all the same, so that nothing answers it automatically."""
    precedence = _first_word(headers, "Precedence")
    found = []
    if _first_word(headers, "Auto-Submitted") not in {"", "no"}:
        found.append(AUTO_GENERATED)
    if precedence in {"bulk", "junk"} or "List-Unsubscribe" in headers or "X-Campaign" in headers:
        found.append(BULK)
    if precedence == "list" or "List-Id" in headers or "List-Post" in headers:
        found.append(LIST)
    if "X-Auto-Response-Suppress" in headers or has_empty_return_path(headers):
        found.append(NO_ANSWER_WANTED)
    return found


def has_empty_return_path(headers: MailHeaders) -> bool:
    """`Return-Path: <>`, the mark of mail that wants no answer (RFC 5321 section 4.5.5)."""
    return any(_EMPTY_PATH.fullmatch(value) for value in headers.texts("Return-Path"))


def _from_a_machine(headers: MailHeaders) -> bool:
    submitted = _first_word(headers, "Auto-Submitted")
    suppressed = "X-Auto-Response-Suppress" in headers
    # Old vacation programs mark their answers so; a newsletter names its list.
    marked = _first_word(headers, "Precedence") in {"bulk", "junk"} and not any(
        name in headers for name in ("List-Id", "List-Unsubscribe", "List-Post")
    )
    return has_empty_return_path(headers) or suppressed or marked or submitted not in {"", "no"}


def _first_word(headers: MailHeaders, name: str) -> str:
    """The value without parameters and comments, in small letters; empty where the header is absent."""
    return re.split(r"[;(\s]", (headers.text(name) or "").strip().lower(), maxsplit=1)[0]
