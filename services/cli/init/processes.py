"""The process of the mailbox: an existing one, or a new one from a template."""

from services.cli.init.draft import ProcessDraft
from services.cli.init.existing import free_name
from services.cli.init.setup import Setup, valid, valid_name
from services.cli.init.templates import OWN, TEMPLATES, StageDraft, chain
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings.fields import Text

MAX_STAGES = 30


def ask_process(setup: Setup) -> ProcessDraft | str:
    """A new process, or the name of an existing one."""
    known = setup.existing.processes
    given = setup.answers.process
    if given in known:
        return str(given)
    if given is None and known:
        labels = [f"process {name}" for name in known]
        number = setup.dialog.choice("Which process gets the mail?", [*labels, "a new one"])
        if number < len(known):
            return known[number]
    key = _template(setup)
    if key == OWN:
        return _own(setup)
    template = TEMPLATES[key]
    stages = template.stages
    if setup.answers.stages is not None:
        stages = _stages(setup)
    return _named(setup, template.name, template.title, stages, key)


def _template(setup: Setup) -> str:
    keys = [*TEMPLATES, OWN]
    given = setup.answers.template
    if given is not None:
        if given not in keys:
            raise SettingsError(
                [Mistake("--template", f"{given!r} is unknown", f"give {', '.join(keys)}")]
            )
        return given
    if setup.answers.stages is not None:
        return OWN
    labels = [*(template.label for template in TEMPLATES.values()), "stages of your own"]
    return keys[setup.dialog.choice("What happens to the mail?", labels)]


def _own(setup: Setup) -> ProcessDraft:
    return _named(setup, "mail", "Mail", _stages(setup), OWN)


def _named(
    setup: Setup, name: str, title: str, stages: tuple[StageDraft, ...], key: str
) -> ProcessDraft:
    dialog, answers = setup.dialog, setup.answers
    free = free_name(name, setup.existing.processes)
    chosen = dialog.value(
        "Name of the process (letters, digits, -)", "--process", answers.process, free, valid_name
    )
    if chosen in setup.existing.processes:
        raise SettingsError([Mistake("--process", f"{chosen} exists already", "choose another")])
    shown = dialog.value("Its title for people", "--title", answers.title, title, valid(Text))
    fields = TEMPLATES[key].fields if key in TEMPLATES and answers.stages is None else ()
    return ProcessDraft(chosen, shown, stages, fields)


def _stages(setup: Setup) -> tuple[StageDraft, ...]:
    return setup.dialog.value(
        "Stages in order, with commas between them",
        "--stages",
        setup.answers.stages,
        "new, in-progress, done",
        _parsed,
    )


def _parsed(text: str) -> tuple[StageDraft, ...]:
    names = [name.strip().replace(" ", "-") for name in text.split(",") if name.strip()]
    if not names or len(names) > MAX_STAGES or len(set(names)) < len(names):
        raise ValueError(f"needs 1 to {MAX_STAGES} different names with commas between them")
    for name in names:
        try:
            valid_name(name)
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}; a title may have any letters") from error
    return chain(names)
