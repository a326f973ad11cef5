"""`mailcase erase` and `mailcase retention`: erase personal data, and report what was erased."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from cyclopts import Parameter

from services.casework.erasure.eraser import Eraser
from services.casework.erasure.run import ErasureReport
from services.cli.case.context import acting, opened_repository
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, counted, loaded, printable
from services.runtime.errors import Mistake, SettingsError
from services.runtime.mail.addresses import base_address
from services.runtime.settings import Settings

# A part of an address would be found in the addresses of others.
_ADDRESS = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\".]+(?:\.[^\s@<>(),;:\".]+)*")
Address = Annotated[str, Parameter(help="The person's address.")]
DryRun = Annotated[
    bool,
    Parameter(
        name="--dry-run", negative="", help="Only count what would be erased; change nothing."
    ),
]


def erase(
    address: Address,
    /,
    *,
    dry_run: DryRun = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Erase a person's data from cases: texts, files, names and addresses.

    This cannot be undone.
    """
    if not _ADDRESS.fullmatch(address):
        hint = "give one address, such as jan@example.com"
        raise SettingsError([Mistake("erase", f"{printable(address)!r} is not an address", hint)])
    settings = loaded(config)
    if {address.lower(), base_address(address.lower())} & settings.own_addresses:
        hint = "it is in every mail to the mailbox; give the address of a person"
        raise SettingsError([Mistake("erase", f"{printable(address)} is a mailbox of ours", hint)])
    report = asyncio.run(_erased(settings, address, dry_run=dry_run))
    until = datetime.now(UTC) + timedelta(days=settings.archive.max_age_days)
    if json:
        answer = msgspec.to_builtins(report) | {"dry_run": dry_run, "archives_until": until}
        print(msgspec.json.encode(answer).decode())
        return
    _print(report, until, dry_run=dry_run)


def retention(
    *, dry_run: DryRun = False, config: Config = DEFAULT_CONFIG, json: Json = False
) -> None:
    """Empty cases that were closed more than `retention_days` of their process ago.

    This cannot be undone.
    """
    settings = loaded(config)
    report = asyncio.run(_retired(settings, dry_run=dry_run))
    if json:
        print(msgspec.json.encode(msgspec.to_builtins(report) | {"dry_run": dry_run}).decode())
        return
    _print_counts(report, dry_run=dry_run)


async def _retired(settings: Settings, *, dry_run: bool) -> ErasureReport:
    async with opened_repository(settings) as (store, _):
        eraser = Eraser(store, settings.processes)
        return await eraser.retire(datetime.now(UTC), acting(None).actor, dry_run=dry_run)


async def _erased(settings: Settings, address: str, *, dry_run: bool) -> ErasureReport:
    async with opened_repository(settings) as (store, _):
        eraser = Eraser(store, settings.processes)
        return await eraser.erase(address, acting(None).actor, dry_run=dry_run)


def _print(report: ErasureReport, until: datetime, *, dry_run: bool) -> None:
    _print_counts(report, dry_run=dry_run)
    if report.account is not None:
        print(
            f"{report.account} has an account here, which stays with its sessions and its entries in the "
            f"audit log; `mailcase user disable {report.account}` ends its access"
        )
    print("not searched: compressed files, backups")
    print(
        f"the archives mail.archive and event.archive keep their mails until {until:%Y-%m-%d} at the latest"
    )


def _print_counts(report: ErasureReport, *, dry_run: bool) -> None:
    print("would erase:" if dry_run else "erased:")
    print(
        f"  {counted(report.comments, 'comment', 'comments')} in {counted(len(report.cases), 'case', 'cases')}"
    )
    print(f"  {counted(report.outgoing, 'outgoing mail', 'outgoing mails')}")
    print(f"  {counted(report.mails, 'parked or ignored mail', 'parked or ignored mails')}")
    print(f"  {counted(report.desk_records, 'record of the desk', 'records of the desk')}")
    print(f"  {counted(report.blobs, 'stored content', 'stored contents')}")
    if report.blobs_later:
        later = counted(report.blobs_later, "recent content", "recent contents")
        print(f"  {later}: removed by a case writer within nine hours")
    if report.cases:
        print(f"  cases: {', '.join(str(number) for number in report.cases)}")
