"""The settings: one TOML file, validated as a whole at start, passed on as frozen structs.

    settings = load_settings(Path("mailcase.toml"), os.environ)

Nothing else reads the file or the environment, except for passwords, which are read for each
connection.
"""

from services.runtime.settings.case_fields import Field, FieldSource
from services.runtime.settings.load import URL_VARIABLES, load_settings
from services.runtime.settings.model import Mailbox, Process, Settings, Smtp, masked
from services.runtime.settings.schema import (
    Access,
    Acknowledgement,
    Archive,
    Broker,
    CaseReference,
    CaseWriter,
    Extractor,
    Fetcher,
    IncomingServer,
    Limits,
    Logs,
    OAuth2,
    OnEnter,
    Reading,
    Router,
    Rules,
    SenderLimits,
    Stage,
    Store,
)
from services.runtime.settings.schema_desk import Desk, Oidc

__all__ = [
    "URL_VARIABLES",
    "Access",
    "Acknowledgement",
    "Archive",
    "Broker",
    "CaseReference",
    "CaseWriter",
    "Desk",
    "Extractor",
    "Fetcher",
    "Field",
    "FieldSource",
    "IncomingServer",
    "Limits",
    "Logs",
    "Mailbox",
    "OAuth2",
    "Oidc",
    "OnEnter",
    "Process",
    "Reading",
    "Router",
    "Rules",
    "SenderLimits",
    "Settings",
    "Smtp",
    "Stage",
    "Store",
    "load_settings",
    "masked",
]
