"""One object with all parts that the handlers of the desk use; `main` creates it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from schemas.case_ref import CaseReference
from schemas.changes import Change
from schemas.stored import Case
from services.casework.outgoing import OutgoingMailBuilder
from services.casework.parked import ParkedMailRepository
from services.casework.persistence.answers import MongoAnswers
from services.casework.persistence.reader import CaseReader
from services.casework.persistence.repository import CaseRepository
from services.desk.access import Access, Permission, Principal
from services.desk.accounts.accounts import Accounts
from services.desk.activity import Activity
from services.desk.composing.drafts import Drafts
from services.desk.composing.uploads import Uploads
from services.desk.events import DeskEvents
from services.desk.http.idempotency import IdempotentReplies
from services.desk.http.problems import not_found
from services.desk.http.turns import Turns
from services.desk.live.hub import LiveHub
from services.desk.ports import Tools
from services.desk.presence import Presences
from services.desk.saved_views import SavedViews
from services.desk.search.query import CaseSearch
from services.desk.stage_counts import StageCounts
from services.desk.webhooks.repository import Webhooks
from services.desk.webhooks.sending import WebhookSender
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

# Of one user, in memory: bodies that are being read, and files that are being uploaded. One form
# with files is received at a time.
BODIES_AT_ONCE = 16
FILES_AT_ONCE = 4


@dataclass(frozen=True)
class Desk:
    """The parts of a running desk. `public_url` is where people open it, without a slash at the
    end.
    """

    settings: Settings
    store: Store
    access: Access
    accounts: Accounts
    cases: CaseRepository
    reader: CaseReader
    stage_counts: StageCounts
    answers: MongoAnswers
    composer: OutgoingMailBuilder
    blobs: Blobs
    parked: ParkedMailRepository
    uploads: Uploads
    drafts: Drafts
    saved_views: SavedViews
    presences: Presences
    search: CaseSearch
    webhooks: Webhooks
    webhook_sender: WebhookSender
    events: DeskEvents
    idempotent_replies: IdempotentReplies
    reference: CaseReference
    public_url: str
    tools: Tools
    client_address: Callable[[HTTPConnection], str]
    live: LiveHub = field(default_factory=LiveHub)
    body_turns: Turns = field(default_factory=lambda: Turns(BODIES_AT_ONCE))
    file_turns: Turns = field(default_factory=lambda: Turns(FILES_AT_ONCE))
    form_turns: Turns = field(default_factory=lambda: Turns(1))
    activity: Activity = field(default_factory=Activity)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    async def visible_case(
        self,
        principal: Principal,
        number: int,
        permission: Permission = Permission.READ,
    ) -> Case:
        """The case, if the principal may see it and has `permission` in its process.

        Raises ProblemError: 404, with the same message, for a case that does not exist or may not
        be seen; 403 for a case that may only be seen.
        """
        case = await self.reader.case(number, self.access.filter(principal))
        if case is None:
            raise not_found("case")
        self.access.require(principal, permission, case.process)
        return case

    def publish(self, changes: Sequence[Change], outgoing: Sequence[str] = ()) -> None:
        """Publish changes that were written. The caller does not wait for the broker."""
        self.stage_counts.changed()
        self.events.publish_soon(changes, outgoing)
