"""Entries of one time are in the order in which they answer each other."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from schemas.stored import Comment, Person
from services.casework.conversation import in_conversation_order

NOW = datetime(2026, 11, 23, 10, 11, tzinfo=UTC)


def mail(name: str, answers: str | None = None, *, after_s: int = 0) -> Comment:
    at = NOW + timedelta(seconds=after_s)
    return Comment(
        id=name,
        case=1,
        kind="mail",
        at=at,
        sent_at=at,
        author=Person("Jan", "jan@supplier.example"),
        subject="Boxes",
        text="Hello",
        full_text="Hello",
        html=None,
        message_id=f"<{name}>",
        in_reply_to=answers and f"<{answers}>",
        attachments=[],
        original=None,
        flags=[],
    )


def names(comments: list[Comment]) -> str:
    return "".join(entry.id for entry in comments)


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_of_equal_times_an_answer_comes_after_its_mail(order: tuple[str, ...]) -> None:
    mails = {"a": mail("a"), "b": mail("b", "a"), "c": mail("c", "b"), "d": mail("d", "x")}
    found = names(in_conversation_order([mails[name] for name in order]))
    assert sorted(found) == list("abcd")
    assert found.index("a") < found.index("b") < found.index("c")


def test_times_come_first_and_others_keep_their_order() -> None:
    mails = [mail("b", "a"), mail("c"), mail("a", after_s=1), mail("d", after_s=1)]
    assert names(in_conversation_order(mails)) == "bcad"


def test_mails_that_answer_each_other_or_themselves_end() -> None:
    mails = [mail("a", "b"), mail("b", "a"), mail("c", "c")]
    assert sorted(names(in_conversation_order(mails))) == list("abc")
