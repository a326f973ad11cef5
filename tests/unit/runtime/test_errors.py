"""The two kinds of errors in every service: temporary and permanent."""

import pickle

import pytest

from services.runtime.errors import (
    CommandRefusedError,
    MailcaseError,
    Mistake,
    PermanentError,
    SettingsError,
    TransientError,
)


def test_each_error_answers_again_or_never() -> None:
    assert issubclass(CommandRefusedError, PermanentError)
    assert not issubclass(PermanentError, TransientError)
    assert not issubclass(TransientError, PermanentError)
    assert not issubclass(SettingsError, PermanentError | TransientError)
    assert all(
        issubclass(kind, MailcaseError)
        for kind in (CommandRefusedError, TransientError, SettingsError)
    )


def test_an_error_names_the_mail_as_far_as_it_is_known() -> None:
    error = TransientError("no primary", mail_key="5f1d")
    assert (str(error), error.mailbox) == ("no primary", None)
    assert error.identifiers == {"mail_key": "5f1d"}


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("too large", mail_key="5f1d", mailbox="invoices"),
        SettingsError(
            [Mistake("broker.url", "is not a valid URL", "amqp://")],
            file="a.toml",
            mailbox="invoices",
        ),
    ],
)
def test_an_error_survives_the_way_between_processes(error: MailcaseError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert (repr(back), str(back), back.identifiers) == (repr(error), str(error), error.identifiers)


def test_settings_mistakes_are_one_line_each() -> None:
    mistakes = [Mistake("a.b", "is 1", "lower it"), Mistake("", "is empty")]
    assert "lower it" in repr(SettingsError(mistakes))
    assert str(SettingsError(mistakes)) == "a.b: is 1; lower it\nis empty"
    assert (
        str(SettingsError(mistakes, file="f.toml"))
        == "f.toml: a.b: is 1; lower it\nf.toml: is empty"
    )
