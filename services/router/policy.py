"""The settings that classification depends on, for one mailbox."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Literal

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import Settings


@dataclass(frozen=True)
class Policy:
    """How mails to one mailbox are classified.

    `own_addresses` are the addresses of all mailboxes, in lower case. `allow_senders` and
    `deny_senders` contain addresses and `@domains`, in lower case; an empty allow list allows
    everyone. `authentication_server` is the name that the receiving server puts into
    Authentication-Results (RFC 8601 section 2.5); if it is empty, no server is trusted.
    """

    reference: CaseReference = field(default_factory=CaseReference)
    message_id_signer: MessageIdSigner = field(default_factory=lambda: MessageIdSigner(()))
    own_addresses: frozenset[str] = frozenset()
    allow_senders: Collection[str] = ()
    deny_senders: Collection[str] = ()
    spam: Literal["flag", "park", "accept"] = "flag"
    authentication_server: str = ""


PolicyOf = Callable[[str, str], Policy]


def policies(settings: Settings) -> PolicyOf:
    """A function from process and mailbox to their policy, the default policy for unknown ones.

    Raises SettingsError if the signing keys cannot be read.
    """
    common = Policy(
        reference=CaseReference(settings.case_reference.prefix, settings.case_reference.read_bare),
        message_id_signer=message_id_signer(settings),
        own_addresses=settings.own_addresses,
    )
    by_process = {
        name: replace(
            common, spam=process.spam, authentication_server=process.authentication_server
        )
        for name, process in settings.processes.items()
    }
    by_mailbox = {
        name: replace(
            by_process[mailbox.process],
            allow_senders=frozenset(sender.lower() for sender in mailbox.allow_senders),
            deny_senders=frozenset(sender.lower() for sender in mailbox.deny_senders),
        )
        for name, mailbox in settings.mailboxes.items()
    }
    return lambda process, mailbox: by_mailbox.get(mailbox) or by_process.get(process) or common
