"""Checks that involve several settings: whether they are consistent. Pure."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from urllib.parse import SplitResult, urlsplit

from services.runtime.errors import Mistake
from services.runtime.settings.convert import did_you_mean, join
from services.runtime.settings.schema.file import SettingsFile
from services.runtime.settings.schema.processes import MailboxTable, ProcessTable
from services.runtime.settings.schema.servers import IncomingServer, OAuth2
from services.runtime.settings.validation.cases import case_rule_mistakes
from services.runtime.settings.validation.desk import desk_mistakes
from services.runtime.settings.validation.sending import sending_mistakes
from services.runtime.settings.validation.snippets import snippet_mistakes

_SCHEMES = {"broker": ("amqp", "amqps"), "store": ("mongodb", "mongodb+srv")}


def check(
    file: SettingsFile, broken: AbstractSet[str], url_sources: Mapping[str, str]
) -> list[Mistake]:
    """The mistakes between the parts of `file`, which may contain empty parts in place of broken
    ones.

    `broken` are the paths of mistakes that were found before; their consequences are not reported
    again. `url_sources` says where the URLs of `broker` and `store` came from, a setting or a
    variable.
    """
    found = [*_urls(file, url_sources), *_limits(file)]
    for name, server in file.server.items():
        found += _server(server, join("server", name))
    for name, oauth2 in file.oauth2.items():
        found += _oauth2(oauth2, join("oauth2", name))
    if not file.process:
        found.append(
            Mistake(
                "process", "there is none", "write at least one, as [process.NAME] with its stages"
            )
        )
    for name, process in file.process.items():
        found += _stages(process, join("process", name), broken)
        found += case_rule_mistakes(process, join("process", name))
        found += snippet_mistakes(process, join("process", name))
    found += _mailboxes(file, broken)
    found += sending_mistakes(file, broken)
    if not any(_within(path, "desk") for path in broken):
        found += desk_mistakes(file.desk)
    return [mistake for mistake in found if not any(_within(mistake.path, path) for path in broken)]


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _urls(file: SettingsFile, sources: Mapping[str, str]) -> Iterator[Mistake]:
    for section, url in (("broker", file.broker.url), ("store", file.store.url)):
        mistake = None if url is None else _url(url, _SCHEMES[section])
        if mistake:
            yield Mistake(sources[section], *mistake)


def _url(url: str, schemes: tuple[str, ...]) -> tuple[str, str] | None:
    """Problem and hint for a URL. Neither contains any part of it, since any part may be its
    password.
    """
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return (
            "is not a valid URL",
            f"it begins with {' or '.join(f'{scheme}://' for scheme in schemes)}",
        )
    encode = "percent-encode special characters of user and password, such as %2F for /"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "contains a space or a control character", encode
    try:
        parts = urlsplit(url)
        usable = _has_usable_hosts(parts)
    except ValueError:  # brackets without an IPv6 address, a port that is not a number up to 65535
        return "has no usable host and port", encode
    if "@" in parts.path or parts.fragment:
        return "has an @ or # after its host", encode
    return None if usable else ("has no host", f"it looks like {schemes[0]}://user:password@host/")


def _has_usable_hosts(parts: SplitResult) -> bool:
    """Whether each host (MongoDB's URLs separate several by commas) has a valid name and port.

    :raises ValueError: if one of them cannot be read.
    """
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]
    return all(host.hostname and host.port != 0 for host in hosts)


def _limits(file: SettingsFile) -> Iterator[Mistake]:
    inline, largest = file.limits.inline_mail_bytes, file.limits.max_mail_bytes
    if inline > largest:
        hint = "lower it, or raise limits.max_mail_bytes"
        yield Mistake(
            "limits.inline_mail_bytes", f"is {inline}, above max_mail_bytes, {largest}", hint
        )


def _server(server: IncomingServer, path: str) -> Iterator[Mistake]:
    if server.ca_file is not None and server.security == "none":
        hint = 'set security = "tls" or "starttls", or leave ca_file out'
        yield Mistake(f"{path}.ca_file", 'has no effect with security = "none"', hint)

    if server.move_to is not None and server.protocol == "pop3":
        yield Mistake(
            f"{path}.move_to", "POP3 has no folders", "leave it out, or read this server with IMAP"
        )
    elif server.move_to is not None and not server.delete_after_fetch:
        problem = "is set, although delete_after_fetch = false keeps mails where they are"
        yield Mistake(f"{path}.move_to", problem, "keep one of the two")


def _oauth2(oauth2: OAuth2, path: str) -> Iterator[Mistake]:
    if (oauth2.secret_file is None) == (oauth2.secret_env is None):
        yield Mistake(path, "needs one secret", "give either secret_file or secret_env")
    if oauth2.secret_expires is not None and not _is_day(oauth2.secret_expires):
        yield Mistake(
            f"{path}.secret_expires", f"there is no {oauth2.secret_expires}", "correct the day"
        )
    microsoft = oauth2.provider == "microsoft"
    for key, value in (("tenant", oauth2.tenant), ("client_id", oauth2.client_id)):
        if microsoft and value is None and (key == "client_id" or oauth2.token_url is None):
            yield Mistake(
                f"{path}.{key}", "missing", "the app registration in Microsoft Entra shows it"
            )
        elif not microsoft and value is not None:
            yield Mistake(
                f"{path}.{key}",
                "has no effect for google",
                "leave it out: the JSON secret contains it",
            )


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _stages(process: ProcessTable, path: str, broken: AbstractSet[str]) -> Iterator[Mistake]:
    yield from _initial_stage(process, f"{path}.stage", broken)
    names = [stage.name for stage in process.stage]
    for index, stage in enumerate(process.stage):
        here = f"{path}.stage[{index}]"
        if stage.name in names[:index]:
            yield Mistake(
                f"{here}.name",
                f'"{stage.name}" is also the name of an earlier stage',
                "give it a name of its own",
            )
        for position, following in enumerate(stage.next):
            # A broken stage has an empty name, and may be the one that is meant.
            if following not in names and "" not in names:
                problem = f'no stage of this process is named "{following}"'
                yield Mistake(f"{here}.next[{position}]", problem, did_you_mean(following, names))


def _initial_stage(process: ProcessTable, path: str, broken: AbstractSet[str]) -> Iterator[Mistake]:
    initial = [f'"{stage.name}"' for stage in process.stage if stage.initial]
    undecided = re.compile(re.escape(path) + r"\[\d+\](\.initial)?")
    if not process.stage:
        yield Mistake(
            path, "there is none", f"write at least one, as [[{path}]] with initial = true"
        )
    elif not initial and not any(undecided.fullmatch(other) for other in broken):
        yield Mistake(
            path, "no stage is initial", "add initial = true to the stage where cases begin"
        )
    elif len(initial) > 1:
        yield Mistake(
            path,
            f"{len(initial)} stages are initial: {', '.join(initial)}",
            "keep initial = true in one stage",
        )


def _mailboxes(file: SettingsFile, broken: AbstractSet[str]) -> Iterator[Mistake]:
    """Check each mailbox of all processes separately, and then against the earlier ones: names,
    addresses and accounts.
    """
    taken: dict[tuple[str, ...], str] = {}
    for process_name, process in file.process.items():
        for index, mailbox in enumerate(process.mailbox):
            path = f"{join('process', process_name)}.mailbox[{index}]"
            if "server" not in broken:
                yield from _mailbox(mailbox, file.server, path)
            if not broken & {f"{path}.password_file", f"{path}.password_env", f"{path}.oauth2"}:
                yield from _password(mailbox, path)
            if (
                mailbox.oauth2 is not None
                and mailbox.oauth2 not in file.oauth2
                and "oauth2" not in broken
            ):
                problem = f"there is no section oauth2.{mailbox.oauth2}"
                yield Mistake(
                    f"{path}.oauth2", problem, did_you_mean(mailbox.oauth2, list(file.oauth2))
                )
            if not any(
                _within(f"{path}.{key}", other)
                for key in ("name", "address", "server")
                for other in broken
            ):
                yield from _taken(mailbox, process_name, path, taken, file.server)


def _mailbox(
    mailbox: MailboxTable, servers: Mapping[str, IncomingServer], path: str
) -> Iterator[Mistake]:
    server = servers.get(mailbox.server)
    if server is None:
        problem = f'no server is named "{mailbox.server}"'
        yield Mistake(f"{path}.server", problem, did_you_mean(mailbox.server, list(servers)))
    elif server.protocol == "pop3" and mailbox.folder.upper() != "INBOX":
        yield Mistake(
            f"{path}.folder", "POP3 has no folders", "leave it out, or read this server with IMAP"
        )


def _password(mailbox: MailboxTable, path: str) -> Iterator[Mistake]:
    ways = {
        "password_file": mailbox.password_file,
        "password_env": mailbox.password_env,
        "oauth2": mailbox.oauth2,
    }
    given = [name for name, value in ways.items() if value is not None]
    if not given:
        yield Mistake(path, "has no password", "add password_file or password_env")
    elif len(given) > 1:
        yield Mistake(path, f"has {' and '.join(given)}", "keep one of them")


def _taken(
    mailbox: MailboxTable,
    process: str,
    path: str,
    taken: dict[tuple[str, ...], str],
    servers: Mapping[str, IncomingServer],
) -> Iterator[Mistake]:
    name, by_default = (mailbox.name, "") if mailbox.name else (process, ", the process's name,")
    # IMAP's INBOX is the same in any case (RFC 3501 section 5.1).
    folder = "INBOX" if mailbox.folder.upper() == "INBOX" else mailbox.folder
    account = (_place(mailbox.server, servers), mailbox.user or mailbox.address, folder)
    marks = {
        "name": ((name,), f'"{name}"{by_default} is the name of', "give it a name of its own"),
        "address": (
            (mailbox.address.casefold(),),
            "is the address of",
            "each mailbox has an address of its own",
        ),
        "user": (
            account,
            "together with this host and folder, it is",
            "two mailboxes that read the same folder would record each mail twice",
        ),
    }
    for key, (mark, problem, hint) in marks.items():
        other = taken.setdefault((key, *mark), path)
        if other != path:
            yield Mistake(f"{path}.{key}", f"{problem} {other}", hint)
            return


def _place(name: str, servers: Mapping[str, IncomingServer]) -> str:
    """The value that two sections for one mail server have in common, whatever port and protocol
    they name.
    """
    server = servers.get(name)
    if server is None:
        return name
    host = server.host.casefold().rstrip(".")
    # A port of this machine may be a tunnel to any other.
    local = host == "localhost" or host.startswith("127.") or host.strip("[]") == "::1"
    return f"{host}:{server.port}" if local else host
