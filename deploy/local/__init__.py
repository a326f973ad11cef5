"""Private servers on this machine for `mailcase up`, the demo and the tests: RabbitMQ, MongoDB,
Dovecot.
"""

from deploy.local.errors import DataFolderInUseError, LocalServerError, MissingProgramError
from deploy.local.servers.broker import Broker
from deploy.local.servers.mail import MailServer
from deploy.local.servers.private import PrivateServers
from deploy.local.servers.store import Member, Store

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
