"""What no single setting can tell: whether the settings fit each other. Pure."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import SplitResult, urlsplit

from services.runtime.errors import Mistake
from services.runtime.settings_shapes import IncomingServer, MailboxTable, ProcessTable, SettingsFile
from services.runtime.settings_walker import did_you_mean, join

_SCHEMES = {"broker": ("amqp", "amqps"), "store": ("mongodb", "mongodb+srv")}


def check(file: SettingsFile, broken: AbstractSet[str], url_sources: Mapping[str, str]) -> list[Mistake]:
    """The mistakes between the parts of `file`, which may hold empty parts in place of broken ones.

    `broken` are the paths of the mistakes found before: what only follows from one of them is not told again.
    `url_sources` says where the URLs of `broker` and `store` came from, a setting or a variable.
    """
    found = [*_urls(file, url_sources), *_limits(file)]
    for name, server in file.server.items():
        found += _server(server, join("server", name))
    if not file.process:
        found.append(Mistake("process", "there is none", "write at least one, as [process.NAME] with its stages"))
    for name, process in file.process.items():
        found += _stages(process, join("process", name), broken)
    found += _mailboxes(file, broken)
    return [mistake for mistake in found if not any(_within(mistake.path, path) for path in broken)]


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _urls(file: SettingsFile, sources: Mapping[str, str]) -> Iterator[Mistake]:
    for section, url in (("broker", file.broker.url), ("store", file.store.url)):
        mistake = None if url is None else _url(url, _SCHEMES[section])
        if mistake:
            yield Mistake(sources[section], *mistake)


def _url(url: str, schemes: tuple[str, ...]) -> tuple[str, str] | None:
    """Problem and mend of a URL; nothing of it is shown, because any part may hold its password."""
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return "is no such URL", f"it begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    encode = "write special characters of user and password in percent notation, such as %2F for /"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "holds a blank or a control character", encode
    try:
        parts = urlsplit(url)
        usable = _has_usable_hosts(parts)
    except ValueError:  # brackets without an IPv6 address, a port that is no number up to 65535
        return "names no usable host and port", encode
    if "@" in parts.path or parts.fragment:
        return "has an @ or # behind its host", encode
    return None if usable else ("names no host", f"it looks like {schemes[0]}://user:password@host/")


def _has_usable_hosts(parts: SplitResult) -> bool:
    """Whether each of the hosts, separated by commas in MongoDB's URLs, has a name and a port that can be.

    :raises ValueError: if one of them cannot be read.
    """
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]
    return all(host.hostname and host.port != 0 for host in hosts)


def _limits(file: SettingsFile) -> Iterator[Mistake]:
    inline, largest = file.limits.inline_mail_bytes, file.limits.max_mail_bytes
    if inline > largest:
        mend = "lower it, or raise limits.max_mail_bytes"
        yield Mistake("limits.inline_mail_bytes", f"is {inline}, above max_mail_bytes, {largest}", mend)


def _server(server: IncomingServer, path: str) -> Iterator[Mistake]:
    if server.ca_file is not None and server.security == "none":
        mend = 'set security = "tls" or "starttls", or leave ca_file out'
        yield Mistake(f"{path}.ca_file", 'means nothing with security = "none"', mend)


def _stages(process: ProcessTable, path: str, broken: AbstractSet[str]) -> Iterator[Mistake]:
    yield from _initial_stage(process, f"{path}.stage", broken)
    names = [stage.name for stage in process.stage]
    for index, stage in enumerate(process.stage):
        here = f"{path}.stage[{index}]"
        if stage.name in names[:index]:
            yield Mistake(f"{here}.name", f'"{stage.name}" is taken by a stage above', "give it a name of its own")
        for position, following in enumerate(stage.next):
            # The empty name of a broken stage may be the one that is meant.
            if following not in names and "" not in names:
                problem = f'no stage of this process is named "{following}"'
                yield Mistake(f"{here}.next[{position}]", problem, did_you_mean(following, names))


def _initial_stage(process: ProcessTable, path: str, broken: AbstractSet[str]) -> Iterator[Mistake]:
    initial = [f'"{stage.name}"' for stage in process.stage if stage.initial]
    undecided = re.compile(re.escape(path) + r"\[\d+\](\.initial)?")
    if not process.stage:
        yield Mistake(path, "there is none", f"write at least one, as [[{path}]] with initial = true")
    elif not initial and not any(undecided.fullmatch(other) for other in broken):
        yield Mistake(path, "no stage is initial", "add initial = true to the one at which cases open")
    elif len(initial) > 1:
        yield Mistake(path, f"{len(initial)} stages are initial: {', '.join(initial)}", "keep initial = true in one")


def _mailboxes(file: SettingsFile, broken: AbstractSet[str]) -> Iterator[Mistake]:
    """Each mailbox by itself, then against those before it, over all processes: names, addresses and accounts."""
    taken: dict[tuple[str, ...], str] = {}
    for process_name, process in file.process.items():
        for index, mailbox in enumerate(process.mailbox):
            path = f"{join('process', process_name)}.mailbox[{index}]"
            if "server" not in broken:
                yield from _mailbox(mailbox, file.server, path)
            if not broken & {f"{path}.password_file", f"{path}.password_env"}:
                yield from _password(mailbox, path)
            if not any(_within(f"{path}.{key}", other) for key in ("name", "address", "server") for other in broken):
                yield from _taken(mailbox, process_name, path, taken)


def _mailbox(mailbox: MailboxTable, servers: Mapping[str, IncomingServer], path: str) -> Iterator[Mistake]:
    server = servers.get(mailbox.server)
    if server is None:
        problem = f'no server is named "{mailbox.server}"'
        yield Mistake(f"{path}.server", problem, did_you_mean(mailbox.server, list(servers)))
    elif server.protocol == "pop3" and mailbox.folder.upper() != "INBOX":
        yield Mistake(f"{path}.folder", "POP3 has no folders", "leave it out, or read this server by IMAP")


def _password(mailbox: MailboxTable, path: str) -> Iterator[Mistake]:
    if mailbox.password_file is None and mailbox.password_env is None:
        yield Mistake(path, "has no password", "add password_file or password_env")
    elif mailbox.password_file is not None and mailbox.password_env is not None:
        yield Mistake(path, "has password_file and password_env", "keep one of them")


def _taken(mailbox: MailboxTable, process: str, path: str, taken: dict[tuple[str, ...], str]) -> Iterator[Mistake]:
    name, by_default = (mailbox.name, "") if mailbox.name else (process, ", the process's name,")
    # IMAP's INBOX is the same in any case (RFC 3501 section 5.1).
    folder = "INBOX" if mailbox.folder.upper() == "INBOX" else mailbox.folder
    account = (mailbox.server, mailbox.user or mailbox.address, folder)
    marks = {
        "name": ((name,), f'"{name}"{by_default} is the name of', "give it a name of its own"),
        "address": ((mailbox.address.casefold(),), "is the address of", "each mailbox has an address of its own"),
        "user": (account, "with this server and folder it is", "two readers of one folder would double its mail"),
    }
    for key, (mark, problem, mend) in marks.items():
        other = taken.setdefault((key, *mark), path)
        if other != path:
            yield Mistake(f"{path}.{key}", f"{problem} {other}", mend)
            return
