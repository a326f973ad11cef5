"""A private Dovecot (2.3 or 2.4): IMAP and POP3, each with STARTTLS and with implicit TLS, on
loopback.

It accepts passwords, and the tokens of a `tokens.TokenEndpoint` on its `token_port`.

It always runs without root, as doc.dovecot.org/2.3 describes under "Rootless installation": as the
current user, or as `nobody` if that is root, since Dovecot refuses to open mail as root.
"""

import base64
import itertools
import os
import pwd
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.errors import LocalServerError
from deploy.local.processes import GuardedProcess, run_guarded
from deploy.local.programs import find_programs, search_path
from deploy.local.servers.dovecot import Settings
from deploy.local.servers.server import Server, pause, wait_for_port

ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]*@[A-Za-z0-9.-]+")
# The path of a Unix socket has at most 107 bytes (unix(7)), so Dovecot's sockets cannot be in a
# deep data folder.
SCRATCH_PARENT = "/tmp"  # noqa: S108 - mkdtemp below it; the user's TMPDIR may be deep
SETTINGS = "private.conf"  # Dovecot creates a link named dovecot.conf next to its sockets
SCRATCH_PREFIX = "mailcase-"
LASTING_PARENT = "/var/tmp"  # noqa: S108 - as above; see `MailServer._choose_folder`


class MailServer(Server):
    """The ports are 0 until the first start."""

    name = "mail"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.imap_port = self.imaps_port = self.pop3_port = self.pop3s_port = self.token_port = 0
        self._owner = _unprivileged() if os.geteuid() == 0 else None
        self._scratch = Path()
        self._version = ""
        log, pid = self._guarded("mail")
        self._process = GuardedProcess(
            "mail",
            self._command,
            log,
            pid,
            env=_env,
            owner=self._owner,
            grace_s=5,
            scratch=self._scratch_folders,
        )
        self._serial = itertools.count()

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [self._process]

    @property
    def ca_file(self) -> Path:
        """The CA certificate (PEM) with which a client verifies this server as `localhost` or
        `127.0.0.1`.
        """
        return self.folder.resolve() / "ca.pem"

    def required_programs(self) -> Sequence[str]:
        return ["dovecot"]

    def add_user(self, address: str, password: str) -> None:
        """Add an account, or change its password; takes effect at the next login, even if the
        server runs.

        Raises ValueError if the address has characters other than letters, digits and `_.+=-`.
        """
        if not ADDRESS.fullmatch(address):
            raise ValueError(f"invalid address for a test account: {address!r}")
        self._prepare_folder()
        # One file for each account: Dovecot checks a file that it has read only once a second, by
        # its size and mtime in seconds. With a file for each account, only a changed password has
        # to wait.
        file = self.folder / "users" / address
        line = f"{address}:{{PLAIN.b64}}{base64.b64encode(password.encode()).decode()}\n".encode()
        before = file.stat().st_mtime if file.exists() and file.read_bytes() != line else None
        self._write_owned(file, line)
        if before is not None:
            changed = max(time.time(), before + 1)
            os.utime(file, (changed, changed))
            if self.running:
                time.sleep(1.0 - time.time() % 1 + 0.01)  # until Dovecot checks the file again

    def deliver(self, address: str, mail: bytes) -> None:
        """Deliver a mail to an account's inbox as a local delivery agent does; IMAP IDLE reports it
        at once.

        Much faster than IMAP APPEND. The bytes are stored unchanged, but read with CRLF line ends
        (RFC 3501, 2.2).
        """
        inbox = self.folder / "maildirs" / address / "Maildir"
        for folder in (inbox.parent, inbox, inbox / "tmp", inbox / "new", inbox / "cur"):
            self._make_owned_folder(folder)
        unique = f"{time.time_ns()}.{os.getpid()}_{next(self._serial)}.localhost"
        self._write_owned(inbox / "tmp" / unique, mail)
        (inbox / "tmp" / unique).rename(inbox / "new" / unique)

    def wipe(self) -> None:
        target = self.folder.resolve()
        if not self.running:
            self._remove_old_scratch()
        super().wipe()
        if self.folder.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
            self.folder.unlink()

    def _start(self) -> None:
        self._version = _version(find_programs(self.required_programs())["dovecot"])
        deadline = time.monotonic() + self.start_patience_s
        self.imap_port = self.ports.get("imap")
        self.imaps_port = self.ports.get("imaps")
        self.pop3_port = self.ports.get("pop3")
        self.pop3s_port = self.ports.get("pop3s")
        self.token_port = self.ports.get("oauth2")
        self._prepare_folder()
        self._make_certificate()
        self._make_scratch()
        self._process.start()
        for port, greeting in ((self.imap_port, b"* OK"), (self.pop3_port, b"+OK")):
            wait_for_port(self._process, port, deadline)
            while not _greets(port, greeting):
                pause(self._process, deadline)
        for port in (self.imaps_port, self.pop3s_port):
            wait_for_port(self._process, port, deadline)

    def _command(self) -> list[str]:
        return [find_programs(["dovecot"])["dovecot"], "-F", "-c", str(self._scratch / SETTINGS)]

    def _scratch_folders(self) -> list[str]:
        return [str(self._scratch)]

    def _make_scratch(self) -> None:
        """Write the settings, and a link to the data folder, because the settings may not be able
        to quote its path.
        """
        self._remove_old_scratch()
        self._scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=SCRATCH_PARENT))
        self._write_owned(self.folder / "scratch", str(self._scratch).encode())
        self._hand_over(self._scratch)
        (self._scratch / "data").symlink_to(self.folder.resolve())
        uid, gid = self._owner or (os.geteuid(), os.getegid())
        ports = (self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port, self.token_port)
        settings = Settings(self._scratch / "data", self._scratch, uid, gid, *ports)
        self._write_owned(self._scratch / SETTINGS, settings.text(self._version).encode())
        self._write_owned(self.folder / "oauth2.conf", settings.oauth2_text().encode())

    def _remove_old_scratch(self) -> None:
        """Remove a directory that a killed guardian has left.

        The file that names it may have been changed, so it is not trusted.
        """
        file = self.folder / "scratch"
        scratch = Path(file.read_text()) if file.exists() else Path()
        if (
            scratch.parent == Path(SCRATCH_PARENT)
            and scratch.name.startswith(SCRATCH_PREFIX)
            and self._is_ours(scratch)
        ):
            shutil.rmtree(scratch, ignore_errors=True)

    def _is_ours(self, folder: Path) -> bool:
        return folder.is_dir() and folder.stat().st_uid in {os.geteuid(), *(self._owner or ())}

    def _prepare_folder(self) -> None:
        if not self._is_ours(self.folder):
            # the link is missing, or its target was removed and perhaps created by another user
            self._choose_folder()
        for folder in (self.folder.resolve(), self.folder / "users", self.folder / "maildirs"):
            self._make_owned_folder(folder)

    def _choose_folder(self) -> None:
        """Create the folder below the data folder. If `nobody` cannot reach that (for example,
        below /root), create it elsewhere, with a link to it.
        """
        if self.folder.is_symlink():
            self.folder.unlink()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self._owner is None or _open_to_all(self.data_dir.resolve()):
            self.folder.mkdir(exist_ok=True)
        else:
            self.folder.symlink_to(tempfile.mkdtemp(prefix="mailcase-mail-", dir=LASTING_PARENT))

    def _make_certificate(self) -> None:
        if self.ca_file.exists():
            return
        import trustme  # noqa: PLC0415 - of the extra `local`; the command line imports this package without it

        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        self._write_owned(
            self.folder / "server.pem", certificate.private_key_and_cert_chain_pem.bytes()
        )
        self._write_owned(self.folder / "ca.pem", authority.cert_pem.bytes())

    def _make_owned_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(folder)

    def _write_owned(self, file: Path, content: bytes) -> None:
        """Write a file atomically, readable by its owner only."""
        new = file.with_name(f".{file.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
        self._hand_over(new)
        new.replace(file)

    def _hand_over(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, *self._owner)


def _unprivileged() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _open_to_all(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _env() -> dict[str, str]:
    return {"PATH": search_path(), "LANG": "C.UTF-8"}


def _version(dovecot: str) -> str:
    """The version of Dovecot. Raises LocalServerError unless it is 2.3 or 2.4, which have different
    syntaxes.
    """
    version = run_guarded([dovecot, "--version"], _env(), timeout_s=10)[0].strip()
    if not version.startswith(("2.3.", "2.4.")):
        raise LocalServerError(
            f"the private mail server needs Dovecot 2.3 or 2.4; {dovecot} is version {version or 'unknown'}"
        )
    return version


def _greets(port: int, greeting: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            return link.recv(200).startswith(greeting)
    except OSError:
        return False
