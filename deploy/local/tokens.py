"""A token endpoint (RFC 6749) with introspection (RFC 7662) on loopback, for the private mail
server and the tests.

It supports the grants that Microsoft and Google use, and verifies only the client secret. Dovecot
introspects every token: doc.dovecot.org/2.3/configuration_manual/authentication/oauth2.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs


class TokenEndpoint:
    """A context manager that serves.

    `clients` maps each client id to its secret and the account it acts for.

    `issued` lists the issued tokens, the newest last; `revoke` invalidates all of them.
    """

    def __init__(
        self, port: int, clients: Mapping[str, tuple[str, str]], *, lifetime_s: float = 3600.0
    ) -> None:
        self.url = f"http://127.0.0.1:{port}/token"
        self.issued: list[str] = []
        self.introspected = 0
        self._clients = clients
        self._lifetime_s = lifetime_s
        self._accounts: dict[str, tuple[str, float]] = {}  # token → account, expiry
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(raw).items()}
                status, answer = (
                    endpoint._introspect(form)
                    if "introspect" in self.path
                    else endpoint._grant(form)
                )
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Log nothing; the default logs to standard error."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def revoke(self) -> None:
        self._accounts.clear()

    def _grant(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if "assertion" in form:  # from a service account; the assertion names the account
            account = _claims(form["assertion"])["sub"]
        else:
            secret, account = self._clients.get(form.get("client_id", ""), ("", ""))
            if not secret or form.get("client_secret") != secret:
                return 401, {
                    "error": "invalid_client",
                    "error_description": "unknown client or wrong secret",
                }
        # as long as real tokens, and longer than a POP3 line may be
        token = secrets.token_urlsafe(600)
        self._accounts[token] = (account, time.monotonic() + self._lifetime_s)
        self.issued.append(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime_s}

    def _introspect(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        self.introspected += 1
        account, end_s = self._accounts.get(form.get("token", ""), ("", 0.0))
        if end_s < time.monotonic():
            return 200, {"active": False}
        return 200, {"active": True, "username": account}


def _claims(assertion: str) -> dict[str, Any]:
    claims = assertion.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    )
    return decoded
