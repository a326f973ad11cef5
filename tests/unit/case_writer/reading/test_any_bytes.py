"""Any bytes may be a mail: reading returns a value, raises nothing, and takes limited time. `make
fuzz` runs longer.
"""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.router.classify import classify
from services.router.policy import Policy
from services.runtime.mail.headers import MailHeaders
from tests.fuzz.fuzz_reading import PIECES, check, fuzz, seeds

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parents[3] / "mails").rglob("*.eml"))]
SMALL_SEEDS = [raw for raw in SEEDS if len(raw) < 20_000]
BRIEFLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

pieces = st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=40).map(b"".join)
mutated = st.builds(
    lambda raw, at, cut, piece: (
        raw[: at % (len(raw) + 1)] + piece + raw[(at + cut) % (len(raw) + 1) :]
    ),
    st.sampled_from(SMALL_SEEDS),
    st.integers(0, 100_000),
    st.integers(0, 200),
    pieces,
)


@BRIEFLY
@given(st.binary(max_size=2000) | pieces | mutated)
def test_any_bytes_give_a_reading_that_keeps_the_promises(raw: bytes) -> None:
    check(raw)


@BRIEFLY
@given(st.binary(max_size=2000) | pieces | mutated)
def test_any_bytes_give_a_verdict_whose_texts_can_be_stored(raw: bytes) -> None:
    verdict = classify(MailHeaders.parse(raw), raw, Policy())
    assert verdict.action in {"open", "append", "park", "ignore"}
    for text in (*verdict.decision.evidence, *verdict.decision.thread_ids, *verdict.decision.flags):
        text.encode()


def test_mails_that_grow_towards_unseen_lines_keep_the_promises() -> None:
    read, joined, _ = fuzz(lambda count: count < 300, 235, seeds()[::10])
    assert read == 300
    assert joined > 0
