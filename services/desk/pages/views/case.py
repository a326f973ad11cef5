"""The page of a case, and the forms on it."""

from datetime import datetime
from typing import Literal

import msgspec

from services.desk.pages.views.lists import Assignee, Option

Preview = Literal["image", "pdf", "text", ""]


class StageButton(msgspec.Struct, frozen=True, kw_only=True):
    """A stage to move to; `refusal` says why that is not possible now."""

    name: str
    title: str
    refusal: str | None = None


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment; `preview` says how it may be shown in the page, empty if not at all."""

    name: str
    content_type: str
    size: int
    href: str
    flags: tuple[str, ...] = ()
    preview: Preview = ""
    preview_href: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the conversation. `kind` is the comment's, or `waiting` for a mail on its way.

    `quoted` is the text after the author's own new text, and `quoted_lines` how many lines of the
    mail are not their own. `mail_href` is the framed HTML, None if
    there is none; `remote_images` are those that it withholds. `leaves_at` is set while the mail
    can be recalled by a POST to `recall_href`.
    """

    id: str
    kind: str
    author: str
    address: str
    at: datetime
    text: str
    quoted: str = ""
    quoted_lines: int = 0
    subject: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    files: tuple[FileView, ...] = ()
    flags: tuple[str, ...] = ()
    failure: str | None = None
    mail_href: str | None = None
    remote_images: int = 0
    original_href: str | None = None
    leaves_at: datetime | None = None
    recall_href: str | None = None
    split_href: str | None = None
    is_new: bool = False


class FieldRow(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the case, and where its value comes from; `kind` is its type in the settings."""

    name: str
    title: str
    kind: str
    value: str | bool | None
    source: str = ""
    evidence: str = ""
    by: str = ""
    at: datetime | None = None
    choices: tuple[Option, ...] = ()
    has_conflict: bool = False
    others: tuple["OtherValue", ...] = ()


class OtherValue(msgspec.Struct, frozen=True, kw_only=True):
    """Another mail's value of a field, and where it is."""

    value: str | bool
    source: str
    evidence: str
    at: datetime
    href: str = ""


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change. `what` is the constant word, `details` the values for its text."""

    revision: int
    at: datetime
    actor: str
    what: str
    details: dict[str, str] = {}


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A possible recipient of an answer, and why they are one (`compose.reasons`)."""

    address: str
    name: str
    reason: str
    is_chosen: bool
    is_copy: bool = False
    is_outside: bool = False
    is_usable: bool = True


class ComposerView(msgspec.Struct, frozen=True, kw_only=True):
    """The answer form. `revision` is that of the case as the writer sees it; `hold_s` is in
    seconds.

    `draft_at` is when the draft was saved, None if there is none. `newer` are entries that came
    after the writer began. `editor` names this form among those that save the draft, `replaces` the
    one that saved it before; empty without a draft. `error` is about the field `error_field`, or
    the whole form if that is empty.
    """

    case: int
    revision: int
    recipients: tuple[Recipient, ...]
    subject: str
    text: str = ""
    quote: bool = True
    quoted: str = ""
    hold_s: int = 15
    draft_at: datetime | None = None
    uploads: tuple[FileView, ...] = ()
    upload_ids: tuple[str, ...] = ()
    snippets: tuple[Option, ...] = ()
    newer: tuple[Entry, ...] = ()
    added: str = ""
    error: str | None = None
    error_field: str = ""
    editor: str = ""
    replaces: str = ""


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """The note form; its last four values are those of ComposerView."""

    case: int
    revision: int
    text: str = ""
    upload_ids: tuple[str, ...] = ()
    uploads: tuple[FileView, ...] = ()
    draft_at: datetime | None = None
    error: str | None = None
    error_field: str = ""
    editor: str = ""
    replaces: str = ""


class CaseLink(msgspec.Struct, frozen=True, kw_only=True):
    """Another case that this one is linked with."""

    number: int
    reference: str
    href: str
    title: str = ""
    kind: str = ""
    by: str = ""


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """Someone else who has the case open; `doing` is a key of the texts' `doing`."""

    name: str
    doing: str


class CaseScreen(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its conversation. `can_work`, `can_unmerge` and `can_answer` decide which forms
    are shown; `sends_no_mail` says why nobody can answer: the process has no SMTP server.
    `draft_kinds` are the kinds of the reader's drafts.
    """

    number: int
    reference: str
    revision: int
    title: str
    process_title: str
    stage_title: str
    is_closed: bool
    is_overdue: bool
    opened_at: datetime
    updated_at: datetime
    due_at: datetime | None
    assignee: Assignee | None
    assignee_id: str
    flags: tuple[str, ...]
    participants: tuple[str, ...]
    stages: tuple[StageButton, ...]
    entries: tuple[Entry, ...]
    fields: tuple[FieldRow, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    people: tuple[Option, ...] = ()
    links: tuple[CaseLink, ...] = ()
    merged_into: CaseLink | None = None
    absorbed: tuple[CaseLink, ...] = ()
    present: tuple[Present, ...] = ()
    draft_kinds: tuple[str, ...] = ()
    later_href: str | None = None
    back_href: str = "/todo"
    can_work: bool = False
    can_unmerge: bool = False
    can_answer: bool = False
    sends_no_mail: bool = False
