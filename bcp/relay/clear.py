"""Can others read what goes to an address? Light: the agent asks it, too. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def in_the_clear(url: str) -> bool:
    """Can others on the way read what goes there? ``http://`` to this machine is a tunnel's end, most often."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
