"""Webhooks reach only public addresses and allowed networks, whatever the URL and the name server
say.
"""

from ipaddress import ip_address

import pytest

from services.desk.webhooks.targets import (
    InvalidUrlError,
    RefusedAddressError,
    choose_address,
    is_public,
    networks,
    parse_target,
)

HTTPS = parse_target("https://hooks.example.com/in?key=1")
HTTP = parse_target("http://hooks.example.com:8080/")
REFUSED = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "192.88.99.1"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1"),
    *("fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "100::1", "5f00::1"),
]
PUBLIC = ["93.184.215.14", "8.8.8.8", "172.32.0.1", "2606:2800:21f::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(RefusedAddressError, match="webhook_allow_networks"):
        choose_address(HTTPS, [address], ())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_by_tls_only(address: str) -> None:
    assert choose_address(HTTPS, [address], ()) == ip_address(address)
    with pytest.raises(RefusedAddressError, match="use https"):
        choose_address(HTTP, [address], ())


def test_the_address_that_is_chosen_is_one_that_was_checked() -> None:
    assert str(choose_address(HTTPS, ["10.0.0.1", "8.8.8.8"], ())) == "8.8.8.8"


def test_allowed_networks_are_reached_also_without_tls() -> None:
    allowed = networks(["10.20.0.0/16", "fd00::/8"])
    assert str(choose_address(HTTP, ["10.20.3.4"], allowed)) == "10.20.3.4"
    mapped = ip_address("::ffff:10.20.3.4")
    assert choose_address(HTTP, ["::ffff:10.20.3.4"], allowed) == mapped
    assert str(choose_address(HTTPS, ["fd00::1"], allowed)) == "fd00::1"
    with pytest.raises(RefusedAddressError):
        choose_address(HTTP, ["10.21.0.1"], allowed)


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(RefusedAddressError, match="no address"):
        choose_address(HTTPS, [], ())


def test_a_url_has_its_parts() -> None:
    assert (HTTPS.host, HTTPS.port, HTTPS.path) == ("hooks.example.com", 443, "/in?key=1")
    assert (HTTPS.authority, HTTP.authority) == ("hooks.example.com", "hooks.example.com:8080")
    six = parse_target("https://[2606:2800:21f::1]:444")
    assert (six.host, six.path, six.authority) == (
        "2606:2800:21f::1",
        "/",
        "[2606:2800:21f::1]:444",
    )


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example.com", "ftp://hooks.example.com/", "file:///etc/passwd", "https://"),
        *("https://user@hooks.example.com/", "https://:secret@hooks.example.com/", "https:///in"),
        *(
            "https://hooks.example.com/#part",
            "https://hooks.example.com/in\r\nx: y",
            "https://a b/",
        ),
        *("https://10.0.0.1\\@hooks.example.com/", "https://hooks.example.com:0/", "https://-/"),
        *(
            "https://hooks.example.com:99999/",
            "https://żółw.example/",
            "https://[::1",
            "https://[x]/",
        ),
        *("https://[fe80::1%25eth0]/", "https://a%2eb/", "https://" + "a" * 2_000, "gopher://x/"),
        *("https://hooks.example.com/\x00", "https://hooks.example.com/#", "javascript:alert(1)"),
    ],
)
def test_a_url_that_no_webhook_can_have_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(InvalidUrlError, match=r"\w"):
        parse_target(url)
