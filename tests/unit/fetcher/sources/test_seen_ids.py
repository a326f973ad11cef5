"""The stores of seen ids that need no database."""

from services.fetcher.sources.seen_ids import NoSeenIds


def test_no_seen_ids_keeps_nothing() -> None:
    seen_ids = NoSeenIds()
    seen_ids.remember(["a/1"])
    assert seen_ids.known() == set()
    seen_ids.forget(["a/1"])
    assert seen_ids.known() == set()
