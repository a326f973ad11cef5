"""Splitting comments off into a case of their own. Pure."""

from collections.abc import Sequence

from schemas.changes import Opened, Split, What
from services.casework import actions
from services.casework.decisions.deadlines import due_at
from services.casework.decisions.editing import MAX_TITLE_CHARS
from services.casework.decisions.situation import Accepted, Situation, known_process
from services.casework.refusals import ActionRefusedError

_MAIL_KINDS = frozenset({"mail", "bounce", "automatic"})


def split(action: actions.SplitOff, situation: Situation) -> Accepted:
    case, process = situation.case, known_process(situation)
    own = {comment.id: comment for comment in situation.comments}
    wanted = list(dict.fromkeys(action.comments))
    unknown = [comment_id for comment_id in wanted if comment_id not in own]
    if not wanted or unknown:
        problem = (
            f"case {case.number} has no comment {unknown[0]}" if unknown else "no comment was given"
        )
        raise ActionRefusedError(
            "no-such-comment", problem, "give the ids of comments of this case"
        )
    going = [own[comment_id] for comment_id in wanted if own[comment_id].kind in _MAIL_KINDS]
    staying = [
        comment
        for comment in situation.comments
        if comment.id not in wanted and comment.kind in _MAIL_KINDS
    ]
    if not going:
        hint = "include at least one mail: a case begins with one"
        raise ActionRefusedError("no-mail", "none of these comments is a mail", hint)
    if not staying:
        hint = "leave at least one mail in the case"
        raise ActionRefusedError("no-mail", f"no mail would be left in case {case.number}", hint)
    if situation.new_number is None:
        raise ValueError("a split needs the number of the new case")
    first = min(going, key=lambda comment: (comment.at, comment.id))
    title = " ".join((action.title or first.subject or case.title).split())[:MAX_TITLE_CHARS]
    initial = process.initial_stage
    opened = Opened(
        process=process.name,
        stage=initial.name,
        title=title,
        mailbox=case.mailbox,
        opened_at=situation.now,
        comment=first.id,
        due_at=due_at(initial, situation.now),
        refers_to=case.number,
        split_from=case.number,
    )
    changes: dict[int, Sequence[What]] = {
        case.number: [Split(to=situation.new_number, comments=wanted)],
        situation.new_number: [opened],
    }
    return Accepted(changes, split=wanted)
