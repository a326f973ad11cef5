"""One eventful minute of Mailcase, in which everything that the metrics report happens once."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from random import Random

from schemas.mails import mail_key
from tests.e2e import fields
from tests.invoices.documents import markup
from tests.invoices.facts import random_facts
from tests.watching.watched import AUTOMATIC_MAILS, PATIENCE_S, WINDOW, Watched, highest

# More than WINDOW, so that some stay in the mailbox during an outage; with two more, at most
# AUTOMATIC_MAILS.
MAILS = 12
IN_FLIGHT = "mailcase_mailbox_mails_in_flight"
BURST = AUTOMATIC_MAILS + 2
TOO_LARGE = (
    b"From: Anna <anna@customer.example>\r\nSubject: large\r\n\r\n" + b"0123456789\r\n" * 20_000
)
LOOP = (
    b"Received: by relay.example; Mon, 2 Mar 2026 10:00:00 +0000\r\n" * 60
    + b"Subject: round and round\r\n\r\nx\r\n"
)


def eventful_minute(everything: Watched) -> list[bytes]:
    """Mails of every kind and invalid messages, a concurrent writer, a database outage, and broker
    alarms.

    Returns the ordinary mails.
    """
    ordinary = [letter(number) for number in range(2 * MAILS)]
    recorded = mail_of_every_kind(everything, ordinary[:MAILS])
    recorded += with_a_concurrent_writer(everything, ordinary[0], recorded)
    make_a_case_overdue(everything)
    everything.open_desk()
    everything.until(highest("mailcase_desk_requests_total"))
    everything.open_desk()  # a rate needs two
    recorded += without_database(everything, ordinary[MAILS:], recorded)
    recorded += with_broker_alarms(everything, recorded)
    recorded += with_invoices(everything, recorded)
    everything.until("sum(mailcase_mails_recorded_total)", lambda count: count >= recorded)
    everything.until(highest("mailcase:parked_mails"))  # updated every 15 s
    everything.until(highest("mailcase_overdue_cases"))
    everything.until(highest("mailcase:mails_late:increase1h"))
    everything.until(highest("mailcase_mailbox_mails_unreadable_total"))
    return ordinary


def mail_of_every_kind(everything: Watched, ordinary: list[bytes]) -> int:
    """Returns the number of outcomes, as do the functions below."""
    # A service that connects later, as the desk may, would declare the deleted queue again.
    connected = 'count(mailcase_dependency_up{dependency="broker"} == 1)'
    everything.until(connected, lambda count: count == len(everything.services.all))
    everything.publish_unreadable()
    everything.until('max(mailcase_batch_failures_total{queue="router.mail"})')
    everything.until('max(rabbitmq_detailed_queue_messages{queue="router.mail.newer"})')
    everything.deliver(
        *ordinary, ordinary[0], bounce(), LOOP, TOO_LARGE, letter(0, "refused.example")
    )
    everything.deliver_late(letter(1, "late.example"))
    recorded = len(ordinary) + 4
    everything.pipeline.until_recorded(recorded, PATIENCE_S)
    for state in ("sent", "refused"):
        everything.until(f'mailcase_sender_mails_total{{state="{state}"}}')
    return recorded


def with_a_concurrent_writer(everything: Watched, opener: bytes, recorded: int) -> int:
    """A reply conflicts with another writer of its case; the batch behind it conflicts on the
    counter of cases.
    """
    mails = everything.pipeline.database["mails"]
    (opened,) = mails.find({"_id": mail_key("invoices", opener)}, ["case"])
    with everything.with_a_concurrent_writer("counters", "case"):
        with everything.with_a_concurrent_writer("cases", opened["case"]):
            everything.deliver(reply(opened["case"]))
            everything.until("mailcase_transaction_conflicts_total")
            everything.deliver(*(letter(number, "burst.example") for number in range(BURST)))
            in_hand = 'mailcase_messages_in_hand{queue="case_writer.commands"}'
            everything.until(in_hand, lambda count: count >= WINDOW)
        everything.until("mailcase_batches_split_total")
    everything.pipeline.until_recorded(recorded + BURST + 1, PATIENCE_S)
    everything.until(highest("mailcase_sender_breaker_open"))
    return BURST + 1


def make_a_case_overdue(everything: Watched) -> None:
    """Move the due date of an open case into the past."""
    due_at = datetime.now(UTC) - timedelta(hours=1)
    changed = everything.pipeline.database["cases"].update_one(
        {"status": "open"}, {"$set": {"due_at": due_at}}
    )
    assert changed.matched_count == 1


def without_database(everything: Watched, ordinary: list[bytes], recorded: int) -> int:
    """Cause an outage of the database, in which the broker also closes all connections."""
    with everything.without_database():
        everything.deliver(*ordinary)
        everything.until("mailcase_messages_in_hand", lambda count: count >= WINDOW)
        everything.until("max(mailcase_mailbox_oldest_unfetched_age_seconds)")
        everything.until(highest('mailcase_retries_total{what="write"}'))
        everything.until("max(mailcase:oldest_mail_age_seconds) > 1")
        everything.until("sum(mailcase_mailbox_mails_in_flight)")
        waiting = [
            f'sum({series}{{mailbox="invoices"}})'
            for series in ("mailcase_mailbox_mails_left", IN_FLIGHT)
        ]
        everything.until(" + ".join(waiting), lambda count: count == len(ordinary))
        everything.until('max(mailcase_queue_oldest_age_seconds{queue="case_writer.commands"}) > 1')
        virtual_host = everything.pipeline.virtual_host
        everything.pipeline.servers.broker.ctl(
            "close_all_connections", "--vhost", virtual_host, "a test asks for it"
        )
    everything.pipeline.until_recorded(recorded + len(ordinary), PATIENCE_S)
    return len(ordinary)


def with_broker_alarms(everything: Watched, recorded: int) -> int:
    """Cause broker alarms, in which a router cannot publish and a fetcher waits."""
    (router,) = everything.services.named("router")
    router.freeze()
    try:
        everything.deliver(*(letter(number, "patient.example") for number in range(3)))
        everything.until("sum(mailcase_mailbox_mails_in_flight)", lambda count: count >= 3)
        with everything.broker_alarms():
            everything.until("max(rabbitmq_alarms_memory_used_watermark)")
            everything.until("max(rabbitmq_alarms_free_disk_space_watermark)")
            router.thaw()
            everything.until('mailcase_queue_oldest_age_seconds{queue="router.mail"}')
            everything.deliver(letter(3, "patient.example"))
            everything.until('mailcase_mailbox_paused{by="broker"}')
    finally:
        router.thaw()
    everything.pipeline.until_recorded(recorded + 4, PATIENCE_S)
    return 4


def with_invoices(everything: Watched, recorded: int) -> int:
    """Deliver an invoice twice, a reply that contradicts it, and a file that exceeds a limit."""
    first, other = (Random(seed) for seed in (1, 2))
    facts, contradicting = random_facts(first, kind="invoice"), random_facts(other, kind="invoice")
    deep = markup(facts, "ksef-fa3").replace("<Fa>", "<Fa>" + "<a>" * 100, 1)
    address = everything.pipeline.mailboxes["invoices"]
    opening = mail_with_invoice(address, "first", markup(facts, "ksef-fa3"))
    answer = mail_with_invoice(address, "reply", markup(contradicting, "ksef-fa3"))
    answer = answer.replace(b"Subject:", b"In-Reply-To: <first@supplier.example>\r\nSubject:", 1)
    everything.deliver(
        opening, mail_with_invoice(address, "again", markup(facts, "ubl-invoice")),
        mail_with_invoice(address, "deep", deep),
    )  # fmt: skip
    everything.pipeline.until_recorded(recorded + 3, PATIENCE_S)
    for series in ('extractions_total{result="extraction-limit"}', "field_duplicates_total"):
        everything.until(highest(f"mailcase_{series}"))
    everything.deliver(answer)
    everything.until(highest("mailcase_field_conflicts_total"))
    return 4


def mail_with_invoice(address: str, name: str, xml: str) -> bytes:
    return fields.mail(
        address,
        f"An invoice: {name}",
        files=[(xml.encode(), "invoice.xml")],
        Message_ID=f"<{name}@supplier.example>",
    )


def letter(number: int, domain: str = "customer.example") -> bytes:
    """A small mail that opens a case."""
    head = b"From: Anna Nowak <anna%d@%s>\r\nTo: invoices@example.test\r\n" % (
        number,
        domain.encode(),
    )
    return (
        head
        + b"Message-ID: <%d@customer.example>\r\nSubject: Invoice %d\r\n\r\nPlease pay.\r\n"
        % (number, number)
    )


def bounce() -> bytes:
    """A delivery report about a mail that is not ours; it is parked."""
    report = EmailMessage()
    report["From"] = "MAILER-DAEMON@relay.example"
    report["To"] = "invoices@example.test"
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Content-Type"] = 'multipart/report; report-type=delivery-status; boundary="b"'
    head = report.as_bytes().replace(b"\n", b"\r\n")
    return (
        head
        + b"--b\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--b--\r\n"
    )


def reply(case: int) -> bytes:
    """A reply with the number of a case in its subject."""
    head = b"From: Anna Nowak <anna0@customer.example>\r\nTo: invoices@example.test\r\n"
    return (
        head
        + b"Message-ID: <reply@customer.example>\r\nSubject: Re: [#%d] Invoice\r\n\r\nPaid?\r\n"
        % case
    )
