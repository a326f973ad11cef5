"""Signatures follow Standard Webhooks, so receivers can verify them with any of its libraries."""

import base64
import hashlib
import hmac

from services.desk.webhooks.signing import new_secret, signature, signed_headers

# The example of the specification's reference implementations.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_has_its_signature() -> None:
    assert signature(SECRET, MESSAGE, AT, BODY) == EXPECTED


def test_a_message_is_signed_with_every_key() -> None:
    other = new_secret()
    headers = signed_headers([SECRET, other], MESSAGE, AT, BODY)
    assert headers["webhook-id"] == MESSAGE
    assert headers["webhook-timestamp"] == str(AT)
    first, second = headers["webhook-signature"].split(" ")
    assert first == EXPECTED
    key = base64.b64decode(other.removeprefix("whsec_"))
    mac = hmac.new(key, f"{MESSAGE}.{AT}.".encode() + BODY, hashlib.sha256).digest()
    assert second == f"v1,{base64.b64encode(mac).decode()}"


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in made)
