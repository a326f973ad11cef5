"""HTTP to a token endpoint, for the libraries of Microsoft and Google, which accept a client.

Their own clients follow redirects and read responses of any size. A secret must go only where the
settings say.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

TIMEOUT_S = 15.0
_MAX_ANSWER_BYTES = 256 * 1024


class NoTokenError(Exception):
    """The endpoint issued no token. `answer` is its own message (RFC 6749 section 5.2), which
    contains no secret; empty if it sent none.
    """

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True)
class Answer:
    """A response with the attributes that msal (`status_code`, `text`) and google-auth (`status`,
    `data`) read.

    It is always the JSON object of a token.
    """

    status: int
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status_code(self) -> int:
        return self.status

    @property
    def text(self) -> str:
        return self.data.decode()


class TokenHttp:
    """Raises NoTokenError, OSError or http.client.HTTPException."""

    def post(
        self,
        url: str,
        params: object = None,  # noqa: ARG002 - msal's signature
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The interface that msal calls."""
        return _sent(url, urllib.parse.urlencode(data or {}).encode(), headers or {})

    def __call__(
        self,
        url: str,
        method: str = "POST",  # noqa: ARG002 - google-auth's signature; token requests are always POST
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_more: object,
    ) -> Answer:
        """The interface that google-auth calls."""
        return _sent(url, body or b"", headers or {})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _sent(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    request = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - TokenUrl checks it
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            answer = Answer(response.status, response.read(_MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            reason = _reason(error)
            raise NoTokenError(reason, reason) from None
    if not _holds_token(answer.data):  # not shown: it may be part of a token
        raise NoTokenError("the response contains no token")
    return answer


def _holds_token(data: bytes) -> bool:
    try:
        answer = json.loads(data)
    except ValueError:
        return False
    return isinstance(answer, dict) and isinstance(answer.get("access_token"), str)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        answer = json.loads(error.read(_MAX_ANSWER_BYTES))
        words = " ".join(f"{answer['error']} {answer.get('error_description', '')}".split())
    except (ValueError, KeyError, TypeError, OSError, AttributeError):
        words = ""
    return f"HTTP {error.code} {words}".strip()[:300]
