"""Mail goes out from cases by SMTP, and comes back to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.smtp import SmtpSink
from tests.integration.office import ADDRESS, Office, letter, parsed


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


async def test_a_mail_that_opens_a_case_is_acknowledged_once_and_the_case_shows_it(
    servers: PrivateServers, tmp_path: Path, sink: SmtpSink
) -> None:
    async with Office(servers, tmp_path, sink).open(senders=2) as office:
        number = await office.case_of(await office.receive(letter()))
        outbox = await office.until_ended(1)
        assert outbox[f"ack {number}"]["state"] == "sent"
        [taken] = sink.mails
        assert (taken.sender, taken.recipients) == (ADDRESS, ("anna@customer.example",))
        mail = parsed(taken)
        assert mail["Subject"] == f"Sprawa [#{number}] została założona"
        assert f"[#{number}]" in mail.get_content()
        assert mail["In-Reply-To"] == "<letter-1@customer.example>"
        assert mail["Auto-Submitted"] == "auto-replied"
        assert mail["X-Mailcase-Case"] == str(number)
        assert office.own_ids.case_of(mail["Message-ID"]) == number
        assert b"Zam" not in taken.raw
        comment = (await office.all("comments"))[f"ack {number}"]
        assert (comment["kind"], comment["message_id"], comment["flags"]) == ("sent", mail["Message-ID"], ["automatic"])
        thread = (await office.all("threads"))[f"invoices {mail['Message-ID']}"]
        assert (thread["case"], thread["claimed_by"]) == (number, f"ack {number}")
        assert (await office.all("cases"))[number]["comment_count"] == 2
