"""The keys that the placement of a batch looks up in the database. Pure."""

from collections.abc import Sequence

from schemas.stored import thread_id
from services.case_writer.placement.new_case_limits import opening_ids
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.snapshot import SnapshotQuery


def query(mails: Sequence[PreparedMail]) -> SnapshotQuery:
    """Everything that the placement of these mails may look up."""
    replays = [mail.replay for mail in mails if mail.replay is not None]
    openers = [replay.opener for replay in replays if replay.opener is not None]
    cases = dict.fromkeys(number for mail in mails for number in mail.decision.cases)
    cases |= dict.fromkeys(replay.case for replay in replays if replay.case is not None)
    read = [(mail, mail.reading) for mail in mails if mail.reading is not None]
    return SnapshotQuery(
        mails=list(dict.fromkeys([*(mail.key for mail in mails), *openers])),
        cases=list(cases),
        threads=list(dict.fromkeys(key for mail in mails for key in mail.thread_keys)),
        senders=list(
            dict.fromkeys(key for mail, reading in read for key in opening_ids(mail, reading))
        ),
        own_threads=list(
            dict.fromkeys(
                thread_id(mail.process, reading.message_id)
                for mail, reading in read
                if reading.message_id
            )
        ),
        comments=[mail.key for mail in mails if mail.replay is not None and mail.replay.rederive],
    )
