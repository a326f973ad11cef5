"""The memory of the case writer and its reader stays small, whatever the mails are."""

import base64
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.environment import Ground
from benchmarks.mails import filled, mail_set
from benchmarks.trials import Writing
from deploy.local import PrivateServers

LIMIT_MB = 300.0  # of both processes, each at its highest
_TOKEN = "T0KEN0000000"


@pytest.fixture
def ground(servers: PrivateServers, server_folder: Path) -> Ground:
    server_folder.mkdir(mode=0o711)
    return Ground(servers, server_folder)


async def highest_mb(ground: Ground, mails: Sequence[bytes]) -> float:
    """The peak memory of a case writer that finds all these mails in its queue."""
    async with Writing.on(ground.side("mailcase")) as trial:
        done = await trial.run(mails)
        outcomes = [
            document["outcome"] for document in trial.side.pipeline.database["mails"].find()
        ]
    assert outcomes == ["opened"] * len(mails)
    return done.peak_mb["case-writer"]


async def test_mails_of_25_mb_take_less_than_300_mb(ground: Ground) -> None:
    mails = list(mail_set("huge").mails(2))
    assert min(map(len, mails)) > 25_000_000
    assert await highest_mb(ground, mails) < LIMIT_MB


def html_mail(encoding: str, html: bytes) -> bytes:
    head = "".join(
        f"{line}\r\n"
        for line in (
            f"From: {_TOKEN} <{_TOKEN}@customers.example>",
            f"Message-ID: <{_TOKEN}@customers.example>",
            f"Subject: {_TOKEN}",
            "MIME-Version: 1.0",
            "Content-Type: text/html; charset=utf-8",
            f"Content-Transfer-Encoding: {encoding}",
            "",
        )
    )
    body = base64.encodebytes(html).replace(b"\n", b"\r\n") if encoding == "base64" else html
    return head.encode() + body


def letter() -> bytes:
    line = "<p style='color:red'>dziękuję <a href=\"https://www.example.com/\">bardzo</a> <b>pozdrawiam</b></p>\r\n"
    return (line * (16_000_000 // len(line.encode()))).encode()


def pictures() -> bytes:
    """Pictures in the HTML, which become attachments."""
    chance = random.Random("pictures")
    contents = [
        base64.b64encode(b"\x89PNG\r\n\x1a\n" + chance.randbytes(1_500_000)) for _ in range(8)
    ]
    return b"".join(
        b'<p>x<img src="data:image/png;base64,%b"></p>\r\n' % content for content in contents
    )


@pytest.mark.slow  # the same as above for other mails, four of each
@pytest.mark.parametrize(
    "sample",
    [
        lambda: mail_set("huge").samples[0],
        lambda: html_mail("8bit", letter()),
        lambda: html_mail("base64", letter()),
        lambda: html_mail("8bit", pictures()),
    ],
    ids=["25 MB", "16 MB of HTML", "16 MB of HTML in base64", "pictures in HTML"],
)
async def test_four_large_mails_at_once_take_less_than_300_mb(
    ground: Ground, sample: Callable[[], bytes]
) -> None:
    mail = sample()
    assert await highest_mb(ground, [filled(mail, number) for number in range(4)]) < LIMIT_MB
