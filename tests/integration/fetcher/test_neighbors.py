"""Failing mail servers do not affect the mailbox of a healthy one."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from tests.integration.trickle import SilentServer, TrickleServer, refusing_port
from tests.pipeline import Pipeline

WITHIN_S = 5.0
MAILS = 5  # at least
SICK = """
[fetcher]
max_buffered_bytes = 4_194_304
[server.{name}]
protocol = "imap"
host = "127.0.0.1"
port = {port}
security = "none"
timeout_s = 20.0
[process.{name}]
[[process.{name}.stage]]
name = "registration"
initial = true
[[process.{name}.mailbox]]
server = "{name}"
address = "{name}@example.test"
password_file = "password"
"""


@pytest.fixture
def trickle() -> Iterator[TrickleServer]:
    with TrickleServer() as server:
        yield server


@pytest.fixture
def pipeline(servers: PrivateServers, tmp_path: Path, trickle: TrickleServer) -> Iterator[Pipeline]:
    with ExitStack() as stack:
        ports = {
            "slow": trickle.port,
            "refusing": refusing_port(),
            "silent": stack.enter_context(SilentServer()).port,
        }
        sections = [SICK.format(name=name, port=port) for name, port in ports.items()]
        sections[1:] = [section.partition("4_194_304\n")[2] for section in sections[1:]]
        address = f"well.{tmp_path.name}@example.test"
        made = Pipeline(servers, tmp_path, {"well": address}, "\n".join(sections))
        stack.callback(made.close)
        yield made


# The slow server is cut off after 20 s and asked again.
@pytest.mark.parametrize("asked", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_mail_is_a_case_within_seconds_whatever_servers_the_other_mailboxes_have(
    pipeline: Pipeline, trickle: TrickleServer, asked: int
) -> None:
    took_s: list[float] = []
    with pipeline.services(fetcher=1, router=1, case_writer=1) as stages:
        stages.wait_until_ready()
        assert trickle.begun.wait(30)
        [fetcher] = stages.named("fetcher")
        pipeline.servers.mail.deliver(pipeline.mailboxes["well"], b"Subject: first\r\n\r\ntext\r\n")
        # the lease on this mailbox may still be on its way
        pipeline.until_recorded(1, patience_s=30)
        metrics = fetcher.get("/metrics")[1].splitlines()
        # what is in hand is not fetched yet
        assert 'mailcase_mailbox_mails_left{mailbox="slow"} 3.0' in metrics
        while len(took_s) < MAILS or trickle.asked < asked:
            began_s = time.monotonic()
            pipeline.servers.mail.deliver(
                pipeline.mailboxes["well"], b"Subject: %d\r\n\r\ntext\r\n" % len(took_s)
            )
            pipeline.until_recorded(2 + len(took_s), patience_s=30)
            took_s.append(time.monotonic() - began_s)
            pipeline.until_empty("well")
    print(f"{len(took_s)} mails, the slowest took {max(took_s):.1f} s")  # noqa: T201 - a measurement
    assert max(took_s) < WITHIN_S


def test_a_fetcher_stops_soon_while_servers_do_not_answer(
    pipeline: Pipeline, trickle: TrickleServer
) -> None:
    with pipeline.services(fetcher=1) as stages:
        stages.wait_until_ready()
        assert trickle.begun.wait(30)
        [fetcher] = stages.named("fetcher")
        began_s = time.monotonic()
        assert fetcher.stop() == 0
    assert time.monotonic() - began_s < 30
