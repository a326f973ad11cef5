"""A backup made under load is restored in another folder under another user: no mail is lost, and
each case keeps its number.

`CASES=1000` makes it shorter. The figures are printed.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from services.cli.backup.manifest import read_manifest
from tests.faults.office.offices import ADDRESS, Office, RunningOffice, interpreter, letter, mbox

CASES = int(os.environ.get("CASES", "10000"))
UNDER_LOAD = max(1500, CASES // 5)
LATER = 20  # mails after the backup, which only the mail server still has

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path(interpreter("daemon")).exists(),
        reason="needs root, to run as two other users, and their Python",
    ),
]


def numbers(running: RunningOffice) -> dict[str, int]:
    """The case of each mail, by its key."""
    return {mail["_id"]: mail["case"] for mail in running.documents("mails")}


def status_of(running: RunningOffice, token: str) -> int:
    """The HTTP status with which the desk answers a program with this token."""
    url = f"{running.note['links']['desk'].rstrip('/')}/api/v1/cases"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def back_up_under_load(office: Office, running: RunningOffice, folder: Path) -> Path:
    """Make a backup while more mails are recorded, some of them too late for the collections in it,
    and perhaps for the archive.
    """
    more = mbox(folder / "more.mbox", [letter(CASES + n) for n in range(1, UNDER_LOAD + 1)])
    load = subprocess.Popen(
        office.command("ingest", more, "--process", "invoices", "--config", office.config),
        stdout=subprocess.DEVNULL,
        **office.options(),
    )
    time.sleep(2.0)  # until the first of them are recorded
    started_s = time.monotonic()
    printed = office.run("backup", "--with-archive", "--to", office.folder / "backups")
    print(f"backup: {time.monotonic() - started_s:.1f} s; {printed.strip()}")
    assert load.wait(600) == 0
    running.until_recorded(CASES + UNDER_LOAD)
    [backup] = (office.folder / "backups").glob("mailcase-backup-*")
    return backup


def archived_mails(backup: Path) -> int:
    [archive] = (each for each in read_manifest(backup).archives if each.name == "mail.archive")
    return archive.messages


def test_a_backup_made_under_load_is_restored_elsewhere_with_nothing_lost(
    servers: PrivateServers, open_folder: Path
) -> None:
    first = Office(open_folder / "first", "daemon", servers.mail)
    first.write_settings()
    letters = mbox(open_folder / "letters.mbox", [letter(n) for n in range(1, CASES + 1)])
    with first.up() as running:
        started_s = time.monotonic()
        first.run("ingest", letters, "--process", "invoices")
        print(f"{CASES} cases: {time.monotonic() - started_s:.1f} s")
        token = first.run("token", "create", "reports", "--scope", "cases:read").strip()
        assert status_of(running, token) == 200
        backup = back_up_under_load(first, running, open_folder)
        [reports] = map(json.loads, first.run("token", "list", "--json").splitlines())
        first.run("token", "revoke", reports["id"])
        for number in range(1, LATER + 1):
            servers.mail.deliver(ADDRESS, letter(CASES + UNDER_LOAD + number))
        running.until_recorded(CASES + UNDER_LOAD + LATER)
        before = numbers(running)
        running.die()
    second = Office(open_folder / "second", "games", servers.mail)
    copy = shutil.copytree(backup, open_folder / backup.name)
    archived = archived_mails(copy)
    assert CASES < archived <= CASES + UNDER_LOAD
    second.own_all(copy)
    started_s = time.monotonic()
    printed = second.run("restore", copy, "--to", second.folder)
    print(f"restore: {time.monotonic() - started_s:.1f} s; {printed.strip()}")
    assert f"revoked: token {reports['id']} (reports)" in printed
    with second.up("--without", "fetcher") as running:
        restored = running.count("mails")
        assert CASES <= restored < archived
        assert status_of(running, token) == 401
        printed = second.run("replay", "--since", "1d")
        print(f"replay after {restored} of {archived} mails: {printed.strip().splitlines()[-1]}")
        assert f"{LATER} mails will be fetched again" in second.run(
            "mail", "refetch", "--since", "1d"
        )
    with second.up() as running:
        running.until_recorded(archived + LATER)
        after = numbers(running)
        replayed = {key for key, case in before.items() if case <= archived}
        later = {key for key, case in before.items() if case > CASES + UNDER_LOAD}
        assert after.keys() == replayed | later
        assert {key: after[key] for key in replayed} == {key: before[key] for key in replayed}
        assert sorted(after.values()) == list(range(1, archived + LATER + 1))
        print(second.run("audit").strip().splitlines()[-1])
        servers.mail.deliver(ADDRESS, letter(999_999))
        running.until_recorded(archived + LATER + 1)
        assert max(numbers(running).values()) == archived + LATER + 1
