"""`Idempotency-Key`: a repeated POST has one effect, and gets the response of the first one.

The response is stored for a day. A request that died before its response was stored may be repeated
after a minute. The case's revision prevents its effect from being written twice.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from schemas.stored import from_document, to_document
from schemas.stored.desk import IdempotentReply
from services.desk.http.problems import ProblemError
from services.runtime.store.mongo import Store

KEPT_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=1)
_KEY = re.compile(r"[!-~]{1,255}")
_KEPT_HEADERS = ("etag", "location", "content-type")


class IdempotentReplies:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._replies = store.collection(IdempotentReply.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._replies.ensure_expiry("expires_at")

    async def once(
        self,
        owner: str,
        key: str,
        fingerprint: bytes,
        respond: Callable[[], Awaitable[Response]],
        require_access: Callable[[], Awaitable[None]],
    ) -> Response:
        """The response to the first request with this key; `respond` is called only for that one.

        `fingerprint` identifies the request's content. `require_access` is called before a stored
        response is repeated: the caller may have lost their role since. Raises what it raises, and
        ProblemError: 400 for an invalid key, 422 if the key was used with another request, 409
        while the first request is in progress. Responses of 500 and above are not stored.
        """
        if not _KEY.fullmatch(key):
            raise ProblemError(
                400,
                "invalid-idempotency-key",
                "Idempotency-Key has 1 to 255 visible ASCII characters",
            )
        name = hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest()
        asked = hashlib.sha256(fingerprint).hexdigest()
        if earlier := await self._claim(name, asked):
            await require_access()
            return earlier
        try:
            response = await respond()
        except BaseException:
            await self._replies.delete({"_id": name, "status": None})
            raise
        if response.status_code >= 500:
            await self._replies.delete({"_id": name, "status": None})
        else:
            await self._keep(name, response)
        return response

    async def _claim(self, name: str, asked: str) -> Response | None:
        now = datetime.now(UTC)
        claim = IdempotentReply(id=name, request=asked, at=now, expires_at=now + KEPT_FOR)
        if await self._replies.insert_missing([to_document(claim)]):
            return None
        document = await self._replies.find_one({"_id": name})
        if document is None:  # it expired, or failed, in between
            raise _still_answered()
        kept = from_document(document, IdempotentReply)
        if kept.request != asked:
            raise ProblemError(
                422,
                "idempotency-key-reused",
                "this Idempotency-Key was used with another request; use a new key",
            )
        if kept.status is not None:
            headers = dict(kept.headers) | {"Idempotent-Replayed": "true"}
            return Response(kept.body, kept.status, headers)
        abandoned = {"_id": name, "status": None, "at": {"$lt": now - ABANDONED_AFTER}}
        if not await self._replies.update(abandoned, {"$set": {"at": now}}):
            raise _still_answered()
        return None

    async def _keep(self, name: str, response: Response) -> None:
        headers = {
            header: response.headers[header]
            for header in _KEPT_HEADERS
            if header in response.headers
        }
        kept = {"status": response.status_code, "headers": headers, "body": bytes(response.body)}
        await self._replies.update({"_id": name}, {"$set": kept})


def _still_answered() -> ProblemError:
    return ProblemError(
        409,
        "still-answered",
        "the first request with this Idempotency-Key is still being answered; repeat it in a second",
        headers={"Retry-After": "1"},
    )
