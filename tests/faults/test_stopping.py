"""Every service stops within one deadline, whatever it is waiting for."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.services import ServiceProcess, Services
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

SERVICES = dict.fromkeys(("fetcher", "router", "case-writer", "sender", "extractor", "desk"), 1)
DESK = {"desk": ("--listen", "127.0.0.1:0")}
# A supervisor kills after 30 s. A stop does not wait for a broker that does not respond; a write to
# the database is awaited for ten seconds, and may be in a transaction that is aborted then.
PROMISED_S = {"database": 30.0, "broker": 15.0}


def stop(process: ServiceProcess) -> tuple[str, int | None, float]:
    """Stop one service; returns its name, its exit status, and how many seconds it took."""
    started_s = time.monotonic()
    status = process.stop()
    return process.name, status, time.monotonic() - started_s


@pytest.mark.slow
@pytest.mark.parametrize("frozen", ["database", "broker"])
def test_every_service_stops_in_time_while_a_server_is_frozen(
    pipeline: Pipeline, ledger: Ledger, frozen: str
) -> None:
    servers = pipeline.servers
    server = servers.store.members[0] if frozen == "database" else servers.broker
    ledger.send(new_mails(200))
    with Services(
        pipeline.config, pipeline.folder, SERVICES, env=pipeline.env, arguments=DESK
    ) as services:
        services.wait_until_ready()
        pipeline.until_recorded(20)
        server.freeze()
        try:
            time.sleep(2.0)  # until each service is waiting for the server
            with ThreadPoolExecutor(len(services.all)) as pool:
                stops = list(pool.map(stop, services.all))
        finally:
            server.thaw()
    print(", ".join(f"{name} {seconds:.1f} s: {status}" for name, status, seconds in stops))
    assert {name: status for name, status, _ in stops} == dict.fromkeys(
        (process.name for process in services.all), 0
    )
    assert max(seconds for _, _, seconds in stops) < PROMISED_S[frozen]
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        ledger.settle(patience_s=180)
    ledger.assert_no_faults()
