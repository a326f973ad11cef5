"""The runbooks for one machine, followed command by command on a running `mailcase up`."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from tests.faults.office.offices import ADDRESS, PASSWORD, Office, interpreter, letter, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path(interpreter("daemon")).exists(),
        reason="needs root, to run as another user, and their Python",
    ),
]


@pytest.fixture
def office(servers: PrivateServers, open_folder: Path) -> Office:
    made = Office(open_folder / "office", "daemon", servers.mail)
    made.write_settings()
    return made


@pytest.fixture
def other_provider(tmp_path: Path) -> Iterator[PrivateServers]:
    """Another mail server, with a certificate of another authority."""
    folder = tmp_path / "provider"
    with PrivateServers(folder, broker=False, store=False, mail=True) as servers:
        servers.mail.add_user(ADDRESS, PASSWORD)
        yield servers


def is_anything_lost(office: Office) -> None:
    """Follow "Is anything lost?" in docs/howto-recover.md."""
    assert "nothing is wrong" in office.run("audit")
    until(
        lambda: office.attempt("status").returncode == 0,
        lambda: office.attempt("status").stdout,
    )
    assert "no parked mails" in office.run("parked", "list")


def test_upgrade_move_and_restore_of_the_database_alone(office: Office) -> None:
    """docs/howto-maintain.md, "Upgrade"; docs/operating.md, "Move"; docs/howto-backup.md."""
    backups = office.folder / "backups"
    with office.up() as running:
        for number in (1, 2):
            office.mail.deliver(ADDRESS, letter(number))
        running.until_recorded(2)
        is_anything_lost(office)
        office.run("backup", "--to", backups, "--keep", "14")
        office.mail.deliver(ADDRESS, letter(3))
        running.until_recorded(3)
        office.run("down")
    [backup] = backups.iterdir()
    assert "ok    settings" in office.run("check")

    moved = office.folder.with_name("moved")
    office.folder.rename(moved)
    office.folder, office.config = moved, moved / office.config.name
    [backup] = (moved / "backups").iterdir()
    with office.up() as running:
        assert running.count("cases") == 3
        office.run("down")

    (moved / "mailcase-data" / "store-0").rename(moved / "lost")
    restored = office.run("restore", backup, "--to", moved, "--database-only")
    assert "restored and verified" in restored
    with office.up("--without", "fetcher") as running:
        assert running.count("cases") == 2
        office.run("replay", "--since", "1d", "--dry-run")
        assert "1 opened" in office.run("replay", "--since", "1d")
        office.run("down")
    with office.up() as running:
        office.mail.deliver(ADDRESS, letter(4))
        running.until_recorded(4)
        is_anything_lost(office)
        assert {case["_id"] for case in running.documents("cases")} == {1, 2, 3, 4}


def test_the_mail_server_changes_and_so_does_its_certificate(
    office: Office, other_provider: PrivateServers
) -> None:
    """docs/howto-recover.md, "The mail server moves, or its certificate changes"."""
    new = other_provider.mail
    with office.up() as running:
        office.mail.deliver(ADDRESS, letter(1))
        running.until_recorded(1)
        text = office.config.read_text()
        office.config.write_text(
            text.replace(f"port = {office.mail.imaps_port}", f"port = {new.imaps_port}")
        )
        failed = office.attempt("check")
        assert failed.returncode == 1
        [line] = [line for line in failed.stdout.splitlines() if line.startswith("FAIL")]
        assert "certificate" in line
        assert "ca_file" in line
        shutil.copyfile(new.ca_file, office.folder / "ca.pem")
        assert f"localhost:{new.imaps_port}" in office.run("check")
        office.run("down")
    with office.up() as running:
        new.deliver(ADDRESS, letter(1))  # the provider copied it: byte for byte the same mail
        new.deliver(ADDRESS, letter(2))
        running.until_recorded(2)
        time.sleep(2)  # a third mail would be recorded by now
        assert running.count("cases") == 2
        is_anything_lost(office)


def test_a_password_and_a_token_are_replaced_while_everything_runs(office: Office) -> None:
    """docs/howto-maintain.md, "Rotate a secret"; docs/operating.md, "New passwords"."""
    with office.up() as running:
        office.mail.add_user(ADDRESS, "another secret")
        (office.folder / "password").write_text("another secret")
        assert "ok    mailbox invoices" in office.run("check")
        office.run("down")
        old = running
    data = office.folder / "mailcase-data"
    before = {name: (data / "secrets" / name).read_text() for name in ("broker", "store")}
    for name in before:
        (data / "secrets" / name).unlink()
    with office.up() as running:
        assert running is not old
        office.mail.deliver(ADDRESS, letter(1))
        running.until_recorded(1)
        for name, secret in before.items():
            assert (data / "secrets" / name).read_text() != secret
        is_anything_lost(office)
