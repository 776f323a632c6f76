"""Can others read what goes to an address? Light: the agent asks it, too. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from bcp.kernel.peers import is_here


def in_the_clear(url: str) -> bool:
    """Can others on the way read what goes there? ``http://`` to this machine is a tunnel's end, most often."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_here(parts.hostname or "")
