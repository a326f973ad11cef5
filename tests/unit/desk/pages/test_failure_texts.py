"""Every reason why something is refused or fails has a text in every language."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from schemas.reasons import (
    DeadLetterReason,
    DeliveryProblem,
    IdentityProblem,
    MailboxProblem,
    NotRetryable,
    SendProblem,
)
from schemas.stored.webhooks import DeliveryState
from services.desk.http.problems import TITLES
from services.desk.pages.i18n import CATALOGS
from services.desk.pages.i18n.failures import places
from services.runtime.settings.case_fields import FieldType

SERVICES = Path(__file__).parents[4] / "services"
REFUSALS = frozenset({"ActionRefusedError", "AccountError", "CommandRefusedError", "ProblemError"})
# Reasons that a variable holds: the kind of a line, an error of the search, an unused mail.
DERIVED = frozenset({"invalid-name", "invalid-group", *NotRetryable})


def raised() -> Iterator[tuple[str, set[str]]]:
    """The constant reasons of all refusals in the code, each with the names of its facts.

    Those of the OpenID provider's answers are `IdentityProblem`s.
    """
    for folder in ("casework", "desk"):
        for file in (SERVICES / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and "oidc" not in file.parts:
                    yield from reasons_of(node)


def reasons_of(call: ast.Call) -> Iterator[tuple[str, set[str]]]:
    name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    facts = {keyword.arg for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        if keyword.arg == "facts" and isinstance(keyword.value, ast.Dict):
            facts |= {str(key.value) for key in keyword.value.keys if isinstance(key, ast.Constant)}
    texts = [text for arg in call.args if (text := beginning(arg)) is not None]
    if name == "CommandRefusedError" or (name == "__init__" and len(texts) == 1):
        yield texts[0].partition(":")[0], set()
    elif name in REFUSALS | {"__init__"} and texts:  # also of errors with a reason of their own
        yield texts[0], facts
    for keyword in call.keywords if name == "InvalidSearchError" else ():
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value), set()


def beginning(arg: ast.expr) -> str | None:
    """The constant text, or the beginning of an f-string; None for anything else."""
    if isinstance(arg, ast.JoinedStr):
        arg = arg.values[0]
    return arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else None


@pytest.mark.parametrize("code", CATALOGS)
def test_every_reason_of_a_refusal_has_a_text(code: str) -> None:
    reasons = {reason for reason, _ in raised() if reason and " " not in reason}
    reasons.discard("invalid-")
    assert len(reasons) > 60
    texts = CATALOGS[code].failures.refusals
    assert sorted((reasons | DERIVED) - texts.keys()) == []
    known = reasons | DERIVED | {title.lower().replace(" ", "-") for title in TITLES.values()}
    assert sorted(texts.keys() - known) == []


@pytest.mark.parametrize("code", CATALOGS)
def test_a_refusal_always_has_a_text_without_facts(code: str) -> None:
    failures = CATALOGS[code].failures
    assert all(failures.refusal(reason, {}, None) for reason in failures.refusals)


@pytest.mark.parametrize("code", CATALOGS)
def test_a_text_names_only_facts_that_its_refusals_have(code: str) -> None:
    facts: dict[str, set[str]] = {}
    for reason, names in raised():
        facts.setdefault(reason, {"form"}).update(names)
    for reason, texts in CATALOGS[code].failures.refusals.items():
        if reason not in DERIVED:
            known = facts.get(reason, set())
            assert set().union(*map(places, texts)) <= known, reason


@pytest.mark.parametrize("code", CATALOGS)
def test_every_failure_has_a_text(code: str) -> None:
    catalog = CATALOGS[code]
    failures = catalog.failures
    assert failures.mailboxes.keys() == {*MailboxProblem}
    assert failures.dead_letters.keys() == {*DeadLetterReason}
    assert failures.deliveries.keys() == {*DeliveryProblem}
    assert failures.sending.keys() == {*SendProblem}
    assert failures.identities.keys() == {*IdentityProblem}
    assert failures.field_forms.keys() == {*get_args(FieldType)}
    assert catalog.people.delivery_states.keys() == {*get_args(DeliveryState)}
    facts = dict.fromkeys(("server", "host", "port", "folder", "user"), "x")
    assert all(failures.mailbox(problem, facts, "") for problem in MailboxProblem)


@pytest.mark.parametrize("code", CATALOGS)
def test_every_status_of_a_problem_has_a_title_and_a_text(code: str) -> None:
    """Ranges and conditional requests are the API's only: a page never sends them."""
    errors = CATALOGS[code].errors
    assert errors.titles.keys() == errors.texts.keys()
    assert set(TITLES) - {416} <= errors.titles.keys()


@pytest.mark.parametrize(
    ("reason", "text", "rest"),
    [
        ("unreadable: no tag", "Komunikatu nie da się odczytać", "no tag"),
        ("delivery_limit", "Przetwarzanie zawiodło zbyt wiele razy", ""),
        ("no-recipient: give an address", "Nie ma do kogo wysłać wiadomości. Podaj adres.", ""),
        ("KeyError('x')", "Usługa nie mogła go przetworzyć", "KeyError('x')"),
    ],
)
def test_the_reason_of_a_dead_letter_is_translated_and_the_rest_is_quoted(
    reason: str, text: str, rest: str
) -> None:
    assert CATALOGS["pl"].failures.dead_letter(reason) == (text, rest)


def test_the_text_of_a_mail_server_stays_as_it_is() -> None:
    failures = CATALOGS["pl"].failures
    own = failures.sending_failure(f"a@b.example: {SendProblem.NO_SERVER}")
    assert own == "a@b.example: ustawienia nie wskazują serwera SMTP dla tego procesu."
    too_large = failures.sending_failure(f"a@b.example: {SendProblem.TOO_LARGE}: 30 bytes")
    assert too_large.startswith("a@b.example: wiadomość jest większa")
    token = failures.sending_failure(f"a@b.example: {SendProblem.NO_TOKEN}: HTTP 401 invalid")
    assert token == "a@b.example: nie wydano tokenu dostępu: HTTP 401 invalid"
    gone = f"a@b.example: {SendProblem.NOT_COMPOSED}: {SendProblem.FILE_MISSING}"
    missing = "a@b.example: wiadomości nie da się zbudować: brakuje jednego z jej plików"
    assert failures.sending_failure(gone) == missing
    foreign = "a@b.example: 550 5.1.1 no such mailbox"
    assert failures.sending_failure(foreign) == foreign


def test_an_invalid_value_names_its_field_and_the_form_that_is_expected() -> None:
    refusal = CATALOGS["pl"].failures.refusal
    date = {"field": "Termin płatności", "type": "date", "names": ""}
    assert refusal("invalid-value", date, None) == (
        "Termin płatności: Wpisz datę, na przykład 2026-11-30."
    )
    choice = {"field": "Rodzaj", "type": "choice", "names": "pilna, zwykła"}
    assert refusal("invalid-value", choice, None) == (
        "Rodzaj: Wybierz jedną z wartości: pilna, zwykła."
    )
