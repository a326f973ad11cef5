"""The frame of every page."""

from collections.abc import Mapping
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


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The values that every template gets.

    `nonce` is the nonce in this response's Content-Security-Policy. `here` is path and query of the
    page, for coming back to it. `section` is the current entry of the navigation. `zone` is an IANA
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
