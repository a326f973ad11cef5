"""The route table: every operation of the API, in the order of the documentation.

From it come routing, validation, the OpenAPI description, and the tests of contract and access.
"""

from typing import Any, Final

from services.desk.api import events, processes
from services.desk.api.accounts import audit, me, sessions, tokens, users
from services.desk.api.cases import (
    answer_suggestions,
    answers,
    bulk,
    cases,
    comments,
    counts,
    exports,
    files,
    presence,
    saved_views,
    search,
    work,
)
from services.desk.api.operations import dead_letters, flow, mailboxes, parked
from services.desk.api.webhooks import webhooks
from services.desk.http.endpoint import Endpoint

PREFIX: Final = "/api/v1"
ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    *processes.ROUTES,
    *bulk.ROUTES,
    *cases.ROUTES,
    *counts.ROUTES,
    *work.ROUTES,
    *comments.ROUTES,
    *answers.ROUTES,
    *answer_suggestions.ROUTES,
    *files.ROUTES,
    *presence.ROUTES,
    *search.ROUTES,
    *saved_views.ROUTES,
    *exports.ROUTES,
    *parked.ROUTES,
    *mailboxes.ROUTES,
    *flow.ROUTES,
    *dead_letters.ROUTES,
    *me.ROUTES,
    *sessions.ROUTES,
    *tokens.ROUTES,
    *users.ROUTES,
    *audit.ROUTES,
    *webhooks.ROUTES,
    *events.ROUTES,
)
