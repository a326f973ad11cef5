"""The frame of every page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

Theme = Literal["auto", "light", "dark"]
Tone = Literal["info", "good", "bad"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link in the page; `href` is a path of ours. `id` is the id of a saved view, empty for other
    links.
    """

    title: str
    href: str
    id: str = ""
    is_current: bool = False


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """The reader of the page. `can_park` and `can_admin` say whether the navigation shows those
    entries.
    """

    name: str
    address: str
    can_park: bool = False
    can_admin: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line above the content: the result of an action. `undo` contains the steps for
    `/cases/undo`, empty if there are none.
    """

    text: str
    tone: Tone = "info"
    undo: str = ""


class Navigation(msgspec.Struct, frozen=True, kw_only=True):
    """What the navigation shows of its reader: saved views, and the numbers next to entries."""

    saved_views: tuple[Link, ...] = ()
    counts: Mapping[str, int] = {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A form that was refused. `action` is its URL, `values` are what it contained, and `why` is
    for its reader. `field` is the name of the field to correct, empty for the whole form.
    """

    action: str
    values: Mapping[str, Sequence[str]]
    why: str
    field: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The values that every template gets.

    `nonce` is the nonce in this response's Content-Security-Policy. `form_key` is that of its forms
    that create something: what one of them creates is created once, however often it is sent.
    `here` is path and query of the page, for coming back to it. `section` is the current entry of
    the navigation. `zone` is an IANA name. `viewer` is None before signing in. `refusal` is that of
    a form of the page, None if there is none.
    """

    language: str
    nonce: str
    now: datetime
    title: str
    form_key: str = ""
    here: str = "/"
    section: str = ""
    theme: Theme = "auto"
    zone: str = "UTC"
    viewer: Viewer | None = None
    navigation: Navigation = Navigation()
    message: Message | None = None
    live: str | None = None
    refusal: Refusal | None = None

    def typed(self, action: str, name: str, value: str = "") -> str:
        """The value of a field: what its reader entered in the refused form, or `value`, also if
        they left the field as it was (`was.` and its name).
        """
        entered = self._entered(action, name)
        return (
            value if not entered or entered == self._entered(action, f"was.{name}") else entered[0]
        )

    def picked(self, action: str, name: str, value: str, *, otherwise: bool = False) -> bool:
        """Whether a checkbox is ticked: as in the refused form with that action, or `otherwise`."""
        if self.refusal is None or self.refusal.action != action:
            return otherwise
        return value in self.refusal.values.get(name, ())

    def refused(self, action: str, part: str) -> bool:
        """Whether the form with that action and a field `part` was refused: several forms of a page
        may have the same action.
        """
        return bool(self._entered(action, part))

    def wrong(self, action: str, name: str) -> bool:
        """Whether that field of the refused form is the one to correct."""
        found = self.refusal
        return found is not None and (found.action, found.field) == (action, name)

    def _entered(self, action: str, name: str) -> Sequence[str]:
        if self.refusal is None or self.refusal.action != action:
            return ()
        return self.refusal.values.get(name, ())
