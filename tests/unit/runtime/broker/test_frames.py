"""The bytes of a published message are those that the driver would write."""

import time

import pytest
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from services.runtime.broker.deliveries import PUBLISHED_AT_MS
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.publishing.frames import message_frames

_NOW_S = 1_796_040_000.25
_KEY = "a" * 64
_LARGEST = 1000


@pytest.mark.parametrize(
    ("message", "message_id"),
    [
        (Outgoing("mailcase.case", "open.a", b"x" * 700, "OpenCase.v1", _KEY), _KEY),
        (Outgoing("mailcase.case", "park.a", b"x", "ParkMail.v1", _KEY), "\x00id\x00"),
        (Outgoing("", "router.mail", b"", "RawMail.v1", ""), "0f" * 16),
        (Outgoing("e", "zażółć", b"x" * _LARGEST, "", "gęś", mandatory=False), "gęś"),
        (Outgoing("e", "k", b"xy" * _LARGEST, "t", _KEY, content_type=""), _KEY),
        (Outgoing("e", "k", bytes(range(256)) * 20, "t", _KEY, "application/json"), _KEY),
        (Outgoing("e", "k", b"x", "t", _KEY, headers={"x-own": 1, "words": ["a"]}), _KEY),
        (Outgoing("e", "k", b"x", "t", "n" * 255), "n" * 255),
    ],
)
def test_frames_equal_those_of_the_driver(
    message: Outgoing, message_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: _NOW_S)
    for channel in (1, 2047):
        frames = b"".join(message_frames(channel, _LARGEST, message_id, message))
        assert frames == _by_the_driver(channel, message_id, message)


def test_an_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(TypeError, match="255"):
        message_frames(1, _LARGEST, "n" * 256, Outgoing("e", "k", b"", "t", ""))


def _by_the_driver(channel: int, message_id: str, message: Outgoing) -> bytes:
    properties = Basic.Properties(
        headers={**(message.headers or {}), PUBLISHED_AT_MS: int(_NOW_S * 1000)},
        content_type=message.content_type,
        delivery_mode=2,
        message_id=message_id,
        message_type=message.tag,
    )
    body = message.body
    return ChannelFrame.marshall(
        channel,
        [
            Basic.Publish(
                exchange=message.exchange,
                routing_key=message.routing_key,
                mandatory=message.mandatory,
            ),
            ContentHeader(body_size=len(body), properties=properties),
            *[ContentBody(body[at : at + _LARGEST]) for at in range(0, len(body), _LARGEST)],
        ],
    ).payload
