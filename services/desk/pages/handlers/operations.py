"""Parked mail, mailboxes, and the flow."""

from starlette.responses import Response

from schemas.reasons import ParkReason
from services.desk.api.operations.flow import FlowView as ApiFlow
from services.desk.api.operations.mailboxes import LoginTestView, MailboxList, MailboxView
from services.desk.api.operations.parked import ParkedList, ParkedResults
from services.desk.api.operations.parked_views import ParkedView
from services.desk.http.problems import ProblemError
from services.desk.pages.case_views import with_query
from services.desk.pages.handlers.cases import typed_number
from services.desk.pages.refusals import PartlyRefusedError
from services.desk.pages.views.lists import Option
from services.desk.pages.views.operations import (
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
from services.desk.pages.views.page import Message
from services.desk.pages.visit import Visit
from services.runtime.broker.topology import CASE_WRITER_COMMANDS, EXTRACTOR_WORK, ROUTER_MAIL

_DEAD = ".dead"
# For these, the last evidence is the text of an error.
_FAILURES = frozenset(
    {
        ParkReason.CANNOT_BE_CLASSIFIED,
        ParkReason.CANNOT_BE_WRITTEN,
        ParkReason.READING_FAILED,
        ParkReason.READING_TAKES_TOO_LONG,
        ParkReason.READING_TAKES_TOO_MUCH_MEMORY,
    }
)


async def show_parked_list(visit: Visit) -> Response:
    """Shows the mails that wait for a person, oldest first."""
    params = visit.request.query_params
    reason = params.get("reason", "")
    query = {"reason": reason, "cursor": params.get("cursor", "")}
    found: ParkedList = (
        await visit.api("list_parked", query={key: value for key, value in query.items() if value})
    ).body
    flow: ApiFlow = (await visit.api("show_flow")).body
    view = ParkedListView(
        rows=tuple(
            ParkedRow(
                key=mail.key,
                href=f"/parked/{mail.key}",
                reason=mail.reason,
                process_title=_process_title(visit, mail.process),
                mailbox=mail.mailbox,
                author=mail.author,
                subject=mail.subject,
                since=mail.recorded_at,
            )
            for mail in found.items
        ),
        reasons=tuple(
            Option(value=word, title=text, is_chosen=word == reason)
            for word, text in visit.t.words.park_reasons.items()
        ),
        total=flow.parked if not reason else None,
        next_href=with_query("/parked", reason=reason, cursor=found.next) if found.next else None,
    )
    page = visit.page(visit.t.nav.parked, "parked")
    return await visit.html("operations/parked.html", page, view=view)


async def show_parked_mail(visit: Visit) -> Response:
    """Shows one parked mail: the reason, its content, and the decision of the current rules."""
    mail: ParkedView = (await visit.api("show_parked")).body
    today = ""
    if mail.today is not None:
        reason = visit.t.words.park_reasons.get(mail.today.reason or "", mail.today.reason or "")
        action = visit.t.parked.actions.get(mail.today.action, mail.today.action)
        cases = ", ".join(visit.desk.reference.write(number) for number in mail.today.cases)
        today = " · ".join(part for part in (action, reason, cases) if part)
    evidence = list(mail.evidence)
    failure = evidence.pop() if evidence and mail.reason in _FAILURES else ""
    view = ParkedMailView(
        key=mail.key,
        reason=mail.reason,
        rule=mail.rule,
        evidence=tuple(map(visit.t.words.shown_evidence, evidence)),
        failure=failure,
        process_title=_process_title(visit, mail.process),
        mailbox=mail.mailbox,
        author=mail.author,
        subject=mail.subject,
        since=mail.recorded_at,
        text=mail.text or "",
        files=tuple(mail.files or ()),
        defects=tuple(mail.defects),
        today=today,
        not_retryable=visit.t.failures.refusal(mail.not_retryable, {}, mail.why_not_retryable),
        original_href=f"/parked/{mail.key}/original" if mail.size is not None else None,
    )
    page = visit.page(mail.subject or visit.t.nav.parked, "parked")
    return await visit.html("operations/parked_mail.html", page, view=view)


async def parked_original(visit: Visit) -> Response:
    """Sends the exact bytes of a parked mail."""
    response = await visit.api_response("download_parked", request=visit.request)
    if not isinstance(response, Response):
        raise TypeError("download_parked answers with a file")
    return response


async def retry(visit: Visit) -> Response:
    """Sends the mail to the router again."""
    await visit.api("retry_parked")
    return visit.redirect("/parked", visit.t.parked.requested)


async def discard(visit: Visit) -> Response:
    """Ignores the mail for good."""
    await visit.api("discard_parked", body={"why": visit.text("why")})
    return visit.redirect("/parked", visit.t.parked.discarded)


async def place(visit: Visit) -> Response:
    """Adds the mail to the case with the typed number."""
    await visit.api("add_parked", body={"case": typed_number(visit.text("number"))})
    return visit.redirect("/parked", visit.t.parked.requested)


async def act_on_parked(visit: Visit) -> Response:
    """Retries or discards the chosen mails, each separately."""
    keys = visit.texts("mail")[:200]
    if not keys:
        return visit.redirect("/parked")
    body = {
        "action": "discard" if visit.text("do") == "discard" else "retry",
        "keys": keys,
        "why": visit.text("why") or None,
    }
    results: ParkedResults = (await visit.api("bulk_parked", body=body)).body
    refused = [result for result in results.items if not result.accepted]
    if not refused:
        return visit.redirect("/parked", visit.t.parked.requested)
    if len(refused) == len(results.items) == 1:
        raise ProblemError(409, refused[0].reason, refused[0].detail)
    text = visit.t.parked.not_done.form(len(refused)).format(n=len(refused))
    why = visit.t.failures.refusal(refused[0].reason, {}, refused[0].detail)
    left = [result.key for result in refused]
    raise PartlyRefusedError("mail", left, Message(text=f"{text} {why}", tone="bad"))


async def show_mailboxes(visit: Visit) -> Response:
    """Shows every mailbox with its state."""
    return await _mailboxes(visit)


async def test_login(visit: Visit) -> Response:
    """Logs in as the fetcher does, and shows the result with the mailbox."""
    tested: LoginTestView = (await visit.api("test_login")).body
    return await _mailboxes(visit, tested)


async def _mailboxes(visit: Visit, tested: LoginTestView | None = None) -> Response:
    found: MailboxList = (await visit.api("list_mailboxes")).body
    name = visit.request.path_params.get("mailbox")
    rows = tuple(
        _mailbox(visit, mailbox, tested if mailbox.name == name else None)
        for mailbox in found.items
    )
    page = visit.page(visit.t.nav.mailboxes, "mailboxes")
    return await visit.html("operations/mailboxes.html", page, view=MailboxesView(rows=rows))


def _mailbox(visit: Visit, mailbox: MailboxView, tested: LoginTestView | None) -> MailboxRow:
    failure = mailbox.failure or ""
    if tested is not None and not tested.ok:
        result = _why(visit, mailbox, tested.problem, f"{tested.detail}; {tested.hint}")
    else:
        result = ""
    return MailboxRow(
        name=mailbox.name,
        address=mailbox.address,
        state=mailbox.state,
        process_title=_process_title(visit, mailbox.process),
        server=mailbox.host,
        folder=mailbox.folder,
        last_success=mailbox.last_success_at,
        waiting=mailbox.waiting,
        oldest=mailbox.oldest_at,
        failure=_why(visit, mailbox, mailbox.problem, failure) if failure else None,
        answer=mailbox.answer,
        settings=_settings(visit, mailbox),
        test_passed=tested.ok if tested else None,
        test_result=result,
        test_answer=tested.answer if tested else "",
    )


def _why(visit: Visit, mailbox: MailboxView, problem: str, failure: str) -> str:
    """Why a mailbox cannot be read, in the reader's language; `failure` if there is no text."""
    held = visit.desk.settings.mailboxes[mailbox.name]
    facts = {
        "server": mailbox.server,
        "host": mailbox.host,
        "port": str(visit.desk.settings.servers[mailbox.server].port),
        "folder": mailbox.folder,
        "user": held.user,
    }
    return visit.t.failures.mailbox(problem, facts, failure)


def _settings(visit: Visit, mailbox: MailboxView) -> tuple[HeaderLine, ...]:
    """The settings that apply to a mailbox. Passwords are in files and never shown."""
    held = visit.desk.settings.mailboxes[mailbox.name]
    server = visit.desk.settings.servers[mailbox.server]
    masked = "***" if held.oauth2 is None else f"oauth2.{held.oauth2}"
    values: dict[str, object] = {
        "folder": held.folder,
        "user": held.user,
        "password": masked,
        "plus_addressing": held.plus_addressing,
        "allow_senders": ", ".join(held.allow_senders),
        "deny_senders": ", ".join(held.deny_senders),
    }
    values |= {name: getattr(server, name) for name in server.__struct_fields__}
    return tuple(
        HeaderLine(name=name, value=_written(value))
        for name, value in values.items()
        if value not in ("", None)
    )


def _written(value: object) -> str:
    """A value as the settings file writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


async def show_flow(visit: Visit) -> Response:
    """Shows the current state of the pipeline."""
    flow: ApiFlow = (await visit.api("show_flow")).body
    mailboxes: MailboxList = (await visit.api("list_mailboxes")).body
    waiting = {queue.name: queue.messages for queue in flow.queues}
    listed = [box.waiting for box in mailboxes.items if box.waiting is not None]
    oldest = [box.oldest_at for box in mailboxes.items if box.oldest_at is not None]
    dead = [waiting[name] for name in waiting if name.endswith(_DEAD) and waiting[name]]
    nodes = (
        FlowNode(
            name="mailboxes",
            waiting=sum(listed) if listed else None,
            oldest=min(oldest, default=None),
        ),
        FlowNode(name="router", waiting=waiting.get(ROUTER_MAIL)),
        FlowNode(name="case_writer", waiting=waiting.get(CASE_WRITER_COMMANDS)),
        FlowNode(name="cases", rate=round(flow.recorded_per_minute, 1)),
        FlowNode(name="extractor", waiting=waiting.get(EXTRACTOR_WORK)),
        FlowNode(
            name="sender",
            waiting=flow.outgoing,
            rate=round(flow.sent_per_minute, 1),
            oldest=flow.outgoing_since,
        ),
        FlowNode(name="parked", waiting=flow.parked, oldest=flow.parked_since),
        FlowNode(name="dead", waiting=sum(count or 0 for count in dead)),
    )
    hours = tuple(
        HourOutcomes(
            hour=hour.begins_at,
            opened=hour.opened,
            appended=hour.appended,
            ignored=hour.ignored,
            parked=hour.parked,
        )
        for hour in flow.hours
    )
    page = visit.page(visit.t.nav.flow, "flow")
    return await visit.html("operations/flow.html", page, view=FlowView(nodes=nodes, hours=hours))


def _process_title(visit: Visit, name: str) -> str:
    process = visit.desk.settings.processes.get(name)
    return process.title if process else name
