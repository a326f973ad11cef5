"""The format of tokens, client addresses, and addresses and names of users: everything without a
database.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.desk.accounts.client_address import ClientAddresses, network_of
from services.desk.accounts.credentials.passwords import checked_password
from services.desk.accounts.credentials.random_values import hashed, random_value
from services.desk.accounts.credentials.token_format import is_token, new_token
from services.desk.accounts.credentials.tokens import checked_scopes
from services.desk.accounts.errors import AccountError
from services.desk.accounts.users import checked_line, normal_address


def test_a_token_is_recognized_and_one_with_any_character_changed_is_not() -> None:
    token = new_token()
    assert is_token(token)
    for index in range(len(token)):
        other = "a" if token[index] != "a" else "b"
        assert not is_token(token[:index] + other + token[index + 1 :])
    assert not is_token(token + "a")
    assert not is_token(token[:-1])


@given(st.text(max_size=80))
def test_no_text_breaks_the_check_of_tokens(text: str) -> None:
    assert not is_token(text)
    assert not is_token("mlc_" + text)


def test_two_random_values_differ_and_hide_in_their_hashes() -> None:
    assert random_value() != random_value()
    assert len(random_value()) >= 43
    assert len(hashed("\ud800")) == 64


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        # from anyone else than a trusted proxy the header is a claim
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        # what the client wrote comes before what the proxy saw
        ("10.0.0.1", ["192.0.2.66, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.66", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.9.9.9, 10.0.0.2"], "10.9.9.9"),
        ("10.0.0.1", ["203.0.113.9, nonsense\r\n"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ['"[2001:db8::7]:4711"'], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [",".join(["10.0.0.3"] * 50 + ["203.0.113.9"])], "203.0.113.9"),
        ("testclient", ["203.0.113.9"], ""),
    ],
)
def test_only_a_trusted_proxy_says_where_a_client_is(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert ClientAddresses(["10.0.0.0/8"]).address(peer, forwarded) == address


def test_all_addresses_of_one_ipv6_network_count_as_one_client() -> None:
    assert (
        network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    )
    assert network_of("198.51.100.7") != network_of("198.51.100.8")
    assert network_of("") == "unknown"


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 12, "abababababab", "anna@office.example", "x" * 257, "", " " * 12],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(AccountError) as caught:
        checked_password(password, "anna@office.example")
    assert caught.value.reason == "weak-password"


def test_two_ways_to_type_a_letter_are_one_password() -> None:
    composed, decomposed = (
        "zażółć gęślą jaźń",
        "zaz\u0307o\u0301łc\u0301 ge\u0328s\u0301la\u0328 jaz\u0301n\u0301",
    )
    assert checked_password(composed, "a@b.example") == checked_password(decomposed, "a@b.example")


@pytest.mark.parametrize(
    "address",
    [
        "anna",
        "@office.example",
        "anna@",
        "a b@office.example",
        "a@b@c",
        "a@b\r\nX: 1",
        "ż@b.example",
    ],
)
def test_what_is_no_address_becomes_no_user(address: str) -> None:
    with pytest.raises(AccountError):
        normal_address(address)


def test_an_address_is_an_id_in_lower_case() -> None:
    assert normal_address(" Anna@Office.Example ") == "anna@office.example"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "x" * 201, "a\u2028b", "a\x1b[31m"])
def test_a_name_is_one_line_of_text(name: str) -> None:
    with pytest.raises(AccountError):
        checked_line(name, "name")


def test_scopes_are_known_and_each_once() -> None:
    assert checked_scopes(["cases:work", "cases:read", "cases:work"]) == [
        "cases:read",
        "cases:work",
    ]
    for wrong in ([], ["cases:everything"]):
        with pytest.raises(AccountError) as caught:
            checked_scopes(wrong)
        assert "cases:read" in caught.value.hint
