"""Determines who signed in, from the claims of the provider. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.reasons import IdentityProblem
from services.desk.accounts.errors import AccountError
from services.desk.accounts.oidc.errors import IdentityRefusedError
from services.desk.accounts.users import checked_line, normal_address
from services.runtime.settings.schema.desk import Oidc

_MAX_GROUPS = 1000
_MAX_NAME_CHARS = 200


@dataclass(frozen=True)
class ProvenPerson:
    """A person at the provider. `issuer` and `subject` identify them; everything else may
    change.
    """

    issuer: str
    subject: str
    address: str
    name: str
    groups: Sequence[str]
    session: str | None


def needs_userinfo(claims: Mapping[str, Any], settings: Oidc) -> bool:
    """Whether the ID token lacks claims that the provider may return at its userinfo endpoint."""
    wanted = (settings.address_claim, settings.groups_claim)
    return any(name not in claims for name in wanted)


def proven_person(claims: Mapping[str, Any], settings: Oidc) -> ProvenPerson:
    """The person of verified claims. Raises IdentityRefusedError if the claims contain no verified
    address.
    """
    groups = _groups(claims.get(settings.groups_claim))
    if settings.allowed_groups and set(groups).isdisjoint(settings.allowed_groups):
        raise IdentityRefusedError(
            IdentityProblem.NOT_ALLOWED,
            "the person is in none of the groups in desk.oidc.allowed_groups",
        )
    address = _address(claims, settings)
    session = claims.get("sid")
    return ProvenPerson(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        address=address,
        name=_name(claims, address),
        groups=groups,
        session=session if isinstance(session, str) and 0 < len(session) <= 255 else None,
    )


def _address(claims: Mapping[str, Any], settings: Oidc) -> str:
    name = settings.address_claim
    value = claims.get(name)
    if not isinstance(value, str):
        raise IdentityRefusedError(
            IdentityProblem.NO_ADDRESS, f"the provider sends no claim {name}"
        )
    # Without this check, anyone who can enter an address at the provider would get the roles of its
    # owner.
    if name == "email" and claims.get("email_verified") is not True:
        raise IdentityRefusedError(
            IdentityProblem.UNVERIFIED_ADDRESS, "the provider has not verified the person's address"
        )
    try:
        return normal_address(value)
    except AccountError:
        raise IdentityRefusedError(
            IdentityProblem.NO_ADDRESS, f"the claim {name} is not an address"
        ) from None


def _name(claims: Mapping[str, Any], address: str) -> str:
    for name in ("name", "preferred_username"):
        value = claims.get(name)
        if isinstance(value, str):
            try:
                return checked_line(value[:_MAX_NAME_CHARS], "name")
            except AccountError:
                continue
    return address


def _groups(value: object) -> list[str]:
    """The groups that are strings; none if the claim has another shape."""
    groups = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    found = []
    for group in groups[:_MAX_GROUPS]:
        try:
            found.append(checked_line(group, "group") if isinstance(group, str) else "")
        except AccountError:
            continue
    return sorted({group for group in found if group})
