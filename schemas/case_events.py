"""Events of cases for listeners: CloudEvents of the exchange `mailcase.event`."""

import re

import msgspec

from schemas.cloud_events import CaseChanged
from schemas.codec import NewerVersionError, UnreadableMessageError
from schemas.mails import Moment

_TYPE = re.compile(r"mailcase\.case\.([a-z-]{1,40})\.v([1-9][0-9]{0,3})")
_VERSION = 1


class CaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with routing key `case.<what>.<process>`; a duplicate has the same `id`."""

    id: str
    type: str
    time: Moment
    data: CaseChanged

    @property
    def what(self) -> str:
        """The kind of change, as in the type: `stage-moved`."""
        return self.type.split(".")[2]


class _Type(msgspec.Struct):
    type: str


_event = msgspec.json.Decoder(CaseEvent)
_type = msgspec.json.Decoder(_Type)


def decode_case_event(body: bytes) -> CaseEvent:
    """Raises UnreadableMessageError, NewerVersionError for a version above 1."""
    try:
        kind = _TYPE.fullmatch(_type.decode(body).type)
        if kind is None:
            raise UnreadableMessageError("the type is not that of a case event")
        if int(kind[2]) > _VERSION:
            raise NewerVersionError(f"{kind[0]} is newer than this program")
        return _event.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableMessageError(str(error)) from error
