"""Loading the settings: from one TOML file, validated as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_mistake
from pathlib import Path

from msgspec.structs import asdict, replace

from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings.convert import Walker
from services.runtime.settings.model import Mailbox, Process, Settings, Smtp
from services.runtime.settings.schema.file import Sections, SettingsFile
from services.runtime.settings.schema.processes import MailboxTable, ProcessTable, Rules
from services.runtime.settings.schema.servers import OutgoingServer
from services.runtime.settings.toml.file import read_tree
from services.runtime.settings.validation.settings import check

URL_VARIABLES = {"broker": "MAILCASE_BROKER_URL", "store": "MAILCASE_STORE_URL"}

_HINTS = dict.fromkeys(
    ("password", "passwd", "pass", "secret"),
    "a secret never belongs in this file: name its file in password_file or its variable in password_env",
)


def required_url(section: str, url: str | None) -> str:
    """The URL of `section`, `broker` or `store`. Raises SettingsError if it is None."""
    if url is None:
        hint = (
            "start `mailcase up`, which runs a private server that commands find; "
            f"or name a server in the file or in {URL_VARIABLES[section]}"
        )
        raise SettingsError([Mistake(f"{section}.url", "missing", hint)])
    return url


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in the TOML file at `path`.

    `environ` may override the URLs of broker and store (`MAILCASE_BROKER_URL`,
    `MAILCASE_STORE_URL`; an empty one counts as absent). Relative paths in the file start at the
    file's own directory.

    :raises SettingsError: with every mistake at once; none of them shows a secret.
    """
    walker = Walker(_HINTS)
    # Stripped, because a secret made with `echo` ends in a newline.
    urls = {section: environ.get(name, "").strip() for section, name in URL_VARIABLES.items()}
    tree, places = read_tree(path)
    file = _with_urls(walker.table(SettingsFile, tree), urls)
    sources = {
        section: URL_VARIABLES[section] if url else f"{section}.url"
        for section, url in urls.items()
    }
    mistakes = [
        *walker.mistakes,
        *check(file, {mistake.path for mistake in walker.mistakes}, sources),
    ]
    if mistakes:
        placed = [replace_mistake(mistake, line=places.line(mistake.path)) for mistake in mistakes]
        raise SettingsError(placed, file=str(path))
    return _built(file, path.absolute().parent)


def _with_urls(file: SettingsFile, urls: Mapping[str, str]) -> SettingsFile:
    return replace(
        file,
        broker=replace(file.broker, url=urls["broker"] or file.broker.url),
        store=replace(file.store, url=urls["store"] or file.store.url),
    )


def _built(file: SettingsFile, base: Path) -> Settings:
    processes = {
        name: _process(name, table, base, list(file.smtp)) for name, table in file.process.items()
    }
    mailboxes = {
        mailbox.name: mailbox for process in processes.values() for mailbox in process.mailboxes
    }
    sections = {name: getattr(file, name) for name in Sections.__struct_fields__}
    key_file = _under(base, file.case_reference.key_file)
    sections["case_reference"] = replace(file.case_reference, key_file=key_file)
    oidc = file.desk.oidc
    sections["desk"] = replace(
        file.desk,
        oidc=replace(
            oidc,
            client_secret_file=_under(base, oidc.client_secret_file),
            ca_file=_under(base, oidc.ca_file),
        ),
    )
    servers = {
        name: replace(server, ca_file=_under(base, server.ca_file))
        for name, server in file.server.items()
    }
    oauth2 = {
        name: replace(table, secret_file=_under(base, table.secret_file))
        for name, table in file.oauth2.items()
    }
    smtp = {name: _smtp(name, table, base) for name, table in file.smtp.items()}
    return Settings(
        servers=servers,
        oauth2=oauth2,
        smtp=smtp,
        processes=processes,
        mailboxes=mailboxes,
        **sections,
    )


def _process(name: str, table: ProcessTable, base: Path, smtp: Sequence[str]) -> Process:
    return Process(
        name=name,
        title=table.title or name,
        stages=table.stage,
        mailboxes=tuple(_mailbox(name, mailbox, base) for mailbox in table.mailbox),
        smtp=table.smtp or (smtp[0] if len(smtp) == 1 else None),
        from_address=table.from_address,
        from_name=table.from_name or table.title or name,
        acknowledgement=table.acknowledgement,
        access=table.access,
        fields=table.field,
        own_tax_ids=table.own_tax_ids,
        retention_days=table.retention_days,
        snippets=table.snippet,
        **{rule: getattr(table, rule) for rule in Rules.__struct_fields__},
    )


def _mailbox(process: str, table: MailboxTable, base: Path) -> Mailbox:
    known = asdict(table) | {
        "name": table.name or process,
        "user": table.user or table.address,
        "password_file": _under(base, table.password_file),
    }
    return Mailbox(process=process, **known)


def _smtp(name: str, table: OutgoingServer, base: Path) -> Smtp:
    files = {
        "ca_file": _under(base, table.ca_file),
        "password_file": _under(base, table.password_file),
    }
    return Smtp(name=name, **(asdict(table) | files))


def _under(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path
