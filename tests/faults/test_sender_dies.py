"""Senders are killed with SIGKILL while mail goes out: every mail is sent, and only mails that a
killed sender was sending may be sent twice.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from deploy.local.servers.private import PrivateServers
from deploy.local.servers.smtp import SmtpSink, TakenMail
from tests.integration.office import letter
from tests.pipeline import Pipeline

MAILS, KILLS, AT_ONCE = 30, 3, 4

SETTINGS = """
[smtp.relay]
host = "127.0.0.1"
port = {port}
security = "none"
[case_reference]
key_file = "keys"
[sender]
mails_at_once = {at_once}
[process.invoices.acknowledgement]
enabled = true
"""


class SlowSink(SmtpSink):
    """Responds late, so that a killed sender is waiting for a response."""

    async def take(self, server: SMTP, mail: TakenMail) -> str:
        answer = await super().take(server, mail)
        await asyncio.sleep(0.3)
        return answer


@pytest.fixture
def sink() -> Iterator[SlowSink]:
    with SlowSink() as sink:
        yield sink


@pytest.fixture
def pipeline(servers: PrivateServers, tmp_path: Path, sink: SlowSink) -> Iterator[Pipeline]:
    (tmp_path / "keys").write_text("0123456789abcdef0123456789abcdef")
    settings = SETTINGS.format(port=sink.port, at_once=AT_ONCE)
    made = Pipeline(
        servers, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"}, settings
    )
    yield made
    made.close()


@pytest.mark.slow  # the claims of a killed sender expire after a minute
def test_killed_senders_lose_no_mail(pipeline: Pipeline, sink: SlowSink) -> None:
    names = [f"c{number}" for number in range(MAILS)]
    outbox = pipeline.database["outbox"]
    with pipeline.services(fetcher=1, router=1, case_writer=1, sender=2) as services:
        pipeline.append(
            "invoices", [letter(name, sender=f"{name}@customer.example") for name in names]
        )
        for kill in range(KILLS):
            pipeline.until(lambda: len(sink.mails) > 4 * (kill + 1), "some mails are sent")  # noqa: B023 - used at once
            doomed = services.named("sender")[kill % 2]
            doomed.kill()
            doomed.start()
        pipeline.until(
            lambda: outbox.count_documents({"state": "sent"}) == MAILS,
            "all are sent",
            patience_s=180,
        )
    taken = Counter(mail.recipients[0] for mail in sink.mails)
    assert set(taken) == {f"{name}@customer.example" for name in names}
    assert sum(taken.values()) - MAILS <= KILLS * AT_ONCE
    variants = defaultdict(set)
    for mail in sink.mails:
        variants[mail.recipients].add(mail.raw)
    assert all(len(variant) == 1 for variant in variants.values())
    assert pipeline.database["comments"].count_documents({"kind": "sent"}) == MAILS
