"""Roundup's mail gateway as a program: empties the mailbox once for each line of standard input.

    python benchmarks/peers/roundup_gateway.py FOLDER IMAP_PORT USER PASSWORD

Prints `ready`, and then, after each run, the seconds that it took and the current number of issues.
The tracker is Roundup's classic template on SQLite, its quick start, in FOLDER. Unknown senders may
write, as the template offers it in a comment. `roundup-mailgw` is called in a process that keeps
running, so that the start of the interpreter does not count.
"""

import imaplib
import subprocess
import sys
import time
from pathlib import Path

import roundup.instance
from roundup.scripts import roundup_mailgw

_OPTIONS = (
    "admin_email=admin@example.test",
    "mail_domain=example.test",
    "mail_host=localhost",
    "mail_debug=/dev/null",
    "tracker_web=http://localhost/",
)
_ANYONE_MAY_WRITE = "\ndb.security.addPermissionToRole('Anonymous', 'Email Access')\n"


def create(home: Path) -> None:
    """A new tracker."""
    admin = [str(Path(sys.executable).with_name("roundup-admin")), "-i", str(home)]
    install = [*admin, "install", "classic", "sqlite", ",".join(_OPTIONS)]
    subprocess.run(install, check=True, stdout=sys.stderr)
    with (home / "schema.py").open("a") as schema:
        schema.write(_ANYONE_MAY_WRITE)
    subprocess.run([*admin, "initialise", "of no worth"], check=True, stdout=sys.stderr)


def main() -> None:
    home, port, user, password = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    create(home)
    # The gateway has no option for the port.
    imaplib.IMAP4.__init__.__defaults__ = ("", port, None)
    gateway = [str(home), "imap", f"{user}:{password}@localhost"]
    tracker = roundup.instance.open(str(home))
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.monotonic()
        roundup_mailgw.main(gateway)
        seconds = time.monotonic() - started
        database = tracker.open("admin")
        print(seconds, len(database.getclass("issue").list()), flush=True)
        database.close()


if __name__ == "__main__":
    main()
