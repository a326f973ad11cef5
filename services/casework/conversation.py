"""The order of the entries of a case. Pure."""

from collections.abc import Sequence
from itertools import groupby

from schemas.stored import Comment


def in_conversation_order(comments: Sequence[Comment]) -> list[Comment]:
    """`comments`, which are sorted by time: of those of one time, each comes after the one that it
    answers. Mail servers note times in whole seconds.
    """
    ordered: list[Comment] = []
    for _, group in groupby(comments, key=lambda comment: comment.at):
        ordered += _answers_last(list(group))
    return ordered


def _answers_last(comments: list[Comment]) -> list[Comment]:
    by_message_id = {comment.message_id: comment for comment in comments if comment.message_id}
    placed: dict[str, Comment] = {}
    for comment in comments:
        thread: dict[str, Comment] = {}
        answered: Comment | None = comment
        while answered is not None and answered.id not in placed and answered.id not in thread:
            thread[answered.id] = answered
            answered = by_message_id.get(answered.in_reply_to or "")
        placed |= reversed(thread.items())
    return list(placed.values())
