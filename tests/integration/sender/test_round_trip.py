"""From a case to a customer and back: the reply joins the case, whatever the customer's mail
program does to it.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from quopri import encodestring

import pytest

from deploy.local import PrivateServers
from deploy.local.servers.smtp import SmtpSink
from schemas.sending import AnswerCase
from tests.integration.office import ADDRESS, Office, letter, parsed

ANNA = "anna@customer.example"


class Sent:
    """Our mail, as the customer has it."""

    def __init__(self, mail: dict[str, str]) -> None:
        self.subject, self.message_id, self.reply_to = (
            mail["Subject"],
            mail["Message-ID"],
            mail["Reply-To"],
        )
        self.references = " ".join([*mail["References"].split(), self.message_id])


Headers = list[tuple[str, str]]
Client = Callable[[Sent], tuple[Headers, str]]


def outlook(sent: Sent) -> tuple[Headers, str]:
    return (
        [
            ("Subject", f"RE: {sent.subject}"),
            ("In-Reply-To", sent.message_id),
            ("References", sent.references),
            ("Thread-Index", "AdjX0s7x8bq2m3n4Q5S6T7U8V9W0"),
        ],
        f"Thanks.\r\n\r\nFrom: Accounts <{ADDRESS}>\r\nSent: Monday\r\nSubject: {sent.subject}\r\n\r\nText",
    )


def outlook_in_polish(sent: Sent) -> tuple[Headers, str]:
    subject = encoded_q(f"ODP: {sent.subject}", "iso-8859-2")
    return [
        ("Subject", subject),
        ("In-Reply-To", sent.message_id),
    ], "Dziękuję.\r\n\r\n-----Wiadomość oryginalna-----\r\n"


def older_outlook_in_polish(sent: Sent) -> tuple[Headers, str]:
    return [
        ("Subject", f"Odp: {sent.subject}".replace("[", "=?utf-8?q?=5B?= ").replace("ż", "z"))
    ], "Dziękuję."


def gmail(sent: Sent) -> tuple[Headers, str]:
    return (
        [
            ("Subject", encoded_b(f"Re: {sent.subject}")),
            ("In-Reply-To", sent.message_id),
            ("References", sent.references.replace(" ", "\r\n\t")),
        ],
        f"Thanks!\r\n\r\nOn Mon, Nov 23, 2026 at 8:15 AM Accounts <{ADDRESS}> wrote:\r\n\r\n> Text\r\n",
    )


def apple_mail(sent: Sent) -> tuple[Headers, str]:
    folded = sent.subject.replace("] ", "]\r\n ")
    return [
        ("Subject", f"Re: {folded}"),
        ("In-Reply-To", sent.message_id),
    ], "Thanks.\r\n\r\n> On 23 Nov 2026\r\n> Text"


def thunderbird(sent: Sent) -> tuple[Headers, str]:
    return [
        ("Subject", f"Re: {sent.subject}"),
        ("References", sent.references),
        ("In-Reply-To", sent.message_id),
    ], "Am 23.11.26 um 08:15 schrieb Accounts:\r\n> Text\r\n\r\nDanke."


def german_client(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", encoded_q(f"AW: {sent.subject}", "iso-8859-2"))], "Danke."


def phone_that_drops_references(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", f"Re: {sent.subject}")], "Ok\r\n\r\nSent from my phone"


def client_that_drops_the_subject(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", ""), ("In-Reply-To", sent.message_id)], "Ok"


def client_with_base64_in_two_words(sent: Sent) -> tuple[Headers, str]:
    """The second encoded word begins in the middle of the number."""
    text = f"Re: {sent.subject}"
    cut = text.index("#") + 1
    return [("Subject", f"{encoded_b(text[:cut])}\r\n {encoded_b(text[cut:])}")], "Ok"


def client_with_raw_8_bit(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", f"Antwort: {sent.subject} – żółć")], "Ok"


def someone_who_writes_a_new_subject(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", "Jeszcze jedno pytanie"), ("References", sent.references)], "Kiedy?"


def gateway_that_rewrites_domains(sent: Sent) -> tuple[Headers, str]:
    rewritten = sent.message_id.replace("@office.example", "@gateway.customer.example")
    return [("Subject", "[EXTERNAL]"), ("In-Reply-To", rewritten)], "Ok"


def ticket_system_that_keeps_only_the_address(_sent: Sent) -> tuple[Headers, str]:
    return [("Subject", "Your inquiry")], "Ok"


def forwarded_to_us(sent: Sent) -> tuple[Headers, str]:
    return [("Subject", f"Fwd: RE: {sent.subject}")], "See below."


CLIENTS: list[Client] = [
    outlook,
    outlook_in_polish,
    older_outlook_in_polish,
    gmail,
    apple_mail,
    thunderbird,
    german_client,
    phone_that_drops_references,
    client_that_drops_the_subject,
    client_with_base64_in_two_words,
    client_with_raw_8_bit,
    someone_who_writes_a_new_subject,
    gateway_that_rewrites_domains,
    ticket_system_that_keeps_only_the_address,
    forwarded_to_us,
]


def encoded_b(text: str) -> str:
    return f"=?UTF-8?B?{b64encode(text.encode()).decode()}?="


def encoded_q(text: str, charset: str) -> str:
    return f"=?{charset}?Q?{encodestring(text.encode(charset), header=True).decode()}?="


def answer_of(client: Client, sent: Sent, number: int) -> bytes:
    headers, text = client(sent)
    to = sent.reply_to if client is ticket_system_that_keeps_only_the_address else ADDRESS
    message_id = f"<{client.__name__}-{number}@customer.example>"
    common = [("From", f"Anna Nowak <{ANNA}>"), ("To", to), ("Message-ID", message_id)]
    lines = [
        f"{key}: {value}"
        for key, value in [*common, *headers, ("Content-Type", "text/plain; charset=utf-8")]
    ]
    return ("\r\n".join([*lines, "", text])).encode()


@pytest.fixture(scope="module")
async def office(
    servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    with SmtpSink() as sink:
        office = Office(
            servers, tmp_path_factory.mktemp("office"), sink, mailbox="plus_addressing = true"
        )
        async with office.open() as office:
            yield office


@pytest.fixture(scope="module")
async def case(office: Office) -> int:
    """A case of Anna's that was acknowledged and answered."""
    number = await office.case_of(await office.receive(letter("anna")))
    one = AnswerCase(
        id="answer-1",
        case=number,
        text="Przyjęto.",
        at=datetime.now(UTC),
        subject="Sprawa przyjęta",
    )
    await office.answer(one)
    await office.until_ended(2)
    return number


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_answer_of_a_client_joins_its_case(
    office: Office, case: int, client: Client
) -> None:
    for number, mail in enumerate(office.sink.mails):
        # the acknowledgement, and the answer of a person
        key = await office.receive(answer_of(client, Sent(dict(parsed(mail).items())), number))
        assert await office.case_of(key) == case
        comment = (await office.all("comments"))[key]
        assert (comment["kind"], "unverified-sender" in comment["flags"]) == ("mail", False)


async def test_a_forged_message_id_or_number_with_a_wrong_mac_leads_nowhere(
    office: Office, case: int
) -> None:
    genuine = parsed(office.sink.mails[0])["Message-ID"]
    mac, domain = genuine.rpartition(".")[0].rpartition(".")[2], genuine.partition("@")[2]
    head, _, tail = genuine.partition("@")[0].rpartition(".")
    forged = [
        f"{head}.{'0' * 32}@{domain}",
        f"{head}.{tail[:-1]}{'0' if tail[-1] != '0' else '1'}@{domain}",
        genuine.replace(f"mc.{case}.", f"mc.{case + 1}."),
        f"<mc.{case}.aaaaaaaaaaaaaaaaaaaaaaaa.{mac}@{domain}",
    ]
    assert genuine not in forged
    for number, message_id in enumerate(forged):
        mail = letter(
            f"forged-{number}", headers=f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n"
        )
        key = await office.receive(mail)
        assert await office.case_of(key) != case
        assert (await office.all("mails"))[key]["outcome"] == "opened"
