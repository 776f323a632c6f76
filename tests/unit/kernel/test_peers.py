"""Addresses and networks as people, proxies and attackers write them."""

from __future__ import annotations

import pytest

from bcp.kernel.peers import address_of, crowd_of, is_private_way, network_of, proxy_network


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        (" 198.51.100.7:4711 ", "198.51.100.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ('"[2001:db8:0:0::7]:443"', "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("[::ffff:c633:6407]:1", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::1"),
        *((junk, None) for junk in ("", "unknown", "_hidden", "unix:", "1.2.3", "198.51.100.7:x", "[2001:db8::7")),
        *((junk, None) for junk in ("[::1]x", "198.51.100.7:\u0668\u0660", "198.51.100.07", "0x7f.1", "evil.example")),
        ("\u0661\u0669\u0668.51.100.7", None),
    ],
)  # fmt: skip
def test_which_address_is_written(written, address) -> None:
    found = address_of(written)
    assert (str(found) if found else None) == address


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1/32", "10.0.0.1"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ],
)
def test_an_address_or_a_network(written, network) -> None:
    assert network_of(written) == network


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("proxy.internal", "neither an address nor a network"),
        ("10.0.0.1:443", "neither"),
        ("", "neither"),
        ("10.0.0.7/8", "write 10.0.0.0/8"),
        ("0.0.0.0/0", "holds every address"),
        ("::/0", "holds every address"),
    ],
)
def test_what_is_no_proxy_is_refused_with_what_to_write(written, why) -> None:
    with pytest.raises(ValueError, match=why):
        proxy_network(written)


def test_mistakes_of_a_network_are_counted_together() -> None:
    """Whoever has an IPv6 address has 2^64 of them."""
    assert crowd_of("2001:db8:1:2:3:4:5:6") == crowd_of("2001:db8:1:2::1") != crowd_of("2001:db8:1:3::1")
    assert crowd_of("::ffff:198.51.100.7") == crowd_of("198.51.100.7:80") == "198.51.100.7"
    assert crowd_of("device:alice") == "device:alice"


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://bcp.example.org", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://127.9.9.9", True),
        ("http://LOCALHOST:1", True),
        ("http://bcp.localhost", True),
        ("http://[::1]:8080", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://[::1].evil.example", False),
        ("http://evil.example/127.0.0.1", False),
        ("http://[::1", False),
        ("ftp://127.0.0.1", False),
        ("https:///nowhere", False),
        ("file:///etc/passwd", False),
    ],
)
def test_whether_others_on_the_way_can_read_it(url, private) -> None:
    assert is_private_way(url) is private
