"""People, tokens and the audit log, for administrators."""

import re
from typing import Any

from starlette.responses import Response

from services.desk.access import Permission
from services.desk.api.accounts.audit import AuditPage
from services.desk.api.accounts.tokens import TokenList
from services.desk.api.accounts.users import UserList
from services.desk.pages.case_views import with_query
from services.desk.pages.views.lists import Option
from services.desk.pages.views.people import (
    AuditRow,
    AuditView,
    PeopleView,
    PersonRow,
    TokenRow,
    TokensView,
)
from services.desk.pages.visit import Visit

_HASH = re.compile(r"[0-9a-f]{64}")
_CASE = re.compile(r"\Acase (\d{1,15})(?= |\Z)")


async def show_people(visit: Visit) -> Response:
    """Shows all accounts."""
    return await _people(visit)


async def add_person(visit: Visit) -> Response:
    """Adds an account, and shows its one-time link, this time only."""
    name = visit.text("name")
    body = {
        "address": visit.text("address").strip(),
        "name": name,
        "groups": [group.strip() for group in visit.text("groups").split(",") if group.strip()],
        "admin": visit.text("admin") == "true",
    }
    added = (await visit.api("add_user", body=body)).body
    return await _people(visit, link=added.link, link_name=name)


async def change_person(visit: Visit) -> Response:
    """Disables or enables an account, creates a new link for it, or detaches its identity."""
    match visit.text("do"):
        case "link":
            link = (await visit.api("make_link")).body.link
            return await _people(visit, link=link, link_name=visit.request.path_params["user"])
        case "detach":
            await visit.api("detach_identity")
        case "disable" | "enable" as wanted:
            await visit.api("patch_user", body={"disabled": wanted == "disable"})
    return visit.redirect("/people")


async def _people(visit: Visit, *, link: str | None = None, link_name: str = "") -> Response:
    users: UserList = (await visit.api("list_users")).body
    view = PeopleView(
        rows=tuple(
            PersonRow(
                id=user.address,
                name=user.name,
                address=user.address,
                groups=tuple(user.groups),
                is_admin=user.admin,
                is_active=not user.disabled,
                has_identity=user.signs_in_by == "provider",
            )
            for user in users.items
        ),
        link=link,
        link_name=link_name,
    )
    return await visit.html(
        "people/people.html", visit.page(visit.t.people.people, "people"), view=view
    )


async def show_tokens(visit: Visit) -> Response:
    """Shows the tokens that the reader may see."""
    return await _tokens(visit)


async def make_token(visit: Visit) -> Response:
    """Creates a token, and shows its secret, this time only."""
    body: dict[str, Any] = {"name": visit.text("name"), "scopes": visit.texts("scope")}
    reply = await visit.api("make_token", body=body)
    return await _tokens(visit, secret=reply.body.secret, is_renewed=reply.status == 200)


async def revoke_token(visit: Visit) -> Response:
    """Revokes a token at once."""
    await visit.api("revoke_token")
    return visit.redirect("/tokens")


async def _tokens(visit: Visit, *, secret: str | None = None, is_renewed: bool = False) -> Response:
    tokens: TokenList = (await visit.api("list_tokens")).body
    view = TokensView(
        rows=tuple(
            TokenRow(
                id=token.id,
                name=token.name,
                owner=token.owner or "",
                scopes=tuple(token.scopes),
                expires_at=token.expires_at,
                seen_at=token.last_used_at,
            )
            for token in tokens.items
            if token.revoked_at is None
        ),
        scopes=tuple(
            Option(
                value=scope.value,
                title=visit.t.people.scope_names[scope],
                is_chosen=scope is Permission.READ,
            )
            for scope in Permission
            if visit.may(scope)
        ),
        secret=secret,
        is_renewed=is_renewed,
    )
    page = visit.page(visit.t.people.tokens, "people")
    return await visit.html("people/tokens.html", page, view=view)


def _shown_object(visit: Visit, text: str) -> str:
    """What an entry is about: a case by its reference, and only the beginning of a hash."""
    known = {**visit.t.people.audit_objects, **visit.t.failures.identities}
    text = known.get(text, text)
    short = _HASH.sub(lambda found: f"{found[0][:12]}…", text)
    return _CASE.sub(lambda found: visit.desk.reference.write(int(found[1])), short)


async def show_audit(visit: Visit) -> Response:
    """Shows the audit log, the latest entries first."""
    cursor = visit.request.query_params.get("cursor", "")
    query = {"cursor": cursor} if cursor else {}
    entries: AuditPage = (await visit.api("list_audit_entries", query=query)).body
    view = AuditView(
        rows=tuple(
            AuditRow(
                at=entry.at,
                who=entry.actor,
                what=entry.what,
                object=_shown_object(visit, entry.object),
                address=entry.address,
            )
            for entry in entries.items
        ),
        next_href=with_query("/audit", cursor=entries.next) if entries.next else None,
    )
    return await visit.html(
        "people/audit.html", visit.page(visit.t.people.audit, "people"), view=view
    )
