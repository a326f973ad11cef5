"""Checks that the settings for outgoing mail are consistent. Pure."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from services.runtime.errors import Mistake
from services.runtime.settings.convert import did_you_mean, join
from services.runtime.settings.schema.file import SettingsFile
from services.runtime.settings.schema.processes import ProcessTable
from services.runtime.settings.schema.servers import OutgoingServer


def sending_mistakes(file: SettingsFile, broken: AbstractSet[str]) -> Iterator[Mistake]:
    """`broken` are the paths of mistakes found before."""
    for name, server in file.smtp.items():
        yield from _server(server, join("smtp", name), file)
    if not file.case_reference.read_bare and not file.case_reference.prefix:
        hint = 'set case_reference.prefix, such as "Case", or remove read_bare'
        yield Mistake(
            "case_reference.read_bare",
            "is false without a prefix, so no number would be recognized",
            hint,
        )
    if file.smtp and file.case_reference.key_file is None:
        hint = "name a file that contains a key, created with: openssl rand -hex 32"
        yield Mistake(
            "case_reference.key_file", "is missing, although outgoing mail is signed with it", hint
        )
    for name, process in file.process.items():
        if "smtp" not in broken:
            yield from _process(process, join("process", name), file)
    if file.sender.retry_first_s > file.sender.retry_longest_s:
        yield Mistake("sender.retry_first_s", "is above retry_longest_s", "lower it")


def _server(server: OutgoingServer, path: str, file: SettingsFile) -> Iterator[Mistake]:
    secrets = {
        "password_file": server.password_file,
        "password_env": server.password_env,
        "oauth2": server.oauth2,
    }
    given = [name for name, value in secrets.items() if value is not None]
    if len(given) > 1:
        yield Mistake(path, f"has {' and '.join(given)}", "keep one of them")
    elif given and server.user is None:
        yield Mistake(f"{path}.user", "is missing", f"name the user to whom {given[0]} belongs")
    elif server.user is not None and not given:
        yield Mistake(
            path, "has a user and no password", "add password_file, password_env or oauth2"
        )
    if server.oauth2 is not None and server.oauth2 not in file.oauth2:
        problem = f"there is no section oauth2.{server.oauth2}"
        yield Mistake(f"{path}.oauth2", problem, did_you_mean(server.oauth2, list(file.oauth2)))
    if server.ca_file is not None and server.security == "none":
        hint = 'set security = "tls" or "starttls", or leave ca_file out'
        yield Mistake(f"{path}.ca_file", 'has no effect with security = "none"', hint)


def _process(process: ProcessTable, path: str, file: SettingsFile) -> Iterator[Mistake]:
    if process.smtp is not None and process.smtp not in file.smtp:
        problem = f'no smtp server is named "{process.smtp}"'
        yield Mistake(f"{path}.smtp", problem, did_you_mean(process.smtp, list(file.smtp)))
    if not process.acknowledgement.enabled:
        return
    where = f"{path}.acknowledgement.enabled"
    if not file.smtp:
        yield Mistake(where, "has no server for sending", "write [smtp.NAME]")
    elif process.smtp is None and len(file.smtp) > 1:
        yield Mistake(where, "does not say which smtp server to use", f"set {path}.smtp")
    if not process.mailbox and process.from_address is None:
        yield Mistake(where, "has no sender address", f"set {path}.from_address, or add a mailbox")
