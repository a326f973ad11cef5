"""Private servers on this machine for `mailcase up`, the demo and the tests: RabbitMQ, MongoDB,
Dovecot.
"""

from deploy.local.broker import Broker
from deploy.local.errors import DataFolderInUseError, LocalServerError, MissingProgramError
from deploy.local.mail import MailServer
from deploy.local.servers import PrivateServers
from deploy.local.store import Member, Store

__all__ = [
    "Broker",
    "DataFolderInUseError",
    "LocalServerError",
    "MailServer",
    "Member",
    "MissingProgramError",
    "PrivateServers",
    "Store",
]
