"""Pages with invented content, for tests and screenshots."""

from datetime import UTC, datetime, timedelta

from msgspec import structs

from services.desk.pages.views.case import (
    CaseLink,
    CaseScreen,
    ComposerView,
    Entry,
    FieldRow,
    FileView,
    HistoryEntry,
    NoteView,
    OtherValue,
    Present,
    Recipient,
    StageButton,
)
from services.desk.pages.views.lists import (
    Assignee,
    CaseRow,
    ListFilters,
    ListView,
    Match,
    Option,
    SearchView,
    StageCount,
)
from services.desk.pages.views.operations import (
    DeadLetterRow,
    DeadLettersView,
    FlowNode,
    FlowView,
    HeaderLine,
    HourOutcomes,
    MailboxesView,
    MailboxRow,
    ParkedListView,
    ParkedMailView,
    ParkedRow,
)
from services.desk.pages.views.page import Link, Navigation, Page, Viewer
from services.desk.pages.views.people import (
    AccountView,
    AuditRow,
    AuditView,
    DeliveryRow,
    ErrorView,
    LinkView,
    PeopleView,
    PersonRow,
    SessionRow,
    SignInView,
    TokenRow,
    TokensView,
    WebhookRow,
    WebhooksView,
)

NOW = datetime(2026, 11, 29, 13, 5, tzinfo=UTC)
ANNA = Assignee(name="Anna Nowak", initials="AN")
TEAM = Assignee(name="accounting", initials="AC", is_group=True)
_PEOPLE = (
    Option(value="anna@firm.example", title="Anna Nowak", is_chosen=True),
    Option(value="marek@firm.example", title="Marek Zając"),
    Option(value="group:accounting", title="accounting"),
)
_SUBJECTS = (
    ("Faktura FV/2026/11/0418 za transport paliwa", "Transport Wielkopolski", "Registration"),
    ("Question about the due date of invoice 2026-5581", "Jane Harper", "Approval"),
    ("Korekta do faktury 77/10/2026 – błędny NIP nabywcy", "Biuro Rachunkowe Liczydło", "Approval"),
    ("Invoice for office supplies, November", "Paper & Pen Ltd", "Registration"),
    ("Zmiana numeru rachunku bankowego", "Hurtownia Elektryczna Iskra", "Registration"),
    ("Re: Order 4711 – delivery delayed by a week", "Piotr Wiśniewski", "Approval"),
    ("Faktura za energię 11/2026", "Energetyka Północ", "Registration"),
    ("Reminder: two invoices are past due", "Nordic Steel AS", "Approval"),
)


def page(language: str = "en", **changes: object) -> Page:
    """The frame of all pages, for a signed-in administrator."""
    viewer = Viewer(name="Anna Nowak", address="anna@firm.example", can_park=True, can_admin=True)
    values: dict[str, object] = {
        "language": language,
        "nonce": "bm9uY2Utb2YtdGVzdHM",
        "now": NOW,
        "title": "To do",
        "here": "/todo",
        "section": "todo",
        "zone": "Europe/Warsaw",
        "viewer": viewer,
        "navigation": Navigation(
            counts={"todo": 14, "mine": 3, "unassigned": 9, "parked": 2},
            saved_views=(Link(title="Energy suppliers", href="/all?text=energ"),),
        ),
    }
    return Page(**(values | changes))  # type: ignore[arg-type] # a test names what it changes


def rows(count: int = 8, first: int = 235) -> tuple[CaseRow, ...]:
    """Cases of a list that together show everything that a row can show."""
    return tuple(_row(index, first - index) for index in range(count))


def found() -> tuple[CaseRow, ...]:
    """Search results, one of them with further hits in the same case."""
    first, *others = rows(3)
    matches = tuple(
        Match(href=f"/cases/235#c-{key}", author=author, snippet=snippet)
        for key, author, snippet in (
            ("b2", "Jan Kowalski", "… the invoice FV/2026/11/0418 was sent a second time …"),
            ("c3", "Anna Nowak", "Invoice FV/2026/11/0418 is waiting for approval."),
        )
    )
    snippet = "… please find invoice FV/2026/11/0418 attached …"
    return (structs.replace(first, snippet=snippet, matches=matches, more_matches=5), *others)


def _row(index: int, number: int) -> CaseRow:
    title, author, stage = _SUBJECTS[index % len(_SUBJECTS)]
    return CaseRow(
        number=number,
        reference=f"[#{number}]",
        revision=index + 1,
        href=f"/cases/{number}",
        title=title,
        author=author,
        process_title="Cost invoice circulation",
        stage_title=stage,
        is_closed=index == 7,
        is_overdue=False,
        due_at=NOW + timedelta(days=2) if index % 3 == 1 else None,
        updated_at=NOW - timedelta(minutes=17 * index * index),
        assignee=(ANNA, None, TEAM)[index % 3],
        flags=("account-changed",) if index == 4 else ("duplicate-of",) if index == 6 else (),
        comment_count=index % 4 + 1,
        attachment_count=(2, 0, 1)[index % 3],
    )


def work_list() -> ListView:
    """A list with overdue cases at the top, filters, counts and a next page."""
    late = CaseRow(
        number=198,
        reference="[#198]",
        revision=4,
        href="/cases/198",
        title="Wezwanie do zapłaty – faktura FV 551/2026",
        author="Kancelaria Dąb",
        process_title="Cost invoice circulation",
        stage_title="Approval",
        is_closed=False,
        is_overdue=True,
        due_at=NOW - timedelta(days=1),
        updated_at=NOW - timedelta(days=3),
        assignee=ANNA,
        comment_count=5,
        attachment_count=1,
    )
    return ListView(
        is_mixed=True,
        name="todo",
        title="To do",
        path="/todo",
        here="/todo",
        rows=rows(),
        overdue=(late,),
        filters=ListFilters(
            processes=(Option(value="invoices", title="Cost invoice circulation"),),
            stages=(Option(value="approval", title="Approval"),),
            sorts=(Option(value="updated", title="Last change", is_chosen=True),),
        ),
        stages=(
            StageCount(title="All", process_title="", href="/todo", count=14, is_current=True),
            StageCount(
                title="Registration",
                process_title="Cost invoice circulation",
                href="/todo?stage=registration",
                count=9,
            ),
            StageCount(
                title="Approval",
                process_title="Cost invoice circulation",
                href="/todo?stage=approval",
                count=5,
            ),
        ),
        people=_PEOPLE,
        moves=(Option(value="approval", title="Approval"),),
        total=14,
        next_href="/todo?cursor=abc",
        can_work=True,
    )


def entries() -> tuple[Entry, ...]:
    """A conversation with all kinds of entries."""
    files = (
        FileView(
            name="FV-2026-11-0418.pdf",
            content_type="application/pdf",
            size=182_400,
            href="/cases/235/attachments/aa",
            preview="pdf",
            preview_href="/cases/235/attachments/aa?show=true",
        ),
        FileView(
            name="faktura.xml",
            content_type="text/xml",
            size=9_120,
            href="/cases/235/attachments/bb",
            flags=("type-mismatch",),
            preview="text",
            preview_href="/cases/235/attachments/bb?show=true",
        ),
    )
    return (
        Entry(
            id="m1",
            kind="mail",
            author="Jan Kowalski",
            address="jan@transport.example",
            at=NOW - timedelta(days=1, hours=3),
            text="Dzień dobry,\n\nw załączeniu faktura za transport paliwa w listopadzie. "
            "Proszę o potwierdzenie otrzymania oraz informację o terminie płatności.\n\n"
            "Z poważaniem\nJan Kowalski",
            quoted="W dniu 20.11.2026 Anna Nowak napisała:\n> Prosimy o fakturę do końca miesiąca.",
            quoted_lines=2,
            files=files,
            flags=("unverified-sender", "charset-repaired"),
            mail_href="/cases/235/comments/m1/mail",
            original_href="/cases/235/comments/m1/original",
            split_href="/cases/235/splits",
        ),
        Entry(
            id="n1",
            kind="note",
            author="Marek Zając",
            address="marek@firm.example",
            at=NOW - timedelta(hours=5),
            text="The amount matches the order. Waiting for the delivery note before approval.",
        ),
        Entry(
            id="s1",
            kind="sent",
            author="Anna Nowak",
            address="invoices@firm.example",
            at=NOW - timedelta(hours=4),
            text="Dzień dobry,\n\npotwierdzamy otrzymanie faktury. Termin płatności to 14 dni.\n\n"
            "Anna Nowak",
            to=("jan@transport.example",),
            cc=("biuro@transport.example",),
            failure="550 5.1.1 no such mailbox",
        ),
        Entry(
            id="w1",
            kind="waiting",
            author="Anna Nowak",
            address="anna@firm.example",
            at=NOW,
            text="Dziękuję, wszystko się zgadza.",
            to=("jan@transport.example",),
            leaves_at=NOW + timedelta(seconds=12),
            recall_href="/cases/235/answers/a1/recall",
        ),
    )


def composer() -> ComposerView:
    """An answer with recipients of several kinds, a quote and a draft."""
    return ComposerView(
        case=235,
        revision=17,
        recipients=(
            Recipient(
                address="jan@transport.example",
                name="Jan Kowalski",
                reason="author",
                is_chosen=True,
            ),
            Recipient(
                address="biuro@transport.example",
                name="",
                reason="copied",
                is_chosen=True,
                is_copy=True,
            ),
            Recipient(
                address="prezes@other.example",
                name="Ewa Lis",
                reason="recipient",
                is_chosen=False,
                is_copy=True,
                is_outside=True,
            ),
            Recipient(
                address="invoices@firm.example",
                name="",
                reason="own",
                is_chosen=False,
                is_usable=False,
            ),
        ),
        subject="[#235] Faktura FV/2026/11/0418 za transport paliwa",
        text="Dzień dobry,\n",
        quoted="W dniu 28.11.2026 o 11:05 Jan Kowalski napisał(a):\n> Dzień dobry,",
        draft_at=NOW,
        snippets=(Option(value="Dziękujemy za fakturę.", title="Podziękowanie"),),
    )


def case() -> CaseScreen:
    """A case with everything that its page can show."""
    return CaseScreen(
        number=235,
        reference="[#235]",
        revision=17,
        title="Faktura FV/2026/11/0418 za transport paliwa",
        process_title="Cost invoice circulation",
        stage_title="Registration",
        is_closed=False,
        is_overdue=True,
        opened_at=NOW - timedelta(days=1),
        updated_at=NOW,
        due_at=NOW + timedelta(days=1),
        assignee=ANNA,
        assignee_id="anna@firm.example",
        flags=("field-conflict",),
        participants=("jan@transport.example", "biuro@transport.example"),
        stages=(
            StageButton(name="approval", title="Approval"),
            StageButton(
                name="paid",
                title="Paid",
                refusal="the field Gross is required for that stage; fill it in first",
            ),
        ),
        entries=entries(),
        fields=(
            FieldRow(
                name="invoice_number",
                title="Invoice number",
                kind="text",
                value="FV/2026/11/0418",
                source="invoice",
                evidence="faktura.xml: Fa/P_2",
                by="m1",
                at=NOW,
            ),
            FieldRow(
                name="gross",
                title="Gross",
                kind="money",
                value="12 300.00 PLN",
                source="person",
                by="Anna Nowak",
                at=NOW,
                has_conflict=True,
                others=(
                    OtherValue(
                        value="12 030.00 PLN", source="line", evidence="Gross: 12 030,00", at=NOW
                    ),
                ),
            ),
            FieldRow(name="paid", title="Paid in advance", kind="bool", value=False),
            FieldRow(name="seller", title="Seller's tax id", kind="nip", value=None),
        ),
        history=(
            HistoryEntry(
                revision=1, at=NOW - timedelta(days=1), actor="Jan Kowalski", what="opened"
            ),
            HistoryEntry(
                revision=2,
                at=NOW,
                actor="Anna Nowak",
                what="stage-moved",
                details={"from_stage": "Registration", "to_stage": "Approval"},
            ),
            HistoryEntry(revision=3, at=NOW, actor="Anna Nowak", what="assigned", details={}),
        ),
        people=_PEOPLE,
        links=(
            CaseLink(
                number=199,
                reference="[#199]",
                href="/cases/199",
                title="Transport",
                kind="duplicate-of",
                by="invoice",
            ),
        ),
        absorbed=(CaseLink(number=201, reference="[#201]", href="/cases/201"),),
        present=(Present(name="Marek Zając", doing="answering"),),
        draft_kinds=("answer",),
        can_work=True,
        can_answer=True,
    )


def parked() -> ParkedListView:
    """Parked mail and a dead letter."""
    return ParkedListView(
        rows=tuple(
            ParkedRow(
                key=f"{index}" * 64,
                href=f"/parked/{index}",
                reason=reason,
                process_title="Cost invoice circulation",
                mailbox="invoices",
                author="Unknown <stranger@elsewhere.example>",
                subject=subject,
                since=NOW - timedelta(hours=index * 7),
            )
            for index, (reason, subject) in enumerate(
                (
                    ("not-a-participant", "RE: Case [#198] was accepted"),
                    ("mail-loop", "Out of office: out of office"),
                )
            )
        ),
        reasons=(Option(value="mail-loop", title="A mail loop"),),
        total=2,
    )


def dead_letters() -> DeadLettersView:
    """A dead letter with a mail, and one that cannot be decoded."""
    return DeadLettersView(
        rows=(
            DeadLetterRow(
                id="0" * 12,
                queue="router.mail",
                reason="delivery_limit",
                since=NOW,
                kind="RawMail.v1",
                author="jan@supplier.example",
                subject="Faktura <b>17</b>",
                size=1_450,
                process_title="Cost invoice circulation",
                trace="ValueError: a value",
            ),
            DeadLetterRow(
                id="1" * 12, queue="case_writer.commands", reason="unreadable", detail="no <b> tag"
            ),
        )
    )


def parked_mail() -> ParkedMailView:
    """One parked mail."""
    return ParkedMailView(
        key="a" * 64,
        reason="not-a-participant",
        rule="case-reference",
        evidence=("subject: [#198]", "authentication: none"),
        process_title="Cost invoice circulation",
        mailbox="invoices",
        author="Unknown <stranger@elsewhere.example>",
        subject="RE: Case [#198] was accepted",
        since=NOW,
        text="Please pay to the new account.",
        files=("invoice.pdf",),
        defects=("charset-repaired",),
        today="park: not-a-participant",
        original_href="/parked/a/original",
    )


def mailboxes() -> MailboxesView:
    """A mailbox that works, and one that is down."""
    return MailboxesView(
        rows=(
            MailboxRow(
                name="invoices",
                address="invoices@firm.example",
                state="up",
                process_title="Cost invoice circulation",
                server="imap.firm.example",
                folder="INBOX",
                last_success=NOW,
                waiting=0,
                settings=(HeaderLine(name="password_file", value="***"),),
                test_passed=True,
            ),
            MailboxRow(
                name="complaints",
                address="complaints@firm.example",
                state="down",
                process_title="Complaints",
                server="imap.firm.example",
                folder="INBOX",
                waiting=1204,
                oldest=NOW - timedelta(hours=2),
                failure="Check user and password.",
                answer="[AUTHENTICATIONFAILED] Authentication failed.",
                test_passed=False,
                test_result="Check user and password.",
                test_answer="<b>no</b>",
            ),
        )
    )


def flow() -> FlowView:
    """A pipeline with a backlog at the router and without a sender."""
    return FlowView(
        nodes=(
            FlowNode(name="mailboxes", waiting=1204, rate=38.5),
            FlowNode(
                name="router",
                waiting=310,
                rate=1250.0,
                oldest=NOW - timedelta(seconds=42),
                consumers=1,
            ),
            FlowNode(name="case_writer", waiting=0, rate=1240.5, consumers=2),
            FlowNode(name="cases", rate=1240.0),
            FlowNode(name="extractor", waiting=12, consumers=1),
            FlowNode(name="sender", waiting=4, consumers=0),
            FlowNode(name="parked", waiting=2),
        ),
        hours=tuple(
            HourOutcomes(
                hour=NOW - timedelta(hours=24 - hour),
                opened=(hour * 7) % 40,
                appended=(hour * 5) % 23,
                ignored=hour % 4,
                parked=1 if hour % 6 == 0 else 0,
            )
            for hour in range(24)
        ),
    )


def people() -> PeopleView:
    """Accounts, and a link that was just created."""
    return PeopleView(
        rows=(
            PersonRow(
                id="anna@firm.example",
                name="Anna Nowak",
                address="anna@firm.example",
                groups=("accounting",),
                is_admin=True,
            ),
            PersonRow(
                id="marek@firm.example",
                name="Marek Zając",
                address="marek@firm.example",
                is_active=False,
            ),
        ),
        link="https://cases.firm.example/welcome#abc",
        link_name="Marek Zając",
    )


PAGES: dict[str, tuple[str, object]] = {
    "todo": ("work/list.html", work_list()),
    "case": ("work/case.html", case()),
    "search": ("work/search.html", SearchView(query="faktura", rows=found())),
    "search-empty": ("work/search.html", SearchView(query="<script>", rows=())),
    "parked": ("operations/parked.html", parked()),
    "dead": ("operations/dead_letters.html", dead_letters()),
    "dead, broker away": (
        "operations/dead_letters.html",
        DeadLettersView(rows=(), is_reachable=False),
    ),
    "parked-empty": ("operations/parked.html", ParkedListView(rows=())),
    "parked-mail": ("operations/parked_mail.html", parked_mail()),
    "mailboxes": ("operations/mailboxes.html", mailboxes()),
    "flow": ("operations/flow.html", flow()),
    "people": ("people/people.html", people()),
    "tokens": (
        "people/tokens.html",
        TokensView(
            rows=(
                TokenRow(
                    id="1", name="Bookkeeping", owner="anna@firm.example", scopes=("cases:read",)
                ),
            ),
            scopes=(Option(value="cases:read", title="cases:read", is_chosen=True),),
            secret="mlc_example",
        ),
    ),
    "account": (
        "people/account.html",
        AccountView(
            name="Anna Nowak",
            address="anna@firm.example",
            sessions=(
                SessionRow(
                    id="1", browser="Firefox, Linux", started_at=NOW, seen_at=NOW, is_current=True
                ),
                SessionRow(id="2", browser="Safari, iPhone", started_at=NOW, seen_at=NOW),
            ),
            has_password=True,
        ),
    ),
    "webhooks": (
        "people/webhooks.html",
        WebhooksView(
            rows=(
                WebhookRow(
                    id="1",
                    url="https://erp.firm.example/hook",
                    events=("opened",),
                    deliveries=(
                        DeliveryRow(id="d1", event="opened", state="delivered", at=NOW, status=204),
                        DeliveryRow(
                            id="d2",
                            event="opened",
                            state="failed",
                            at=NOW,
                            status=500,
                            problem="status",
                            answer="<b>no</b>",
                        ),
                    ),
                ),
            ),
            events=(Option(value="opened", title="opened"),),
        ),
    ),
    "audit": (
        "people/audit.html",
        AuditView(
            rows=(AuditRow(at=NOW, who="anna@firm.example", what="logged-in", address="192.0.2.7"),)
        ),
    ),
    "error": (
        "error.html",
        ErrorView(status=412, detail="case 235 is at revision 18", reference="r-1"),
    ),
}
COMPOSE = {
    "answer": ("work/compose_page.html", composer()),
    "note": ("work/compose_page.html", NoteView(case=235, revision=17)),
}
BEFORE_SIGN_IN: dict[str, tuple[str, object]] = {
    "sign-in": ("people/sign_in.html", SignInView(error="failed", address="anna@firm.example")),
    "link": ("people/link.html", LinkView(token="t", name="Anna")),
    "link-invalid": ("people/link.html", LinkView(token="t", is_valid=False)),
}
