"""What the registry says about a domain, by RDAP (RFC 9083). Never needed for anything: whatever goes wrong is said.

``rdap.org`` sends each question on to the registry that knows (RFC 9224 names them); another URL may be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from bcp.kernel.errors import BcpError
from bcp.kernel.json_in import loads
from bcp.kit.http import Http, Reply

HOPS = 4
"""How often a question may be sent on."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A domain at its registry."""

    domain: str
    """The name that is registered: the domain, or one above it."""
    status: tuple[str, ...] = ()
    """As RFC 8056 maps them: ``active``, ``client hold``, ``client transfer prohibited`` ..."""
    expires: float | None = None
    """Seconds since the epoch."""
    problem: str = ""
    """Why it is not known."""


async def registration(http: Http, domain: str, url: str, timeout_s: float = 5.0) -> Registration:
    """Ask for the domain, then for the names above it, down to two labels.

    Args:
        http: who speaks HTTP.
        url: with ``{domain}`` where the name goes.
    """
    labels, last = domain.split("."), ""
    for i in range(max(1, len(labels) - 1)):
        name = ".".join(labels[i:])
        try:
            reply = await _sent_on(http, url.replace("{domain}", name), timeout_s)
        except BcpError as error:
            return Registration(name, problem=error.message)
        if reply is None:
            return Registration(name, problem="the question was sent on and on")
        if reply.status == 200:
            return read(name, reply.body)
        last = f"the registry answers {reply.status}"
        if reply.status != 404:
            break
    return Registration(domain, problem=last)


async def _sent_on(http: Http, url: str, timeout_s: float) -> Reply | None:
    """The answer, after redirects; never from https to http. ``None``: there were too many."""
    for _ in range(HOPS):
        reply = await http.request("GET", url, headers={"Accept": "application/rdap+json"}, timeout_s=timeout_s)
        if reply.status not in {301, 302, 303, 307, 308}:
            return reply
        following = urljoin(url, reply.headers.get("location", ""))
        if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
            return Reply(reply.status, {}, "")
        url = following
    return None


def read(domain: str, body: str) -> Registration:
    """An answer of a registry. Pure; what is not as the RFC has it is left out."""
    try:
        found = loads(body)
    except BcpError:
        return Registration(domain, problem="what answers is no RDAP")
    if not isinstance(found, dict) or not isinstance(found.get("status", []), list):
        return Registration(domain, problem="what answers is no RDAP")
    status = tuple(s.lower()[:60] for s in found.get("status", [])[:20] if isinstance(s, str))
    events = found.get("events")
    ends = [e for e in map(_ends, events if isinstance(events, list) else []) if e is not None]
    return Registration(domain, status, min(ends, default=None))


def _ends(event: Any) -> float | None:
    if not isinstance(event, Mapping) or event.get("eventAction") != "expiration":
        return None
    try:
        return datetime.fromisoformat(str(event.get("eventDate"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
