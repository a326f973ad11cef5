"""The contract of the port `BlobStore`, which the adapter and the fake both pass. A subclass
provides the fixture `blobs`.
"""

import hashlib

import pytest

from schemas.mails import BlobRef
from services.case_writer.ports import BlobStore
from services.runtime.errors import PermanentError


class BlobsContract:
    @pytest.mark.parametrize(
        "content", [b"", b"a", bytes(range(256)) * 3000], ids=["empty", "byte", "several chunks"]
    )
    async def test_a_content_comes_back_byte_for_byte(
        self, blobs: BlobStore, content: bytes
    ) -> None:
        [reference] = await blobs.put_all([content])
        assert (reference.sha256, reference.size) == (
            hashlib.sha256(content).hexdigest(),
            len(content),
        )
        assert await blobs.get(reference.sha256) == content
        assert b"".join([piece async for piece in blobs.pieces(reference.sha256)]) == content

    async def test_references_come_in_the_order_of_the_contents(self, blobs: BlobStore) -> None:
        contents = [b"b", b"a", b"b", b"", b"c"]
        references = await blobs.put_all(iter(contents))
        assert [await blobs.get(reference.sha256) for reference in references] == contents

    async def test_keeping_a_content_again_changes_nothing(self, blobs: BlobStore) -> None:
        assert await blobs.put_all([b"twice"]) == await blobs.put_all([b"twice"])
        assert await blobs.get(hashlib.sha256(b"twice").hexdigest()) == b"twice"

    async def test_nothing_to_keep_is_no_error(self, blobs: BlobStore) -> None:
        assert await blobs.put_all([]) == []

    async def test_missing_content_is_a_permanent_error(self, blobs: BlobStore) -> None:
        with pytest.raises(PermanentError):
            await blobs.get("0" * 64)
        with pytest.raises(PermanentError):
            await anext(blobs.pieces("0" * 64))

    async def test_references_to_what_is_not_there_are_reported(self, blobs: BlobStore) -> None:
        there, empty = await blobs.put_all([b"there", b""])
        absent, shorter = BlobRef(sha256="0" * 64, size=5), BlobRef(sha256=there.sha256, size=4)
        nothing = BlobRef(sha256="1" * 64, size=0)
        assert await blobs.missing([absent, there, empty, nothing, shorter]) == [
            absent,
            nothing,
            shorter,
        ]
        assert await blobs.missing([]) == []
