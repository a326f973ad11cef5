"""Suggestions for the next answer from a case: recipients, subject and quote."""

from typing import Any

import msgspec

from schemas.stored import Case, Comment, OutgoingMail
from services.casework.quoting import quote
from services.desk.access import Permission
from services.desk.api.cases.answers import HOLD_S
from services.desk.composing.recipients import AnsweredMail, CaseContacts, Recipient, recipients
from services.desk.composing.snippets import fill_snippets
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import not_found
from services.runtime.mail.addresses import Address
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Process


class SuggestedRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who could get the answer. `reason` is why; `chosen` whether they would get it if
    nobody chooses otherwise. `outside` marks who is not a participant of the case; `usable` is
    false for our own addresses and for what mail cannot be sent to.
    """

    address: str
    name: str
    reason: str
    chosen: bool
    copy: bool
    outside: bool
    usable: bool


class AnswerSuggestion(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the latest mail of a participant; `comment` is that mail, null without one.

    `quoted` is what would be quoted below the text, empty for nothing.
    """

    revision: int
    comment: str | None
    subject: str
    quoted: str
    hold_s: float
    recipients: list[SuggestedRecipient]
    snippets: list["SnippetView"] = []


class SnippetView(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made text of the process, filled in for this case."""

    title: str
    text: str


async def suggest_answer(call: Call[NoQuery, None]) -> Reply:
    """Recipients, subject and quote for an answer to the case."""
    desk = call.desk
    case = await call.visible_case(Permission.ANSWER)
    answerable = await desk.answers.case(case.number)
    if answerable is None:
        raise not_found("case")
    latest = await desk.reader.latest_mail(case.number)
    mail = await _answered(call, latest) if latest is not None else None
    process = desk.settings.processes.get(case.process)
    own = set(desk.settings.own_addresses)
    own |= {
        each.from_address.casefold()
        for each in desk.settings.processes.values()
        if each.from_address
    }
    contacts = CaseContacts(
        participants=answerable.participants,
        own=own,
        bounced=undelivered(await desk.reader.failed_mails(case.number)),
    )
    values = {
        "reference": desk.reference.write(case.number),
        "number": str(case.number),
        "title": case.title,
        "author": (latest.author.name or latest.author.address) if latest is not None else "",
        "me": call.principal.acting.actor.name or call.principal.id,
    }
    language = process.acknowledgement.language if process else "en"
    suggestion = AnswerSuggestion(
        revision=case.revision,
        comment=latest.id if latest is not None else None,
        subject=answerable.title,
        quoted=quote(answerable.quotable, language) if answerable.quotable else "",
        hold_s=HOLD_S,
        recipients=[_view(recipient) for recipient in recipients(mail, contacts)],
        snippets=_snippets(process, case, values) if process else [],
    )
    return Reply(suggestion, revision=case.revision)


def _snippets(process: Process, case: Case, values: dict[str, str]) -> list[SnippetView]:
    stage = process.stage(case.stage)
    titles = {"process": process.title, "stage": stage.title if stage else case.stage}
    filled = fill_snippets(process.snippets, values | titles)
    return [SnippetView(title=each.title, text=each.text) for each in filled]


async def _answered(call: Call[Any, Any], comment: Comment) -> AnsweredMail:
    """The mail to answer: with all its headers if the whole mail is kept, else only with its
    author.
    """
    author = Address(comment.author.name, comment.author.address)
    if comment.original is None:
        return AnsweredMail(author=author if author.address else None)
    head = (await call.desk.blobs.heads([comment.original])).get(comment.original)
    if head is None:
        return AnsweredMail(author=author if author.address else None)
    return answered_mail(MailHeaders.parse(head), author)


def answered_mail(headers: MailHeaders, author: Address) -> AnsweredMail:
    """The recipients of an answer, by the headers of the mail."""
    posts = headers.text("List-Post") or ""
    return AnsweredMail(
        author=author if author.address else None,
        reply_to=headers.addresses("Reply-To"),
        to=headers.addresses("To"),
        cc=headers.addresses("Cc"),
        list_posts=[
            part.strip("<> ").removeprefix("mailto:").partition("?")[0]
            for part in posts.split(",")
            if "mailto:" in part
        ],
        is_list=bool(headers.text("List-Id")),
    )


def undelivered(mails: list[OutgoingMail]) -> frozenset[str]:
    """Addresses that are known not to have received an earlier mail of the case."""
    found: set[str] = set()
    for mail in mails:
        everyone = [*mail.to, *mail.cc]
        if len(everyone) == 1:
            found.add(everyone[0])
        answers = " ".join(mail.refused)
        found |= {address for address in everyone if address in answers}
    return frozenset(found)


def _view(recipient: Recipient) -> SuggestedRecipient:
    return SuggestedRecipient(
        address=recipient.address,
        name=recipient.name,
        reason=recipient.reason.value,
        chosen=recipient.is_chosen,
        copy=recipient.is_copy,
        outside=recipient.is_outside,
        usable=recipient.is_usable,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/cases/{number}/answer-suggestion",
        name="suggest_answer",
        summary="Suggest recipients, subject and quote of an answer",
        handler=suggest_answer,
        permission=Permission.ANSWER,
        response=AnswerSuggestion,
        refusals=(404,),
        tag="answers",
    ),
)
