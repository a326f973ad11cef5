"""The keys of the texts: one frozen struct per area of the desk, so that mypy and a test find
missing texts.

A text may contain placeholders such as `{name}`. Templates fill them in with the filter `fill`; the
result is then escaped as usual.
"""

from collections.abc import Mapping

import msgspec

from services.desk.pages.i18n.failures import Failures
from services.desk.pages.i18n.plurals import Plural


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The frame of every page, and words that many pages use."""

    skip_link: str
    navigation: str
    menu: str
    language: str
    theme: str
    theme_auto: str
    theme_light: str
    theme_dark: str
    account: str
    sign_out: str
    keyboard: str
    close: str
    save: str
    cancel: str
    delete: str
    undo: str
    apply: str
    next_page: str
    first_page: str
    nobody: str
    none: str
    yes: str
    no: str
    every: str
    from_to: str
    opens_new_window: str
    none_here: str
    live_off: str


class Navigation(msgspec.Struct, frozen=True, kw_only=True):
    """The main navigation; also the titles of these pages."""

    todo: str
    mine: str
    unassigned: str
    all: str
    closed: str
    search: str
    parked: str
    dead: str
    mailboxes: str
    flow: str
    people: str
    work: str
    operations: str
    saved: str


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The sign-in page and the page of a one-time link."""

    title: str
    address: str
    password: str
    new_password: str
    new_password_hint: str
    repeat_password: str
    submit: str
    set_password: str
    with_provider: str
    signed_out: str
    out_of_provider: str
    busy: str
    unavailable: str
    provider: str
    failed: str
    limited: str
    link_title: str
    first_account: str
    create_account: str
    link_invalid: str


class WorkList(msgspec.Struct, frozen=True, kw_only=True):
    """Lists of cases."""

    filters: str
    process: str
    stage: str
    sort: str
    sort_updated: str
    sort_due: str
    sort_number: str
    text: str
    overdue_only: str
    overdue: str
    due: str
    select: str
    select_all: str
    selected: Plural
    cases: Plural
    more_than: str
    comments: Plural
    attachments: Plural
    assign: str
    assign_to: str
    assign_to_me: str
    move: str
    move_to: str
    close_cases: str
    no_subject: str
    empty_title: str
    empty_text: str
    save_view: str
    remove_view: str
    view_name: str
    done: Plural
    failed: Plural
    undone: Plural
    not_undone: Plural
    updated: str
    assignee: str


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    """One case."""

    conversation: str
    details: str
    stage_title: str
    move_to: str
    current_stage: str
    not_now: str
    close: str
    reopen: str
    closed: str
    opened: str
    opened_by: str
    participants: str
    due: str
    no_due: str
    due_remove: str
    title: str
    edit: str
    fields: str
    no_fields: str
    field_by_person: str
    field_source: str
    field_evidence: str
    field_also: str
    field_sources: Mapping[str, str]
    history: str
    quoted_lines: Plural
    formatted: str
    formatted_title: str
    original: str
    download: str
    preview: str
    files: str
    note: str
    note_add: str
    note_text: str
    note_hint: str
    note_save: str
    answer: str
    sent: str
    mail: str
    bounce: str
    automatic: str
    on_its_way: str
    leaves_in: str
    take_back: str
    delivery_failed: str
    delivery_delayed: str
    flags: str
    doing: Mapping[str, str]
    merged_into: str
    merged_in: str
    links: str
    link_kinds: Mapping[str, str]
    link_by: Mapping[str, str]
    merge: str
    merge_target: str
    merge_hint: str
    unmerge: str
    split: str
    split_hint: str
    no_mail: str
    done_moved: str
    done_assigned: str
    done_closed: str
    done_reopened: str
    stale: str
    newer: str
    empty_text: str
    earlier: str
    print: str
    back: str
    draft: str
    to: str
    cc: str


class Composer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer form. `reasons` explain why someone is a recipient, by `composer.Reason`."""

    title: str
    recipients: str
    recipients_hint: str
    only_author: str
    add: str
    add_hint: str
    outside: str
    bounced: str
    copy: str
    subject: str
    text: str
    quote: str
    quoted_mail: str
    files: str
    files_hint: str
    files_wait: str
    send: str
    hold: str
    draft_save: str
    draft_saved: str
    draft_unsaved: str
    draft_changed: str
    draft_refused: str
    draft_signed_out: str
    file_not_added: str
    draft_delete: str
    snippet: str
    snippet_insert: str
    left_out: str
    no_recipient: str
    reasons: Mapping[str, str]


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Search."""

    title: str
    placeholder: str
    submit: str
    more_matches: Plural
    no_results: str
    hint: str
    open_only: str
    in_process: str


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Parked mail, and dead letters."""

    intro: str
    reason: str
    since: str
    author: str
    subject: str
    mailbox: str
    why: str
    evidence: str
    today: str
    today_hint: str
    headers: str
    retry: str
    retry_hint: str
    discard: str
    discard_why: str
    put_into: str
    case_number: str
    put: str
    empty_title: str
    empty_text: str
    mails: Plural
    not_retryable: str
    not_done: Plural
    dead_intro: str
    dead_empty_title: str
    dead_empty_text: str
    dead_letters: Plural
    dead_retry_hint: str
    dead_unreachable: str
    dead_retried: Plural
    dead_discarded: Plural
    dead_failed: Plural
    dead_unreadable: str
    dead_trace: str
    queue: str
    discarded: str
    actions: Mapping[str, str]
    requested: str


class MailboxesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Mailboxes."""

    state: str
    states: Mapping[str, str]
    last_success: str
    waiting: str
    unknown: str
    oldest: str
    why_down: str
    unread_hint: str
    test: str
    test_passed: str
    test_failed: str
    answer: str
    settings: str
    settings_hint: str
    process: str
    folder: str
    server: str
    never: str


class FlowPage(msgspec.Struct, frozen=True, kw_only=True):
    """The live picture of the pipeline. `nodes` are its parts."""

    intro: str
    nodes: Mapping[str, str]
    waiting: str
    rate: str
    oldest: str
    consumers: str
    outcomes: str
    outcomes_hint: str
    outcome: Mapping[str, str]
    hour: str
    stopped: str
    table: str


class PeoplePage(msgspec.Struct, frozen=True, kw_only=True):
    """People, tokens, sessions, webhooks and the audit log."""

    people: str
    tokens: str
    sessions: str
    webhooks: str
    audit: str
    name: str
    address: str
    groups: str
    groups_hint: str
    admin: str
    state: str
    active: str
    disabled: str
    disable: str
    enable: str
    last_seen: str
    add_person: str
    add: str
    link_created: str
    link_hint: str
    new_link: str
    detach: str
    detach_hint: str
    token_name: str
    scopes: str
    expires: str
    never_expires: str
    revoke: str
    create_token: str
    token_created: str
    token_hint: str
    token_renewed: str
    browser: str
    this_session: str
    revoke_session: str
    url: str
    events: str
    add_webhook: str
    secret: str
    deliveries: str
    delivery_states: Mapping[str, str]
    gone: str
    redeliver: str
    who: str
    what: str
    when: str
    object: str
    my_account: str
    change_password: str
    current_password: str
    wrong_password: str
    audit_actions: Mapping[str, str]
    audit_objects: Mapping[str, str]
    event_names: Mapping[str, str]
    scope_names: Mapping[str, str]
    all_events: str
    events_hint: str


class ErrorPages(msgspec.Struct, frozen=True, kw_only=True):
    """Error pages: title and text by status, and what to do next."""

    titles: Mapping[int, str]
    texts: Mapping[int, str]
    back: str
    back_to_case: str
    reference: str
    kept: str
    kept_choice: str
    kept_ticks: Plural
    kept_files: str
    kept_uploads: Plural
    kept_signed_out: str
    send_again: str


class Keyboard(msgspec.Struct, frozen=True, kw_only=True):
    """The help that `?` opens."""

    title: str
    go_todo: str
    go_mine: str
    go_search: str
    next: str
    previous: str
    open: str
    select: str
    move: str
    file: str
    answer: str
    note: str
    assign_me: str
    help: str
    send: str
    leave: str


class MailFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The framed view of a mail's HTML."""

    title: str
    withheld: Plural
    show_images: str
    hide_images: str
    shown: str


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The constant words of `schemas.flags`, `schemas.reasons` and `schemas.changes` for people."""

    comment_flags: Mapping[str, str]
    attachment_flags: Mapping[str, str]
    case_flags: Mapping[str, str]
    park_reasons: Mapping[str, str]
    ignore_reasons: Mapping[str, str]
    evidence: Mapping[str, str]
    changes: Mapping[str, str]

    def shown_evidence(self, text: str) -> str:
        """Evidence of a decision: our own words and the names of rules translated, the rest as it
        is.
        """
        word, _, rest = text.partition(" ")
        if rest and word in self.evidence:
            return f"{self.evidence[word]} {rest}"
        return self.evidence.get(text, text)


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """All texts in one language. `name` is the language's own, `code` its BCP 47 tag."""

    code: str
    name: str
    frame: Frame
    nav: Navigation
    sign_in: SignIn
    list: WorkList
    case: CasePage
    compose: Composer
    search: SearchPage
    parked: ParkedPage
    mailboxes: MailboxesPage
    flow: FlowPage
    people: PeoplePage
    errors: ErrorPages
    keys: Keyboard
    mail: MailFrame
    words: Words
    failures: Failures
