"""Renders subject and text of acknowledgements and notices, from the templates in the settings or
our own.

Only this module uses Jinja2. A template gets only the values below. None of them comes from a mail,
so no part of a mail can be evaluated or quoted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.runtime.errors import Mistake, SettingsError
from services.runtime.logs import get_logger
from services.runtime.settings import Acknowledgement, OnEnter, Settings

log = get_logger(__name__)

MAX_TEXT_CHARS = 100_000

_EN = """\
Hello,

Thank you for your mail. We have received it under the number {{ reference }}.

To add something, reply to this mail and keep the number in its subject.

This is an automatic message.

{{ process }}
"""
_PL = """\
Dzień dobry,

dziękujemy za wiadomość. Została przyjęta pod numerem {{ reference }}.

Aby coś dodać, prosimy odpowiedzieć na tę wiadomość, pozostawiając numer w temacie.

Ta wiadomość została wysłana automatycznie.

{{ process }}
"""
_DE = """\
Guten Tag,

vielen Dank für Ihre Nachricht. Sie ist eingegangen und trägt die Nummer {{ reference }}.

Für Ergänzungen antworten Sie bitte auf diese Nachricht und lassen die Nummer im Betreff stehen.

Diese Nachricht wurde automatisch versandt.

{{ process }}
"""
_OWN = {
    "en": ("{{ reference }} was opened", _EN),
    "pl": ("{{ reference }} została założona", _PL),
    "de": ("{{ reference }} wurde angelegt", _DE),
}
_CASE = {"en": "Case", "pl": "Sprawa", "de": "Vorgang"}


@dataclass(frozen=True)
class Values:
    """The variables of a template; `process` and `stage` are titles from the settings."""

    reference: str
    number: int
    process: str
    stage: str
    opened_at: datetime


class Templates:
    """The templates of every process. Raises SettingsError if a template is invalid."""

    def __init__(self, settings: Settings) -> None:
        # The mail is plain text, so nothing is escaped.
        self._environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, autoescape=False
        )
        self._by_process = {
            name: process.acknowledgement for name, process in settings.processes.items()
        }
        self._has_prefix = bool(settings.case_reference.prefix)
        self._notices = {
            (name, stage.name): stage.on_enter
            for name, process in settings.processes.items()
            for stage in process.stages
        }
        mistakes = [
            mistake
            for name, chosen in self._by_process.items()
            for mistake in self._mistakes(name, f"process.{name}.acknowledgement", chosen)
        ]
        for (name, stage), notice in self._notices.items():
            mistakes += self._mistakes(name, f"process.{name}.stage {stage}.on_enter", notice)
        if mistakes:
            raise SettingsError(mistakes)

    def render_notice(self, process: str, stage: str, values: Values) -> tuple[str, str] | None:
        """Subject and text of the notice sent on entering a stage; None if they cannot be
        rendered.
        """
        chosen = self._notices.get((process, stage))
        if chosen is None or chosen.text is None:
            return None
        try:
            return self._rendered(
                chosen.subject or "{{ process }}: {{ stage }}", chosen.text, values
            )
        except Exception:  # a template may raise anything; the sender continues
            log.exception("template_failed", process=process, stage=stage)
            return None

    def render(self, process: str, values: Values) -> tuple[str, str]:
        """Subject and text of an acknowledgement; our own template if the configured one fails."""
        chosen = self._by_process.get(process, Acknowledgement())
        subject, text = _OWN[chosen.language]
        # The prefix may already contain the word: "Sprawa [Sprawa #1]" would repeat it.
        subject = subject if self._has_prefix else f"{_CASE[chosen.language]} {subject}"
        try:
            return self._rendered(chosen.subject or subject, chosen.text or text, values)
        except Exception:  # a template may raise anything; the mail is sent
            log.exception("template_failed", process=process)
            return self._rendered(subject, text, values)

    def _rendered(self, subject: str, text: str, values: Values) -> tuple[str, str]:
        variables: Mapping[str, object] = vars(values)
        rendered = [
            self._environment.from_string(template).render(variables)
            for template in (subject, text)
        ]
        return rendered[0], rendered[1][:MAX_TEXT_CHARS]

    def _mistakes(
        self, process: str, path: str, chosen: Acknowledgement | OnEnter
    ) -> list[Mistake]:
        sample = Values("[#1]", 1, process, "stage", datetime.now(UTC))
        found = []
        for key, template in (("subject", chosen.subject), ("text", chosen.text)):
            try:
                self._rendered(template or "", "", sample)
            except Exception as error:  # noqa: BLE001 - templates may raise anything
                problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                hint = "it can use reference, number, process, stage and opened_at"
                found.append(Mistake(f"{path}.{key}", problem, hint))
        return found
