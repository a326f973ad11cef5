"""What goes out from a case, as documents of the outbox: acknowledgements and answers. Pure.

Who may be answered automatically follows RFC 3834 section 2. Nothing of the mail that is acknowledged goes into the
answer but its author's address and its Message-IDs.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from schemas.sending import AnswerCase
from schemas.stored import Attachment, OutgoingKind, OutgoingMail, Person
from services.case_writer.placement.plan import Placed
from services.case_writer.placement.rule_changes import NOT_A_PARTICIPANT
from services.runtime.errors import ContractError
from services.runtime.settings import Mailbox, Process, Settings

MAX_REFERENCES = 20
MAX_TITLE_CHARS = 150
MAX_TEXT_CHARS = 1_000_000  # it is in the outbox and, twice, in the comment, whose document has 16 MiB at most
# What the router flags that no machine may answer.
_MACHINES = frozenset({"auto-generated", "bulk", "list", "no-answer-wanted", "spam"})
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_ANSWER_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")  # printable ASCII without blanks and brackets
_NO_REPLY = re.compile(
    r"(?:.*[._-])?(?:no|not|non|never|do-?not|don-?t|nie|nicht|kein)[._-]?(?:reply|replay|respond|response|answer|"
    r"odpowiada[jć]|antwort|antworten)(?:[._-].*)?|(?:.*[._-])?noreply.*|"
    r"mailer-?daemon|mail-?daemon|postmaster|bounces?(?:[._+-].*)?|.*-bounces?|owner-.*|.*-(?:request|owner)|"
    r"nobody|root|daemon|listserv|majordomo|mdaemon",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answerable:
    """A case as far as an answer needs it; the ids are those of the participants' latest mail, None without one."""

    number: int
    process: str
    mailbox: str
    title: str
    participants: Sequence[str]
    in_reply_to: str | None
    references: Sequence[str] = ()


class UnknownProcessError(ContractError):
    """The settings of this service do not know the process of a case, yet or any more."""

    def __init__(self, process: str) -> None:
        super().__init__(f"unknown-process: the settings have no process {process}")
        self.name = f"process {process}"


class OutgoingMailComposer:
    """Makes outgoing mails by the settings: from whom, under which Message-ID, to whom."""

    def __init__(self, settings: Settings, own_ids: MessageIdSigner) -> None:
        self._processes: Mapping[str, Process] = settings.processes
        self._mailboxes: Mapping[str, Mailbox] = settings.mailboxes
        self._own_ids = own_ids
        self._reference = CaseReference(settings.case_reference.prefix, settings.case_reference.read_bare)
        self._max_recipients = settings.sender.max_recipients
        froms = {one.from_address.lower() for one in settings.processes.values() if one.from_address}
        self._own = settings.own_addresses | froms

    def acknowledgement(self, placed: Placed, number: int, now: datetime) -> OutgoingMail | None:
        """The acknowledgement of a mail that opened case `number`; None where there shall be none."""
        mail, reading = placed.item.command.mail, placed.reading
        process = self._processes.get(placed.process)
        if process is None or process.smtp is None or not process.acknowledgement.enabled or self.why_not(placed):
            return None
        own_id = [reading.message_id] if reading.message_id else []
        return self._outgoing(
            process,
            mail.mailbox,
            number,
            now,
            id=f"ack {number}",
            kind="acknowledgement",
            to=[mailable(reading.author.address) or ""],
            subject=None,
            text=None,
            in_reply_to=reading.message_id,
            references=[*reversed(reading.references), *own_id],
            auto_submitted="auto-replied",
            caused_by=mail.key,
        )

    def why_not(self, placed: Placed) -> str | None:
        """Why a mail is not acknowledged, as a constant word; None where it may be."""
        address = placed.reading.author.address
        if not placed.opens or placed.kind != "mail":
            return "opens-no-case"
        if placed.item.command.mail.origin == "replay":
            return "replayed"
        if not _MACHINES.isdisjoint(placed.decision.flags):
            return "automatic"
        if placed.decision.resolution == NOT_A_PARTICIPANT:
            return "unverified"
        if mailable(address) is None:
            return "no-address"
        if self._is_own(address):
            return "own"
        return "no-reply" if _NO_REPLY.fullmatch(address.rpartition("@")[0]) else None

    def answer(self, answer: AnswerCase, case: Answerable, files: Sequence[Attachment], now: datetime) -> OutgoingMail:
        """An answer from a case. Raises ContractError where it can go to nobody, or not in this way."""
        process = self._processes.get(case.process)
        if process is None:
            raise UnknownProcessError(case.process)
        if process.smtp is None:
            raise ContractError(f"no-smtp-server: process {case.process} sends no mail; set its smtp")
        if len(answer.text) > MAX_TEXT_CHARS:
            raise ContractError(f"text-too-long: {len(answer.text)} characters; send it as a file")
        return self._outgoing(
            process,
            case.mailbox,
            case.number,
            now,
            id=answer_document_id(answer),
            kind="answer",
            to=self._recipients(answer, case),
            subject=self._subject(answer, case),
            text=answer.text,
            in_reply_to=case.in_reply_to,
            references=case.references,
            auto_submitted="auto-generated" if answer.automatic else None,
            caused_by=answer.id,
            attachments=list(files),
        )

    def _recipients(self, answer: AnswerCase, case: Answerable) -> list[str]:
        """Those given, each of which must be usable; else the participants, those of them that are."""
        unusable = [one for one in answer.to if mailable(one) is None]
        if unusable:
            raise ContractError(f"unusable-address: {len(unusable)} of the {len(answer.to)} given")
        found = [mailable(one) for one in answer.to or case.participants]
        to = list(dict.fromkeys(one for one in found if one and not self._is_own(one)))
        if not to:
            raise ContractError("no-recipient: the case has no participant to whom mail can go; give an address")
        if len(to) > self._max_recipients:
            raise ContractError(f"too-many-recipients: {len(to)}, and sender.max_recipients is {self._max_recipients}")
        return to

    def _subject(self, answer: AnswerCase, case: Answerable) -> str:
        """With the reference first, so that no other number in the title comes before it."""
        text = answer.subject if answer.subject is not None else case.title
        line = " ".join(text.split())[:MAX_TITLE_CHARS]
        return line if self._reference.find(line) == [case.number] else f"{self._reference.write(case.number)} {line}"

    def _outgoing(
        self,
        process: Process,
        mailbox_name: str,
        number: int,
        now: datetime,
        *,
        id: str,  # noqa: A002 - the document's
        kind: OutgoingKind,
        to: list[str],
        subject: str | None,
        text: str | None,
        in_reply_to: str | None,
        references: Sequence[str],
        auto_submitted: str | None,
        caused_by: str,
        attachments: Sequence[Attachment] = (),
    ) -> OutgoingMail:
        mailbox = self._mailboxes.get(mailbox_name) or next(iter(process.mailboxes), None)
        sender = process.from_address or (mailbox.address if mailbox else None)
        if sender is None:
            raise ContractError(f"no-sender: process {process.name} has neither a mailbox nor a from_address")
        unique = hashlib.sha256(f"{id} {caused_by}".encode()).hexdigest()[:24]
        domain = _ascii_domain(sender.rpartition("@")[2]) or "localhost"
        return OutgoingMail(
            id=id,
            kind=kind,
            case=number,
            process=process.name,
            state="pending",
            message_id=self._own_ids.make(number, unique, domain),
            author=Person(process.from_name, mailable(sender) or sender),
            reply_to=_reply_to(mailbox, number, sender),
            to=to,
            remaining=to,
            subject=subject,
            text=text,
            attachments=list(attachments),
            in_reply_to=next(iter(_usable_ids([in_reply_to])), None),
            references=_bounded(_usable_ids(references)),
            auto_submitted=auto_submitted,
            caused_by=caused_by,
            created_at=now,
            due_at=now,
        )

    def _is_own(self, address: str) -> bool:
        """Also with `+235` or the like behind the local part (RFC 5233)."""
        local, _, domain = address.lower().rpartition("@")
        return f"{local}@{domain}" in self._own or f"{local.partition('+')[0]}@{domain}" in self._own


def mailable(address: str) -> str | None:
    """The address as SMTP takes it from everyone (RFC 5321 section 4.1.2, without quoted forms); None for others."""
    local, at, domain = address.strip().rpartition("@")
    ascii_domain = _ascii_domain(domain) if at else None
    whole = f"{local}@{ascii_domain}"
    return whole if ascii_domain and len(whole) <= 254 and _ADDRESS.fullmatch(whole) else None


def answer_document_id(answer: AnswerCase) -> str:
    """The answer's id in the outbox. Raises ContractError for an id that is none."""
    if not _ANSWER_ID.fullmatch(answer.id):
        raise ContractError("bad-id: an answer's id has 8 to 64 letters, digits and -")
    return f"answer {answer.id}"


def _ascii_domain(domain: str) -> str | None:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _reply_to(mailbox: Mailbox | None, number: int, sender: str) -> str | None:
    """Where answers shall go; None where that is the sender itself."""
    if mailbox is None:
        return None
    local, _, domain = mailbox.address.rpartition("@")
    wanted = f"{local}+{number}@{domain}" if mailbox.plus_addressing else mailbox.address
    return mailable(wanted) if wanted.lower() != sender.lower() else None


def _bounded(references: list[str]) -> list[str]:
    """The first and the last of them: RFC 5322 section 3.6.4 sets no bound, relays do."""
    if len(references) <= MAX_REFERENCES:
        return references
    return [references[0], *references[1 - MAX_REFERENCES :]]


def _usable_ids(ids: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(one for one in ids if one and _MESSAGE_ID.fullmatch(one)))
