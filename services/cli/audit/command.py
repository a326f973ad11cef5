"""`mailcase audit`: checks the consistency of the database, the blobs and the broker's archives."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from services.cli.audit.archive import in_flight, mails_in_other_cases, unrecorded
from services.cli.audit.checks import Auditor
from services.cli.audit.findings import Finding
from services.cli.terminal.lines import print_line
from services.cli.terminal.options import since_moment
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

WRONG = 1
IN_QUEUE = "in "  # how the names of sums about the broker's queues begin

Deep = Annotated[
    bool, Parameter(name="--deep", negative="", help="Read every blob and check its SHA-256.")
]
Since = Annotated[
    str | None,
    Parameter(
        name="--since", help="Check archived mails since: a time (UTC), or an age such as 2h or 7d."
    ),
]
NoArchive = Annotated[
    bool, Parameter(name="--no-archive", negative="", help="Skip the broker's archives and queues.")
]


def audit(
    *,
    deep: Deep = False,
    since: Since = None,
    no_archive: NoArchive = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:
    """Check that every mail has one outcome, every comment its case, every attachment its bytes.

    Exit status 1 if a check fails.
    """
    start = since_moment(since, datetime.now(UTC))
    return asyncio.run(_audit(loaded(config), start, deep=deep, archive=not no_archive, json=json))


async def _audit(
    settings: Settings, since: datetime | None, *, deep: bool, archive: bool, json: bool
) -> int:
    wrong = 0
    async with Store.opened(store_url(settings), settings.store.database) as store:
        auditor = Auditor(store, deep=deep)
        wrong += await _print_findings(auditor.findings(), json=json)
        sums: Counter[str] = auditor.sums
        if archive:
            async with Broker.connected(broker_url(settings), connection_name("audit")) as broker:
                await broker.declare(topology_of(settings))
                wrong += await _print_findings(
                    unrecorded(broker, store, since, datetime.now(UTC)), json=json
                )
                wrong += await _print_findings(
                    mails_in_other_cases(broker, store, since), json=json
                )
                sums.update(await in_flight(broker, settings))
    _print_sums(sums, wrong, json=json)
    return WRONG if wrong else 0


async def _print_findings(findings: AsyncIterator[Finding], *, json: bool) -> int:
    """Print each finding; returns how many are failures."""
    wrong = 0
    async for finding in findings:
        wrong += not finding.harmless
        if json:
            print(msgspec.json.encode(finding).decode(), flush=True)
        else:
            mark = "note" if finding.harmless else "WRONG"
            print_line(f"{mark} {finding.check}: {printable(finding.what)}")
    return wrong


def _print_sums(sums: Mapping[str, int], wrong: int, *, json: bool) -> None:
    if json:
        print(msgspec.json.encode({"sums": dict(sums), "wrong": wrong}).decode())
        return
    outcomes = ("opened", "appended", "ignored", "parked")
    parts = " + ".join(f"{sums.get(outcome, 0)} {outcome}" for outcome in outcomes)
    duplicates = f"{sums.get('duplicates', 0)} duplicate deliveries"
    print_line(f"{sums.get('mails', 0)} mails = {parts}; {duplicates}")
    rest = {
        name: count
        for name, count in sums.items()
        if name not in {*outcomes, "mails", "deliveries", "duplicates"}
        and not (name.startswith(IN_QUEUE) and count == 0)
    }
    print_line(", ".join(f"{count} {name}" for name, count in rest.items()))
    print("nothing is wrong" if not wrong else f"{wrong} findings")
