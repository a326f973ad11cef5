"""The contract of the port `SeenIds`, which the adapter and the fake both pass.

A subclass provides the fixtures `seen_ids` and `other_mailbox`: the ids of two mailboxes in the
same database.
"""

from services.fetcher.sources.seen_ids import HEAD_OF, SeenIds


class SeenIdsContract:
    def test_remembered_ids_are_known_until_they_are_forgotten(self, seen_ids: SeenIds) -> None:
        assert seen_ids.known() == set()
        seen_ids.remember(["a/1", "b/2"])
        assert seen_ids.known() == {"a/1", "b/2"}
        seen_ids.forget(["a/1"])
        assert seen_ids.known() == {"b/2"}

    def test_remembering_is_idempotent(self, seen_ids: SeenIds) -> None:
        seen_ids.remember(["a/1"])
        seen_ids.remember(["a/1", "b/2"])
        assert seen_ids.known() == {"a/1", "b/2"}

    def test_forgetting_an_unknown_id_is_no_error(self, seen_ids: SeenIds) -> None:
        seen_ids.forget(["never remembered"])
        assert seen_ids.known() == set()

    def test_nothing_to_remember_or_forget_is_no_error(self, seen_ids: SeenIds) -> None:
        seen_ids.remember([])
        seen_ids.forget([])
        assert seen_ids.known() == set()

    def test_ids_of_any_characters_come_back_unchanged(self, seen_ids: SeenIds) -> None:
        ids = {HEAD_OF + "a/1", "a/1", "a/1/2", "$where", "a.b", r"\xb3/7", "x" * 70 + "/12"}
        seen_ids.remember(sorted(ids))
        assert seen_ids.known() == ids

    def test_mailboxes_do_not_share_their_ids(
        self, seen_ids: SeenIds, other_mailbox: SeenIds
    ) -> None:
        seen_ids.remember(["a/1"])
        assert other_mailbox.known() == set()
        other_mailbox.remember(["a/1"])
        other_mailbox.forget(["a/1"])
        assert seen_ids.known() == {"a/1"}
