"""Who is at the other end: addresses and networks as settings, headers and URLs write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

HOUSE = 64
"""Bits of an IPv6 address that one customer's network shares: whoever has one has all addresses in it (RFC 6177)."""


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:443``, ``2001:db8::1``, ``[2001:db8::1]``, ``[2001:db8::1]:443``, with
    or without quotes and a zone (``%eth0``); an IPv4 address in an IPv6 one is the IPv4 one. Else ``None``."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host, closed, rest = host[1:].partition("]")
        if not closed or not _is_port(rest):
            return None
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    return not text or (text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5)


def network_of(text: str) -> str:
    """An address or a network of addresses, in its usual form.

    Raises:
        ValueError: it is neither.
    """
    written = text.strip()
    try:
        found = ip_network(written, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an address nor a network; write 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32 "
            "(names are not looked up)"
        ) from None
    if "/" in written and str(found.network_address) != str(ip_address(written.partition("/")[0])):
        raise ValueError(f"{text!r} is an address within a network; write {found}, or the address alone")
    if isinstance(found, IPv6Network) and (mapped := found.network_address.ipv4_mapped) and found.prefixlen >= 96:
        found = ip_network((mapped, found.prefixlen - 96))
    return str(found.network_address if found.num_addresses == 1 else found)


def proxy_network(text: str) -> str:
    """The same, of proxies of ours. Raises ``ValueError``, also when it holds everybody."""
    found = network_of(text)
    if found.endswith("/0"):
        raise ValueError(f"{text!r} holds every address: whoever calls would be believed; name the proxies alone")
    return found


def within(address: IPv4Address | IPv6Address | None, networks: Iterable[str]) -> bool:
    """Is it in one of these networks?"""
    return address is not None and any(address in _network(n) for n in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def crowd_of(peer: str) -> str:
    """Under which name mistakes of an address are counted: an IPv6 address's network, since its neighbours are as
    many as its owner likes; else the address itself."""
    found = address_of(peer)
    if found is None:
        return peer
    return str(ip_network((found, HOUSE), strict=False)) if isinstance(found, IPv6Address) else str(found)


def is_here(host: str) -> bool:
    """Is this host, as it stands in a URL, this machine?"""
    found = address_of(f"[{host}]" if ":" in host and not host.startswith("[") else host)
    if found is not None:
        return found.is_loopback
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761 section 6.3


def is_private_way(url: str) -> bool:
    """Can nobody on the way read or alter what goes there: TLS, or this machine?"""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        after = parts.netloc.rpartition("@")[2].rpartition("]")[2] if "[" in parts.netloc else ""
    except ValueError:
        return False
    if not _is_port(after):  # `[::1].evil.example`, of which some take the brackets and some the rest
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_here(host)))
