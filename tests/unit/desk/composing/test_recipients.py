"""Forty threads that are easy to answer to the wrong people, and who is preselected for each."""

from dataclasses import dataclass, field

import pytest

from services.desk.composing.recipients import (
    AnsweredMail,
    CaseContacts,
    Reason,
    Recipient,
    recipients,
)
from services.runtime.mail.addresses import Address

OWN = ("invoices@firm.example", "office@firm.example")


@dataclass(frozen=True)
class Thread:
    """`expected` are the preselected addresses, copies with a `+` before them; `reasons` of
    others.
    """

    about: str
    expected: str
    author: str = "jan@buyer.example"
    reply_to: str = ""
    to: str = "invoices@firm.example"
    cc: str = ""
    participants: str = "jan@buyer.example"
    bounced: str = ""
    list_posts: str = ""
    is_list: bool = False
    is_verified: bool = True
    reasons: dict[str, str] = field(default_factory=dict)


J, E, B, S, L = (
    "jan@buyer.example",
    "ewa@buyer.example",
    "biuro@acc.example",
    "x@stranger.example",
    "team@lists.example",
)
THREADS = [
    Thread("a plain question", J),
    Thread("a copy to a participant", f"{J} +{E}", cc=E, participants=f"{J} {E}"),
    Thread("a copy to a stranger is offered only", J, cc=S, reasons={S: "copied"}),
    Thread(
        "a second recipient who takes part",
        f"{J} +{E}",
        to=f"{OWN[0]} {E}",
        participants=f"{J} {E}",
    ),
    Thread("a second recipient who does not", J, to=f"{OWN[0]} {S}", reasons={S: "recipient"}),
    Thread("Reply-To of the same firm", E, reply_to=E, reasons={J: "author", E: "reply-to"}),
    Thread("Reply-To equals From", J, reply_to=J, reasons={J: "reply-to"}),
    Thread(
        "Reply-To differs from From by case only", "Jan@Buyer.example", reply_to="Jan@Buyer.example"
    ),
    Thread(
        "a web form that sends for its visitor",
        S,
        author="noreply@form.example",
        reply_to=S,
        participants="noreply@form.example",
    ),
    Thread(
        "a web form without Reply-To",
        "",
        author="noreply@form.example",
        participants="noreply@form.example",
        reasons={"noreply@form.example": "no-reply"},
    ),
    Thread("two addresses in Reply-To", f"{J} {E}", reply_to=f"{J} {E}"),
    Thread("Reply-To leads back to us", J, reply_to=OWN[0], reasons={OWN[0]: "own"}),
    Thread("ourselves in Cc", J, cc=OWN[1], reasons={OWN[1]: "own"}),
    Thread(
        "ourselves in Cc in capitals",
        J,
        cc="Office@Firm.Example",
        reasons={"Office@Firm.Example": "own"},
    ),
    Thread(
        "our plus address in To",
        J,
        to="invoices+235@firm.example",
        reasons={"invoices+235@firm.example": "own"},
    ),
    Thread(
        "our plus address in Cc",
        J,
        cc="office+vat@firm.example",
        reasons={"office+vat@firm.example": "own"},
    ),
    Thread("two mailboxes of ours in To", J, to=f"{OWN[0]} {OWN[1]}", reasons={OWN[1]: "own"}),
    Thread(
        "the author's plus address",
        "jan+shop@buyer.example",
        author="jan+shop@buyer.example",
        participants="jan+shop@buyer.example",
    ),
    Thread(
        "author in Cc by a plus address",
        J,
        cc="jan+copy@buyer.example",
        participants=f"{J} jan+copy@buyer.example",
        reasons={"jan+copy@buyer.example": "duplicate"},
    ),
    Thread("author in Cc too", J, cc=J),
    Thread("the same copy twice", f"{J} +{E}", cc=f"{E} {E}", participants=f"{J} {E}"),
    Thread(
        "a copy twice by case", f"{J} +{E}", cc=f"{E} EWA@buyer.example", participants=f"{J} {E}"
    ),
    Thread("a list with List-Post", J, to=L, list_posts=L, is_list=True, reasons={L: "list"}),
    Thread(
        "a list that rewrites Reply-To",
        J,
        to=L,
        reply_to=L,
        list_posts=L,
        is_list=True,
        reasons={L: "list"},
    ),
    Thread(
        "a list and the author in Reply-To",
        f"{J}",
        reply_to=f"{L} {J}",
        to=L,
        list_posts=L,
        is_list=True,
        reasons={L: "list"},
    ),
    Thread("a list without List-Post", J, to=L, is_list=True, reasons={L: "list"}),
    Thread(
        "a list with us in Cc",
        J,
        to=L,
        cc=OWN[0],
        list_posts=L,
        is_list=True,
        reasons={OWN[0]: "own"},
    ),
    Thread(
        "a participant who is not on this mail",
        J,
        participants=f"{J} {E}",
        reasons={E: "participant"},
    ),
    Thread(
        "another participant answers",
        E,
        author=E,
        participants=f"{J} {E}",
        reasons={J: "participant"},
    ),
    Thread(
        "a participant's forward to us",
        E,
        author=E,
        participants=f"{J} {E}",
        to=OWN[0],
        reasons={J: "participant"},
    ),
    Thread(
        "a stranger writes with our number",
        "",
        author=S,
        is_verified=False,
        participants="",
        reasons={S: "sender-named"},
    ),
    Thread(
        "a stranger writes into a case with participants",
        J,
        author=S,
        is_verified=False,
        reasons={S: "sender-named"},
    ),
    Thread(
        "a stranger's Reply-To",
        J,
        author=S,
        reply_to="y@stranger.example",
        is_verified=False,
        reasons={"y@stranger.example": "sender-named"},
    ),
    Thread("an unverified mail of a participant", J, is_verified=False),
    Thread(
        "a copy bounced before", J, cc=E, participants=f"{J} {E}", bounced=E, reasons={E: "bounced"}
    ),
    Thread(
        "the author bounced before",
        E,
        cc=E,
        participants=f"{J} {E}",
        bounced=J,
        reasons={J: "bounced"},
    ),
    Thread(
        "a delivery report",
        J,
        author="MAILER-DAEMON@mx.example",
        reasons={"MAILER-DAEMON@mx.example": "no-reply"},
    ),
    Thread(
        "a colleague sends from our own address",
        J,
        author=OWN[1],
        to=f"{OWN[0]} {J}",
        reasons={OWN[1]: "own"},
    ),
    Thread("our own mail, the customer in Cc", J, author=OWN[1], to=OWN[0], cc=J),
    Thread(
        "an address that cannot be mailed",
        J,
        cc="żółw@buyer.example",
        participants=f"{J} żółw@buyer.example",
        reasons={"żółw@buyer.example": "invalid"},
    ),
    Thread(
        "do-not-reply in Polish",
        "",
        author="nie-odpowiadaj@bank.example",
        participants="nie-odpowiadaj@bank.example",
        reasons={"nie-odpowiadaj@bank.example": "no-reply"},
    ),
    Thread("no author at all", J, author="", reasons={J: "participant"}),
    Thread(
        "everyone of an accounting office",
        f"{J} +{E} +{B}",
        to=f"{OWN[0]} {E}",
        cc=B,
        participants=f"{J} {E} {B}",
    ),
    Thread("blind copies of undisclosed recipients", J, to=""),
]


def addresses(text: str) -> tuple[Address, ...]:
    return tuple(Address("", address) for address in text.split())


def chosen(found: tuple[Recipient, ...]) -> str:
    marks = ("+" * each.is_copy + each.address for each in found if each.is_chosen)
    return " ".join(marks)


def run(thread: Thread) -> tuple[Recipient, ...]:
    mail = AnsweredMail(
        author=next(iter(addresses(thread.author)), None),
        reply_to=addresses(thread.reply_to),
        to=addresses(thread.to),
        cc=addresses(thread.cc),
        list_posts=thread.list_posts.split(),
        is_list=thread.is_list,
        is_verified=thread.is_verified,
    )
    contacts = CaseContacts(
        participants=thread.participants.split(), own=OWN, bounced=thread.bounced.split()
    )
    return recipients(mail, contacts)


@pytest.mark.parametrize("thread", THREADS, ids=lambda thread: thread.about)
def test_the_preselected_recipients_of_tricky_threads(thread: Thread) -> None:
    found = run(thread)
    assert chosen(found) == thread.expected
    reasons = {each.address: each.reason.value for each in found}
    assert thread.reasons.items() <= reasons.items()


def test_there_are_forty_threads_at_least() -> None:
    assert len(THREADS) >= 40
    assert len({thread.about for thread in THREADS}) == len(THREADS)


@pytest.mark.parametrize("thread", THREADS, ids=lambda thread: thread.about)
def test_no_thread_preselects_ourselves_a_list_or_an_address_twice(thread: Thread) -> None:
    found = run(thread)
    keys = [each.address.casefold() for each in found]
    assert len(set(keys)) == len(keys)
    picked = {each.address.casefold() for each in found if each.is_chosen}
    assert not picked & {*OWN, L}
    assert not [each for each in found if each.is_chosen and not each.is_usable]


def test_outsiders_are_marked() -> None:
    marked = {each.address for each in run(THREADS[2]) if each.is_outside}
    assert marked == {S, OWN[0]}


def test_a_case_without_mail_goes_to_its_participants() -> None:
    found = recipients(None, CaseContacts(participants=[J, OWN[0]], own=OWN))
    assert chosen(found) == J
    assert [each.reason for each in found] == [Reason.PARTICIPANT, Reason.OWN]
