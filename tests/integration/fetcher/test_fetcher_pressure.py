"""The database is down: mail waits in its mailbox, metrics report it, and reading resumes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from tests.pipeline import Pipeline

MAILS, WINDOW = 120, 50
# over the inline limit: it goes by the database
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 100_000


@pytest.fixture
def pipeline(servers: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    mailboxes = {name: f"{name}.{tmp_path.name}@example.test" for name in ("small", "large")}
    made = Pipeline(servers, tmp_path, mailboxes, f"max_in_flight_mails = {WINDOW}")
    yield made
    made.close()


def test_while_the_database_is_down_mail_waits_in_its_mailbox_and_is_recorded_afterwards(
    pipeline: Pipeline,
) -> None:
    database, mail = pipeline.servers.store.members[0], pipeline.servers.mail
    with pipeline.services(fetcher=1, router=1, case_writer=1) as stages:
        stages.wait_until_ready()
        [fetcher] = stages.named("fetcher")

        def paused(mailbox: str, by: str) -> bool:
            line = f'mailcase_mailbox_paused{{by="{by}",mailbox="{mailbox}"}} 1.0'
            return line in fetcher.get("/metrics")[1].splitlines()

        database.freeze()
        try:
            for number in range(MAILS):
                mail.deliver(pipeline.mailboxes["small"], b"Subject: %d\r\n\r\ntext\r\n" % number)
            mail.deliver(pipeline.mailboxes["large"], LARGE)
            pipeline.until(lambda: paused("small", "receipts"), "a full window is reported", 120)
            pipeline.until(
                lambda: paused("large", "store"),
                "a large mail that cannot be stored is reported",
                120,
            )
            in_flight = f'mailcase_mailbox_mails_in_flight{{mailbox="small"}} {WINDOW}.0'
            assert in_flight in fetcher.get("/metrics")[1].splitlines()
            assert (pipeline.left("small"), pipeline.left("large")) == (MAILS, 1)
        finally:
            database.thaw()
        pipeline.until_recorded(MAILS + 1, patience_s=120)
        pipeline.until_empty("small", patience_s=90)
        pipeline.until_empty("large", patience_s=90)
    assert pipeline.database["mails"].count_documents({}) == MAILS + 1


def test_mails_behind_a_full_window_are_counted_apart_from_mails_in_flight(
    pipeline: Pipeline,
) -> None:
    for number in range(MAILS):
        pipeline.servers.mail.deliver(
            pipeline.mailboxes["small"], b"Subject: %d\r\n\r\ntext\r\n" % number
        )
    with pipeline.services(fetcher=1, router=0, case_writer=0) as stages:
        stages.wait_until_ready()
        [fetcher] = stages.named("fetcher")

        def sample(metric: str) -> float:
            lines = fetcher.get("/metrics")[1].splitlines()
            (line,) = [line for line in lines if line.startswith(f'{metric}{{mailbox="small"}} ')]
            return float(line.split()[1])

        pipeline.until(
            lambda: sample("mailcase_mailbox_mails_in_flight") == WINDOW, "a full window", 60
        )
        pipeline.until(
            lambda: sample("mailcase_mailbox_mails_left") == MAILS - WINDOW, "the rest is left", 10
        )
        for number in range(5):
            pipeline.servers.mail.deliver(
                pipeline.mailboxes["small"], b"Subject: late %d\r\n\r\ntext\r\n" % number
            )
        pipeline.until(
            lambda: sample("mailcase_mailbox_mails_left") == MAILS - WINDOW + 5,
            "late mails are seen",
            30,
        )
        assert sample("mailcase_mailbox_mails_fetched_total") == WINDOW
