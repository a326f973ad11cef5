"""Request Tracker 5 as a program: empties the mailbox once for each line of standard input.

    python benchmarks/peers/request_tracker.py ROOT FOLDER IMAP_PORT USER PASSWORD

Prints `ready`, and then, after each run, the seconds that it took and the current number of
tickets. Request Tracker has no reader of mailboxes of its own: its documentation leaves that to
fetchmail, which gives each mail to `rt-mailgate`, which posts it to the web server of Request
Tracker. Web server (Starlet) and database (SQLite in FOLDER) are those of Debian's package. ROOT is
the root directory that `request_tracker_root.py` unpacks.
"""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.peers.request_tracker_root import inside

_PATIENCE_S = 60.0
_NO_MAIL = 1  # fetchmail(1), exit codes
_LIBRARY = "/usr/share/request-tracker5"
_SETTINGS = """
Set($rtname, 'example.test');
Set($Organization, 'example.test');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '/srv/rt.sqlite');
Set($WebDomain, 'localhost');
Set($WebPort, {port});
Set($WebBaseURL, 'http://localhost:{port}');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '/srv/sendmail');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'error');
Set($Timezone, 'UTC');
1;
"""
_SENDMAIL = "#!/bin/sh\nexec cat > /dev/null\n"
# Anyone may open a ticket and reply, as in a queue that serves customers.
_RIGHTS = """
use lib '{library}/lib';
use RT;
RT->LoadConfig;
RT->Init;
my $queue = RT::Queue->new(RT->SystemUser);
$queue->Load('General');
my $everyone = RT::Group->new(RT->SystemUser);
$everyone->LoadSystemInternalGroup('Everyone');
for my $right (qw(CreateTicket ReplyToTicket)) {{
    my ($ok, $why) = $everyone->PrincipalObj->GrantRight(Right => $right, Object => $queue);
    die $why unless $ok;
}}
"""
_FETCHMAIL = """
set no bouncemail
poll localhost protocol IMAP service {imap_port}
  user "{user}" password "{password}" sslproto ""
  mda "/usr/bin/rt-mailgate-5 --queue General --action correspond --url http://localhost:{port}"
"""


class Tracker:
    """A tracker with an empty database in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def create(self, imap_port: str, user: str, password: str) -> None:
        """Write the settings, and fill the database."""
        values = {"port": self.port, "imap_port": imap_port, "user": user, "password": password}
        for name, content in {
            "settings.pm": _SETTINGS.format_map(values),
            "rights.pl": _RIGHTS.format(library=_LIBRARY),
            "fetchmailrc": _FETCHMAIL.format_map(values),
            "sendmail": _SENDMAIL,
        }.items():
            file = self._folder / name
            file.write_text(content)
            file.chmod(0o700)  # fetchmail refuses others
        for name in ("mason_data", "session_data", "more"):
            (self._folder / name).mkdir()
        self._run("/usr/sbin/rt-setup-database-5", "--action", "init", "--skip-create")
        self._run("perl", "/srv/rights.pl")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The web server during the block."""
        # Fetchmail sends one mail after the other. Each of more workers would load the code again.
        server = ["perl", f"{_LIBRARY}/libexec/rt-server", "--port", str(self.port)]
        command = self._inside(*server, "--max-workers", "2")
        with subprocess.Popen(command, stdout=sys.stderr) as process:
            try:
                self._wait_for(process)
                yield
            finally:
                process.terminate()

    def fetch(self) -> None:
        """Read the mailbox until it is empty."""
        options = ("--nodetach", "--nosyslog", "--pidfile", "/srv/fetchmail.pid")
        self._run("fetchmail", "-f", "/srv/fetchmailrc", *options, none=_NO_MAIL)

    def tickets(self) -> int:
        with closing(sqlite3.connect(self._folder / "rt.sqlite")) as database:
            return int(database.execute("SELECT count(*) FROM Tickets").fetchone()[0])

    def _run(self, *command: str, none: int = 0) -> None:
        done = subprocess.run(self._inside(*command), stdout=sys.stderr, check=False)
        if done.returncode not in (0, none):
            raise SystemExit(f"{command[0]} failed with status {done.returncode}")

    def _inside(self, *command: str) -> list[str]:
        settings = ["RT_SITE_CONFIG=/srv/settings.pm", "RT_SITE_CONFIG_DIR=/srv/more"]
        env = ["env", "-i", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin", "HOME=/srv", *settings]
        return [*inside(self._root, self._folder, *env, *command)]

    def _wait_for(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the web server did not start")
            time.sleep(0.1)  # nothing notifies us


def main() -> None:
    tracker = Tracker(Path(sys.argv[1]), Path(sys.argv[2]))
    tracker.create(*sys.argv[3:])
    with tracker.serving():
        print("ready", flush=True)
        for _ in sys.stdin:
            started = time.monotonic()
            tracker.fetch()
            print(time.monotonic() - started, tracker.tickets(), flush=True)


if __name__ == "__main__":
    main()
