"""Suggests the recipients of an answer from a case, with a reason for each. Pure.

Headers can be forged, so a header alone does not preselect a stranger: only the author of the mail,
the address to which they want answers, and participants of the case are preselected. Everyone else
in the mail is offered with a reason, for a person to decide. Sources: RFC 5322 section 3.6.3
(Reply-To and replies), RFC 2369 (List-Post), RFC 3834 section 4 (automatic senders).
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.runtime.mail.addresses import Address, base_address

_NO_REPLY = re.compile(
    r"(?:no|do[._-]?not|nie)[._-]?(?:reply|answer|odpowiadaj)|mailer-daemon|postmaster|bounces?\b.*|listserv",
    re.IGNORECASE,
)
# The addresses that can be sent to (`casework.outgoing`): ASCII, because servers without SMTPUTF8
# accept nothing else.
_USABLE = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)


class Reason(StrEnum):
    """Why someone is a recipient, or why they are not preselected."""

    AUTHOR = "author"
    REPLY_TO = "reply-to"
    RECIPIENT = "recipient"
    COPIED = "copied"
    PARTICIPANT = "participant"
    DRAFT = "draft"
    OWN = "own"
    LIST = "list"
    NO_REPLY = "no-reply"
    BOUNCED = "bounced"
    SENDER_NAMED = "sender-named"
    DUPLICATE = "duplicate"
    INVALID = "invalid"


# Recipients with these reasons cannot be chosen at all.
UNUSABLE = frozenset({Reason.OWN, Reason.INVALID})
_REMARKS = frozenset(
    {Reason.OWN, Reason.LIST, Reason.NO_REPLY, Reason.BOUNCED, Reason.SENDER_NAMED, Reason.INVALID}
)


@dataclass(frozen=True)
class AnsweredMail:
    """The mail to answer. `is_verified` is false if its sender is not a participant.

    `list_posts` are the addresses in `List-Post`; `is_list` is true if the mail came through a
    list.
    """

    author: Address | None = None
    reply_to: Sequence[Address] = ()
    to: Sequence[Address] = ()
    cc: Sequence[Address] = ()
    list_posts: Collection[str] = ()
    is_list: bool = False
    is_verified: bool = True


@dataclass(frozen=True)
class CaseContacts:
    """The people of the case. `own` are our addresses, in lower case. `bounced` are addresses that
    did not receive an earlier mail.
    """

    participants: Sequence[str] = ()
    own: Collection[str] = ()
    bounced: Collection[str] = ()


@dataclass(frozen=True)
class Recipient:
    """Someone who could get the answer. `is_outside` is true if they are not a participant of the
    case.
    """

    address: str
    name: str
    reason: Reason
    is_chosen: bool
    is_copy: bool
    is_outside: bool

    @property
    def is_usable(self) -> bool:
        """Whether the recipient may be chosen."""
        return self.reason not in UNUSABLE


def recipients(mail: AnsweredMail | None, contacts: CaseContacts) -> tuple[Recipient, ...]:
    """Every candidate once: first the preselected ones, in the order of the mail.

    `mail` is None if the case has no mail to answer; its participants are then preselected. At
    least one recipient is preselected whenever that is safe.
    """
    selection = _Selection(contacts, mail)
    if mail is None:
        selection.add_all(_plain(contacts.participants), Reason.PARTICIPANT)
        return selection.result()
    answers_go_to_list = selection.all_are_lists(mail.reply_to)
    if mail.reply_to and not answers_go_to_list:
        selection.add_all(mail.reply_to, Reason.REPLY_TO)
        selection.add_all(_some(mail.author), Reason.AUTHOR, chosen=False)
    else:
        selection.add_all(_some(mail.author), Reason.AUTHOR)
        selection.add_all(mail.reply_to, Reason.REPLY_TO, chosen=False)
    own_wrote = mail.author is not None and selection.is_own(mail.author.address)
    selection.add_all(mail.to, Reason.RECIPIENT, is_copy=not own_wrote, only_participants=True)
    selection.add_all(mail.cc, Reason.COPIED, is_copy=True, only_participants=True)
    selection.add_all(_plain(contacts.participants), Reason.PARTICIPANT, chosen=False)
    selection.ensure_one()
    return selection.result()


class _Selection:
    """Collects candidates; the first mention of an address decides."""

    def __init__(self, contacts: CaseContacts, mail: AnsweredMail | None) -> None:
        self._participants = {address.casefold() for address in contacts.participants}
        self._own = {address.casefold() for address in contacts.own}
        self._own_bases = {base_address(address) for address in self._own}
        self._bounced = {address.casefold() for address in contacts.bounced}
        self._mail = mail
        self._lists = {address.casefold() for address in mail.list_posts} if mail else set()
        self._found: dict[str, Recipient] = {}
        self._bases: set[str] = set()

    def is_own(self, address: str) -> bool:
        """Whether mail to the address comes back to us, with or without a `+tag`."""
        folded = address.casefold()
        return folded in self._own or base_address(folded) in self._own_bases

    def all_are_lists(self, addresses: Sequence[Address]) -> bool:
        """Whether answers would go only to a mailing list, as happens with lists that rewrite
        Reply-To.
        """
        return bool(addresses) and all(self._is_list(each.address) for each in addresses)

    def add_all(
        self,
        addresses: Iterable[Address],
        reason: Reason,
        *,
        chosen: bool = True,
        is_copy: bool = False,
        only_participants: bool = False,
    ) -> None:
        for address in addresses:
            self._add(address, reason, chosen, is_copy, only_participants)

    def ensure_one(self) -> None:
        """Make sure that the mail has a recipient: if there are only copies, the first of them; if
        nobody is preselected, the participants to whom mail can be sent.
        """
        picked = [recipient for recipient in self._found.values() if recipient.is_chosen]
        if picked:
            if all(recipient.is_copy for recipient in picked):
                key = picked[0].address.casefold()
                self._found[key] = _changed(picked[0], is_chosen=True, is_copy=False)
            return
        for key, recipient in self._found.items():
            if key in self._participants and recipient.reason not in _REMARKS | {Reason.DUPLICATE}:
                self._found[key] = _changed(recipient, is_chosen=True, is_copy=False)

    def result(self) -> tuple[Recipient, ...]:
        """The candidates: preselected ones first (To before Cc), unusable ones last."""
        return tuple(
            sorted(
                self._found.values(),
                key=lambda each: (not each.is_chosen, not each.is_usable, each.is_copy),
            )
        )

    def _add(
        self, person: Address, reason: Reason, chosen: bool, is_copy: bool, only_participants: bool
    ) -> None:
        key = person.address.casefold()
        if not key or key in self._found:
            return
        is_participant = key in self._participants
        shown = self._remark(person.address, reason) or reason
        base = base_address(key)
        if shown is reason and base in self._bases:
            shown = Reason.DUPLICATE
        is_chosen = (
            chosen
            and shown not in _REMARKS | {Reason.DUPLICATE}
            and (is_participant or not only_participants)
        )
        if is_chosen:
            self._bases.add(base)
        self._found[key] = Recipient(
            address=person.address,
            name=person.name,
            reason=shown,
            is_chosen=is_chosen,
            is_copy=is_copy,
            is_outside=not is_participant,
        )

    def _remark(self, address: str, reason: Reason) -> Reason | None:
        """The reason why an address is not preselected; None if it may be."""
        key = address.casefold()
        if self.is_own(address):
            return Reason.OWN
        if not _USABLE.fullmatch(address):
            return Reason.INVALID
        if key in self._bounced:
            return Reason.BOUNCED
        if self._is_list(address):
            return Reason.LIST
        if _NO_REPLY.fullmatch(key.partition("@")[0].partition("+")[0]):
            return Reason.NO_REPLY
        by_header = reason in {Reason.AUTHOR, Reason.REPLY_TO}
        if (
            by_header
            and self._mail
            and not self._mail.is_verified
            and key not in self._participants
        ):
            return Reason.SENDER_NAMED
        return None

    def _is_list(self, address: str) -> bool:
        key = address.casefold()
        if key in self._lists:
            return True
        if self._mail is None or not self._mail.is_list or self._lists or self.is_own(address):
            return False
        # A list without List-Post is one of the mail's recipients, and not one of our addresses.
        named = {each.address.casefold() for each in self._mail.to}
        author = self._mail.author.address.casefold() if self._mail.author else ""
        return key in named and key != author and key not in self._participants


def _changed(recipient: Recipient, *, is_chosen: bool, is_copy: bool) -> Recipient:
    return Recipient(
        address=recipient.address,
        name=recipient.name,
        reason=recipient.reason,
        is_chosen=is_chosen,
        is_copy=is_copy,
        is_outside=recipient.is_outside,
    )


def _some(person: Address | None) -> tuple[Address, ...]:
    return (person,) if person is not None else ()


def _plain(addresses: Iterable[str]) -> tuple[Address, ...]:
    return tuple(Address("", address) for address in addresses)
