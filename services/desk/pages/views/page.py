"""The frame of every page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

Theme = Literal["auto", "light", "dark"]
Tone = Literal["info", "good", "bad"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the page; `href` is a path of our own. `id` is that of a saved view, empty for
    others.
    """

    title: str
    href: str
    id: str = ""
    is_current: bool = False


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at the page. `can_park` and `can_admin` show the navigation's entries for those."""

    name: str
    address: str
    can_park: bool = False
    can_admin: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line above the content: what an action brought about. `undo` has the steps that
    `/cases/undo` takes, empty for none."""

    text: str
    tone: Tone = "info"
    undo: str = ""


class Navigation(msgspec.Struct, frozen=True, kw_only=True):
    """What the navigation shows of its reader: saved views, and the numbers next to entries."""

    saved_views: tuple[Link, ...] = ()
    counts: Mapping[str, int] = {}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every template gets.

    `nonce` is the one of this answer's Content-Security-Policy. `here` is path and query of the
    page, to come back to. `section` is the current entry of the navigation. `zone` is an IANA
    name. `viewer` is None before signing in.
    """

    language: str
    nonce: str
    now: datetime
    title: str
    here: str = "/"
    section: str = ""
    theme: Theme = "auto"
    zone: str = "UTC"
    viewer: Viewer | None = None
    navigation: Navigation = Navigation()
    message: Message | None = None
    live: str | None = None
