"""Composes the outgoing mail of a case, as documents of the outbox. Pure. Everything that an
attempt to send needs is determined here: sender, Message-ID, recipients.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from schemas.sending import AnswerCase
from schemas.stored import Attachment, Case, OutgoingKind, OutgoingMail, Person
from services.casework.decisions.situation import AutomaticMail
from services.casework.quoting import QuotedMail, quote
from services.runtime.errors import CommandRefusedError
from services.runtime.mail.addresses import base_address
from services.runtime.settings import Mailbox, Process, Settings

MAX_REFERENCES = 20
MAX_SUBJECT_CHARS = 150
MAX_LABEL_CHARS = 63  # of a domain, RFC 1035 section 2.3.4
MAX_TEXT_CHARS = (
    1_000_000  # the text is in the outbox and, twice, in the comment; a document has at most 16 MiB
)
MAX_HOLD_S = 86_400.0
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_ANSWER_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")  # printable ASCII without spaces and brackets
# The prefixes that mail programs put before the subject of an answer, in the languages of this
# market; a subject may have several in a row.
_REPLY_PREFIX = re.compile(r"(?:(?:re|odp|aw|antw|sv|vs)\s*(?:\[\d{1,3}\])?:\s*)+", re.IGNORECASE)


@dataclass(frozen=True)
class Answerable:
    """The parts of a case that an answer needs. The ids are those of the participants' latest mail,
    None if there is none; `quotable` is that mail.
    """

    number: int
    process: str
    mailbox: str
    title: str
    participants: Sequence[str]
    in_reply_to: str | None
    references: Sequence[str] = ()
    quotable: QuotedMail | None = None


class UnknownProcessError(CommandRefusedError):
    """The settings of this service do not have the process of a case, or not yet."""

    def __init__(self, process: str) -> None:
        super().__init__(f"unknown-process: the settings have no process {process}")
        self.name = f"process {process}"


class OutgoingMailBuilder:
    """Builds outgoing mails as the settings say."""

    def __init__(self, settings: Settings, signer: MessageIdSigner) -> None:
        self._processes: Mapping[str, Process] = settings.processes
        self._mailboxes: Mapping[str, Mailbox] = settings.mailboxes
        self._signer = signer
        self._reference = CaseReference(
            settings.case_reference.prefix, settings.case_reference.read_bare
        )
        self._max_recipients = settings.sender.max_recipients
        froms = {
            process.from_address.lower()
            for process in settings.processes.values()
            if process.from_address
        }
        self._own = settings.own_addresses | froms

    def answer(
        self, answer: AnswerCase, case: Answerable, files: Sequence[Attachment], now: datetime
    ) -> OutgoingMail:
        """An answer from a case. Raises CommandRefusedError if it has no usable recipient, or
        cannot be sent in this way.
        """
        process = self._processes.get(case.process)
        if process is None:
            raise UnknownProcessError(case.process)
        if process.smtp is None:
            raise CommandRefusedError(
                f"no-smtp-server: process {case.process} sends no mail; set its smtp"
            )
        if len(answer.text) > MAX_TEXT_CHARS:
            raise CommandRefusedError(
                f"text-too-long: {len(answer.text)} characters; send it as a file"
            )
        if not 0 <= answer.hold_s <= MAX_HOLD_S:
            raise CommandRefusedError(
                f"invalid-hold: {answer.hold_s} s is not between 0 and {MAX_HOLD_S:.0f}"
            )
        to, cc = self._recipients(answer, case)
        language = process.acknowledgement.language
        return self._outgoing(
            process,
            case.mailbox,
            case.number,
            now,
            id=answer_document_id(answer),
            kind="answer",
            to=to,
            cc=cc,
            quoted=quote(case.quotable, language) if answer.quote and case.quotable else "",
            hold_s=answer.hold_s,
            subject=self._subject(answer, case),
            text=answer.text,
            in_reply_to=case.in_reply_to,
            references=case.references,
            auto_submitted="auto-generated" if answer.automatic else None,
            caused_by=answer.id,
            attachments=list(files),
        )

    def notice(self, mail: AutomaticMail, case: Case, now: datetime) -> OutgoingMail | None:
        """The mail that is sent when a case enters a stage; None if the process sends no mail, or
        if there is no usable recipient.

        Subject and text are templates of the stage. The sender fills them in.
        """
        process = self._processes.get(case.process)
        if process is None or process.smtp is None:
            return None
        wanted = case.participants if mail.to == "participants" else [mail.to]
        to = self._usable(wanted)[: self._max_recipients]
        if not to:
            return None
        return self._outgoing(
            process,
            case.mailbox,
            case.number,
            now,
            id=f"notice {case.number}.{case.revision}",
            kind="notice",
            to=to,
            stage=mail.stage,
            subject=None,
            text=None,
            in_reply_to=None,
            references=[],
            auto_submitted="auto-generated",
            caused_by=f"{case.number}.{case.revision}",
        )

    def _usable(self, addresses: Iterable[str]) -> list[str]:
        """The addresses to which mail can be sent, without duplicates and our own."""
        found = [mailable(address) for address in addresses]
        return list(
            dict.fromkeys(address for address in found if address and not self._is_own(address))
        )

    def _recipients(self, answer: AnswerCase, case: Answerable) -> tuple[list[str], list[str]]:
        """To and Cc. If addresses are given, each must be usable; otherwise, the usable addresses
        of the participants.
        """
        given = [*answer.to, *answer.cc]
        if len(set(given)) > 2 * self._max_recipients:  # some may be ours, or spelled in two ways
            raise self._too_many(len(set(given)))
        unusable = [address for address in given if mailable(address) is None]
        if unusable:
            raise CommandRefusedError(
                f"unusable-address: {len(unusable)} of the {len(given)} given"
            )
        to = self._usable(answer.to or case.participants)
        if not to:
            raise CommandRefusedError(
                "no-recipient: the case has no participant to whom mail can go; give an address"
            )
        cc = [address for address in self._usable(answer.cc) if address not in to]
        if len(to) + len(cc) > self._max_recipients:
            raise self._too_many(len(to) + len(cc))
        return to, cc

    def _too_many(self, count: int) -> CommandRefusedError:
        return CommandRefusedError(
            f"too-many-recipients: {count}, and sender.max_recipients is {self._max_recipients}"
        )

    def _subject(self, answer: AnswerCase, case: Answerable) -> str:
        """The title with the case's reference before it, so that no other number comes first."""
        if answer.subject is not None:
            line = " ".join(answer.subject.split())[:MAX_SUBJECT_CHARS]
            return (
                line
                if self._reference.find(line) == [case.number]
                else self._referring(case.number, line)
            )
        title = _REPLY_PREFIX.sub("", " ".join(case.title.split()), count=1)[:MAX_SUBJECT_CHARS]
        line = (
            title
            if self._reference.find(title) == [case.number]
            else self._referring(case.number, title)
        )
        return f"RE: {line}" if case.in_reply_to is not None else line

    def _referring(self, number: int, line: str) -> str:
        return f"{self._reference.write(number)} {line}"

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
        cc: Sequence[str] = (),
        quoted: str = "",
        stage: str | None = None,
        hold_s: float = 0.0,
    ) -> OutgoingMail:
        mailbox = self._mailboxes.get(mailbox_name) or next(iter(process.mailboxes), None)
        sender = process.from_address or (mailbox.address if mailbox else None)
        if sender is None:
            raise CommandRefusedError(
                f"no-sender: process {process.name} has neither a mailbox nor a from_address"
            )
        unique = hashlib.sha256(f"{id} {caused_by}".encode()).hexdigest()[:24]
        domain = _ascii_domain(sender.rpartition("@")[2]) or "localhost"
        return OutgoingMail(
            id=id,
            kind=kind,
            case=number,
            process=process.name,
            state="pending",
            message_id=self._signer.make(number, unique, domain),
            author=Person(process.from_name, mailable(sender) or sender),
            reply_to=_reply_to(mailbox, number, sender),
            to=to,
            cc=list(cc),
            remaining=[*to, *cc],
            subject=subject,
            text=text,
            quoted=quoted,
            stage=stage,
            attachments=list(attachments),
            in_reply_to=next(iter(_usable_ids([in_reply_to])), None),
            references=_bounded(_usable_ids(references)),
            auto_submitted=auto_submitted,
            caused_by=caused_by,
            created_at=now,
            due_at=now + timedelta(seconds=hold_s),
        )

    def _is_own(self, address: str) -> bool:
        lower = address.lower()
        return lower in self._own or base_address(lower) in self._own


def mailable(address: str) -> str | None:
    """The address in the form that every SMTP server accepts (RFC 5321 section 4.1.2, without
    quoted forms); None for others.
    """
    local, at, domain = address.strip().rpartition("@")
    ascii_domain = _ascii_domain(domain) if at else None
    whole = f"{local}@{ascii_domain}"
    return whole if ascii_domain and len(whole) <= 254 and _ADDRESS.fullmatch(whole) else None


def answer_document_id(answer: AnswerCase) -> str:
    """The answer's id in the outbox. Raises CommandRefusedError for an invalid id."""
    if not _ANSWER_ID.fullmatch(answer.id):
        raise CommandRefusedError("bad-id: an answer's id has 8 to 64 letters, digits and -")
    return f"answer {answer.id}"


def _ascii_domain(domain: str) -> str | None:
    if any(len(label) > MAX_LABEL_CHARS for label in domain.split(".")):
        return None  # encoding it would take up to seconds
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _reply_to(mailbox: Mailbox | None, number: int, sender: str) -> str | None:
    """The address for answers; None if it is the sender itself."""
    if mailbox is None:
        return None
    local, _, domain = mailbox.address.rpartition("@")
    wanted = f"{local}+{number}@{domain}" if mailbox.plus_addressing else mailbox.address
    return mailable(wanted) if wanted.lower() != sender.lower() else None


def _bounded(references: list[str]) -> list[str]:
    """The first and the last ids: RFC 5322 section 3.6.4 sets no limit, but relays do."""
    if len(references) <= MAX_REFERENCES:
        return references
    return [references[0], *references[1 - MAX_REFERENCES :]]


def _usable_ids(ids: Iterable[str | None]) -> list[str]:
    return list(
        dict.fromkeys(
            message_id for message_id in ids if message_id and _MESSAGE_ID.fullmatch(message_id)
        )
    )
