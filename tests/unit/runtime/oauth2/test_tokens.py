"""Tokens from a small token endpoint on loopback."""

import base64
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from schemas.reasons import MailboxProblem
from services.fetcher.sources.credentials import xoauth2
from services.runtime.oauth2.tokens import EARLY_S, AccessToken, TokenRefusedError, TokenSource
from services.runtime.settings import OAuth2


class Endpoint:
    """A token endpoint: the requests that it got, and what it answers."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.status = 200
        self.answer: Any = None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                endpoint.forms.append({name: values[0] for name, values in parse_qs(raw).items()})
                answer = endpoint.answer or {
                    "access_token": f"token{len(endpoint.forms)}",
                    "expires_in": 3600,
                }
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(endpoint.status)
                self.send_header("Content-Length", str(len(body)))
                if endpoint.status == 302:
                    self.send_header("Location", endpoint.url + "elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Log nothing; the default logs to standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def microsoft(endpoint: Endpoint, clock: Clock | None = None, **more: Any) -> TokenSource:
    fields = {
        "provider": "microsoft",
        "client_id": "app",
        "secret_env": "SECRET",
        "token_url": endpoint.url,
    }
    return TokenSource(
        "cloud", OAuth2(**(fields | more)), {"SECRET": "hush\n"}, clock=clock or Clock()
    )


def google(endpoint: Endpoint, file: Path) -> TokenSource:
    oauth2 = OAuth2(provider="google", secret_file=file, token_url=endpoint.url)
    return TokenSource("cloud", oauth2, {}, clock=Clock())


def test_microsoft_takes_the_applications_own_secret(endpoint: Endpoint) -> None:
    assert microsoft(endpoint).token("a@x.test") == AccessToken("token1")
    assert endpoint.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": "hush",
            "scope": "https://outlook.office365.com/.default",
        }
    ]


def test_a_token_serves_all_mailboxes_until_shortly_before_its_end(endpoint: Endpoint) -> None:
    clock = Clock()
    source = microsoft(endpoint, clock)
    first = source.token("a@x.test")
    clock.now_s += 3600 - EARLY_S - 1
    assert source.token("b@x.test") == first
    clock.now_s += 2
    assert source.token("a@x.test") != first


def test_a_token_that_the_mail_server_refused_is_not_used_again(endpoint: Endpoint) -> None:
    source = microsoft(endpoint)
    first = source.token("a@x.test")
    first.refused()
    assert source.token("a@x.test") != first


def test_google_takes_a_refresh_token(endpoint: Endpoint, tmp_path: Path) -> None:
    form = {"client_id": "id", "client_secret": "hush", "refresh_token": "again"}
    (tmp_path / "key.json").write_text(json.dumps({"type": "authorized_user"} | form))
    google(endpoint, tmp_path / "key.json").token("a@x.test")
    assert endpoint.forms == [{"grant_type": "refresh_token"} | form]


def test_google_takes_a_service_accounts_signature_for_each_user(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    elsewhere = (
        "https://elsewhere.example/token"  # the file does not decide where the signature goes
    )
    key = {
        "type": "service_account",
        "client_email": "app@project.test",
        "private_key": encoded.decode(),
    }
    key["token_uri"] = elsewhere
    (tmp_path / "key.json").write_text(json.dumps(key))
    source = google(endpoint, tmp_path / "key.json")
    assert source.token("a@x.test") != source.token("b@x.test")
    signed, _, signature = endpoint.forms[0]["assertion"].rpartition(".")
    private.public_key().verify(
        _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    claims = json.loads(_decoded(signed.split(".")[1]))
    assert claims["exp"] - claims["iat"] == 3600
    assert {name: claims[name] for name in ("iss", "sub", "scope")} == {
        "iss": "app@project.test",
        "sub": "a@x.test",
        "scope": "https://mail.google.com/",
    }


@pytest.mark.parametrize("library", ["msal.oauth2cli", "google.oauth2"])
def test_a_missing_library_is_reported_with_a_hint(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "key.json").write_text('{"type": "authorized_user"}')
    source = (
        microsoft(endpoint)
        if library.startswith("msal")
        else google(endpoint, tmp_path / "key.json")
    )
    with pytest.raises(TokenRefusedError, match="is not installed") as caught:
        source.token("a@x.test")
    assert ".[oauth2]" in caught.value.hint
    assert (caught.value.problem, caught.value.answer) == (MailboxProblem.TOKEN_LIBRARY, "")


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (
            401,
            {"error": "invalid_client", "error_description": "secret expired"},
            "HTTP 401 invalid_client secret exp",
        ),
        (500, b"<html>", "HTTP 500"),
        (200, b"no JSON", "contains no token"),
        (200, {"token": "x"}, "contains no token"),
        (302, {}, "HTTP 302"),
    ],
)
def test_a_refusal_is_reported_with_a_hint_and_without_the_secret(
    endpoint: Endpoint, status: int, answer: object, expected: str
) -> None:
    endpoint.status, endpoint.answer = status, answer
    with pytest.raises(TokenRefusedError, match=expected) as caught:
        microsoft(endpoint).token("a@x.test")
    assert caught.value.hint
    assert "hush" not in str(caught.value)
    assert caught.value.problem == MailboxProblem.NO_TOKEN
    # A successful response without a token has no message of the server.
    assert (expected in caught.value.answer) == (status != 200)
    assert len(endpoint.forms) == 1


def test_an_unreachable_endpoint_is_reported(endpoint: Endpoint) -> None:
    source = microsoft(endpoint, token_url="http://127.0.0.1:1/token")
    with pytest.raises(TokenRefusedError, match="does not answer") as caught:
        source.token("a@x.test")
    assert caught.value.problem == MailboxProblem.TOKEN_UNREACHABLE


@pytest.mark.parametrize("content", ["", "scribble", "[]", '{"type": "service_account"}'])
def test_a_secret_that_is_not_a_key_is_reported_without_its_content(
    endpoint: Endpoint, tmp_path: Path, content: str
) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(TokenRefusedError, match="secret") as caught:
        google(endpoint, tmp_path / "key.json").token("a@x.test")
    assert not content or content not in str(caught.value)
    assert (caught.value.problem, caught.value.answer) == (MailboxProblem.TOKEN_SECRET, "")
    assert endpoint.forms == []


def test_a_secret_file_that_is_missing_is_reported(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(TokenRefusedError, match="cannot be read"):
        google(endpoint, tmp_path / "none.json").token("a@x.test")


def test_the_end_of_a_secret_is_known_in_advance(endpoint: Endpoint) -> None:
    clock = Clock()
    source = microsoft(endpoint, clock, secret_expires="2027-01-31")
    assert source.secret_expiry_s() == 1_801_440_000 - clock.now_s  # the day after, at 00:00 UTC
    assert microsoft(endpoint).secret_expiry_s() is None


def test_after_a_refusal_the_exchange_ends_with_an_empty_answer() -> None:
    answer = xoauth2("a@x.test", AccessToken("t"))
    assert answer(b"") == b"user=a@x.test\1auth=Bearer t\1\1"
    assert answer(b'{"status":"401"}') == b""


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
