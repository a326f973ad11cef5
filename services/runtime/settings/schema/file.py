"""The settings file as a whole. A new section is a new struct next to this file and a line in
`Sections`.

Only the structs in this folder define names, types, ranges and defaults; a test compares
docs/settings.md with them.
"""

from msgspec import Struct

from services.runtime.settings.fields import (
    Name,
)
from services.runtime.settings.schema.desk import Desk
from services.runtime.settings.schema.processes import CaseReference, ProcessTable
from services.runtime.settings.schema.servers import (
    Broker,
    IncomingServer,
    OAuth2,
    OutgoingServer,
    Store,
)
from services.runtime.settings.schema.services import (
    Archive,
    CaseWriter,
    Extractor,
    Fetcher,
    Limits,
    Logs,
    Reading,
    Router,
    SenderLimits,
    Up,
)


class Sections(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sections that services use exactly as they are in the file."""

    broker: Broker = Broker()
    store: Store = Store()
    archive: Archive = Archive()
    limits: Limits = Limits()
    logs: Logs = Logs()
    fetcher: Fetcher = Fetcher()
    router: Router = Router()
    case_writer: CaseWriter = CaseWriter()
    extractor: Extractor = Extractor()
    case_reference: CaseReference = CaseReference()
    reading: Reading = Reading()
    sender: SenderLimits = SenderLimits()
    desk: Desk = Desk()
    up: Up = Up()


class SettingsFile(Sections, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: dict[Name, IncomingServer] = {}
    oauth2: dict[Name, OAuth2] = {}
    smtp: dict[Name, OutgoingServer] = {}
    process: dict[Name, ProcessTable]
