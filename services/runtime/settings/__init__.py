"""The settings: one TOML file, validated as a whole at start, passed on as frozen structs.

    settings = load_settings(Path("mailcase.toml"), os.environ)

Nothing else reads the file or the environment, except for passwords, which are read for each
connection.
"""

from services.runtime.settings.case_fields import Field, FieldSource
from services.runtime.settings.load import URL_VARIABLES, load_settings
from services.runtime.settings.model import Mailbox, Process, Settings, Smtp, masked
from services.runtime.settings.schema.desk import Desk, Oidc
from services.runtime.settings.schema.processes import (
    Access,
    Acknowledgement,
    CaseReference,
    OnEnter,
    Rules,
    Stage,
)
from services.runtime.settings.schema.servers import Broker, IncomingServer, OAuth2, Store
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
    "Up",
    "load_settings",
    "masked",
]
