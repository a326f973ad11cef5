"""HTTP to the OpenID provider: verified TLS, no redirects, bounded responses. It blocks; call it in
a thread.
"""

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from schemas.reasons import IdentityProblem
from services.desk.accounts.oidc.errors import IdentityRefusedError, ProviderUnavailableError

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1024 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirects: a secret must reach only its endpoint."""

    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None


class ProviderTransport:
    """Requests to the provider, whose responses are JSON."""

    def __init__(self, ca_file: Path | None) -> None:
        """`ca_file` contains the trusted authorities; None means the system's. Raises OSError,
        ssl.SSLError.
        """
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._opener = urllib.request.build_opener(
            _NoRedirects,
            urllib.request.HTTPSHandler(context=context),
            urllib.request.ProxyHandler(),
        )

    def get(self, url: str, bearer: str | None = None) -> dict[str, Any]:
        """The JSON object at a URL. Raises ProviderUnavailableError, IdentityRefusedError."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        return self._answer(urllib.request.Request(url, headers=headers))  # noqa: S310 - of checked metadata

    def redeem(
        self, url: str, form: Mapping[str, str], client_id: str, secret: str, *, in_body: bool
    ) -> dict[str, Any]:
        """The response of a token endpoint to a form (RFC 6749 sections 2.3.1 and 4.1.3).

        Raises IdentityRefusedError if it refuses, ProviderUnavailableError.
        """
        fields, headers = dict(form), {}
        if in_body:
            fields |= {"client_id": client_id, "client_secret": secret}
        else:
            pair = f"{urllib.parse.quote_plus(client_id)}:{urllib.parse.quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        body = urllib.parse.urlencode(fields).encode()
        return self._answer(urllib.request.Request(url, body, headers))  # noqa: S310 - as above

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        host = urllib.parse.urlsplit(request.full_url).hostname
        request.add_header("Accept", "application/json")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                content = response.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (400, 401, 403):
                    raise IdentityRefusedError(
                        IdentityProblem.PROVIDER_REFUSED,
                        f"{host} refused: HTTP {error.code} {_reason(error)}",
                    ) from None
                raise ProviderUnavailableError(f"{host} answers HTTP {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise ProviderUnavailableError(f"{host} does not answer: {error}") from error
        if len(content) > MAX_ANSWER_BYTES:
            raise ProviderUnavailableError(f"the response of {host} is too large")
        return _json_object(content, host)


def _json_object(content: bytes, host: str | None) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):  # not shown: it may contain a token
        raise ProviderUnavailableError(f"the response of {host} is not a JSON object")
    return answer


def _reason(error: urllib.error.HTTPError) -> str:
    """The error code of RFC 6749 section 5.2, which is a constant word."""
    try:
        code = json.loads(error.read(64 * 1024)).get("error", "")
    except (ValueError, OSError, AttributeError, RecursionError):
        return ""
    return code[:60] if isinstance(code, str) and code.isprintable() and code.isascii() else ""
