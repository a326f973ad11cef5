"""People, sessions, tokens, webhooks, the audit log, and the pages before signing in."""

from datetime import datetime

import msgspec

from services.desk.pages.views.lists import Option


class SignInView(msgspec.Struct, frozen=True, kw_only=True):
    """The sign-in form. `error` is a key of the texts, and `detail` a sentence more.

    `provider_href` leads to the OpenID provider, None for accounts of our own; after signing out,
    `provider_out_href` signs out there.
    """

    next: str = "/"
    address: str = ""
    error: str | None = None
    detail: str = ""
    provider_href: str | None = None
    provider_out_href: str | None = None
    has_local: bool = True


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of a one-time link. `is_valid` is false if the link was used or has expired. The
    first visitor (`is_first`) also enters name and address.
    """

    token: str
    name: str = ""
    address: str = ""
    is_valid: bool = True
    is_first: bool = False
    error: str | None = None


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account; `has_identity` is true if its person signs in with the OpenID provider."""

    id: str
    name: str
    address: str
    groups: tuple[str, ...] = ()
    is_admin: bool = False
    is_active: bool = True
    has_identity: bool = False


class PeopleView(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts; `link` is a one-time link that was just created, for `link_name`."""

    rows: tuple[PersonRow, ...]
    link: str | None = None
    link_name: str = ""


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    seen_at: datetime | None = None


class TokensView(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens that the viewer may see; `secret` is that of a new one, shown only this time.
    `is_renewed` is set if the form was sent before, so that the token had another secret.
    """

    rows: tuple[TokenRow, ...]
    scopes: tuple[Option, ...] = ()
    secret: str | None = None
    is_renewed: bool = False


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session of the viewer; `details` is what the browser calls itself."""

    id: str
    browser: str
    details: str = ""
    started_at: datetime
    seen_at: datetime
    is_current: bool = False


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The viewer's own account. `error` says what is wrong with the field `error_field` of the form
    for the password.
    """

    name: str
    address: str
    sessions: tuple[SessionRow, ...] = ()
    has_password: bool = False
    error: str | None = None
    error_field: str = ""


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of an event. `state` is a key of the texts' `delivery_states`, `problem` that of
    the last attempt, empty if it succeeded; `answer` is the receiver's text, in its language.
    """

    id: str
    event: str
    state: str
    at: datetime
    status: int | None = None
    problem: str = ""
    answer: str = ""


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook with its latest deliveries. `is_gone` if its receiver wanted no more events."""

    id: str
    url: str
    events: tuple[str, ...]
    is_active: bool = True
    is_gone: bool = False
    deliveries: tuple[DeliveryRow, ...] = ()


class WebhooksView(msgspec.Struct, frozen=True, kw_only=True):
    """All webhooks; `secret` is that of a new one, shown only this time."""

    rows: tuple[WebhookRow, ...]
    events: tuple[Option, ...] = ()
    secret: str | None = None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when and from where."""

    at: datetime
    who: str
    what: str
    object: str = ""
    address: str = ""


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, the latest first."""

    rows: tuple[AuditRow, ...]
    next_href: str | None = None


class KeptField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a form that could not be taken. `label` is empty for a field that people do not
    see.
    """

    name: str
    value: str
    label: str = ""


class KeptForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form that could not be taken, with what it contained, to be sent again. `files` are the
    names of its files, which a page cannot fill in; `uploads` is how many others are stored.
    `ticks` is how many things were chosen for a bulk action. `is_entered` is false if there is
    nothing else.
    """

    action: str
    fields: tuple[KeptField, ...]
    files: tuple[str, ...] = ()
    uploads: int = 0
    ticks: int = 0
    is_entered: bool = True


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """An error page. `detail` is the API's own explanation, `reference` finds it in the log. `kept`
    is the form that it answers, None if there is nothing to keep.
    """

    status: int
    detail: str = ""
    reference: str = ""
    back_href: str = "/"
    kept: KeptForm | None = None
