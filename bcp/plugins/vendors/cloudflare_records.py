"""Cloudflare's zones and records as ours, and what its answer to a batch means. Pure: what it says is not trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bcp.contracts.dns import MxHost, MxSet, Sent, SentState, SwapOrder
from bcp.kernel.json_in import whole_number
from bcp.kernel.names import host_name
from bcp.plugins.vendors.hosted import Fault, ZoneAt

AUTOMATIC_TTL, AUTOMATIC_S = 1, 300
"""TTL 1 means *automatic*, which is 300 s (developers.cloudflare.com/dns/manage-dns-records/reference/ttl)."""


def rows(result: Any) -> list[dict[str, Any]]:
    """What is a list of mappings; anything else is none."""
    return [r for r in result if isinstance(r, dict)] if isinstance(result, list) else []


def is_called(zone: Mapping[str, Any], name: str) -> bool:
    """Is this a zone of that name, with an id? A name is the same in other letters and with its final dot."""
    return str(zone.get("name")).rstrip(".").lower() == name and _is_id(zone.get("id"))


def zone_of(name: str, zone: Mapping[str, Any]) -> ZoneAt:
    """A zone as we may use it. Raises ``Fault`` for one in which a change is not what the world sees."""
    status, kind = zone.get("status") or "active", zone.get("type") or "full"
    if status != "active" or kind != "full" or zone.get("paused") is True:
        how = "paused" if status == "active" and kind == "full" else f"{status}, {kind}"
        text = f"the zone {name} is {how} at Cloudflare"
        hint = "What is changed there is not what the world sees: finish its set-up, or name the right host."
        raise Fault(SentState.REFUSED, "state", text, hint)
    names = zone.get("name_servers")
    return ZoneAt(str(zone["id"]), name, tuple(map(str, names)) if isinstance(names, list) else ())


def remarks(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Comments and tags of these records, each once."""
    found = [r.get("comment") for r in records] + [t for r in records for t in _listed(r.get("tags"))]
    return tuple(dict.fromkeys(t[:200] for t in found if isinstance(t, str) and t))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def is_at(record: Mapping[str, Any], name: str) -> bool:
    """Is this a record of exactly this name, with what we need of it? Filters are not trusted.

    Raises ``Fault`` for one without an id: to pass it over would call a set whole that is not.
    """
    at, kind = record.get("name"), record.get("type")
    if not isinstance(at, str) or not isinstance(kind, str) or at.rstrip(".").lower() != name:
        return False
    if not _is_id(record.get("id")):
        text = f"Cloudflare shows a record ({kind}) of {name} without an id"
        raise Fault(SentState.REFUSED, "server", text)
    return True


def _is_id(value: Any) -> bool:
    """Documented as text; a number does as well."""
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(value)


def cname_of(records: Sequence[Mapping[str, Any]]) -> str:
    """Where an alias among these records leads; empty: there is none."""
    return next((str(r.get("content", "")) for r in records if r.get("type") == "CNAME"), "")


def set_of(records: Sequence[Mapping[str, Any]]) -> MxSet | None:
    """Records as a set. Their TTLs may differ: the longest is how long caches keep one. Raises ``ValueError``."""
    if not records:
        return None
    hosts = []
    for r in records:
        priority, content = whole_number(r.get("priority")), r.get("content")
        if priority is None or not isinstance(content, str):
            raise ValueError(f"{r.get('priority')!r} {content!r}"[:200])
        hosts.append(MxHost(priority, content if content == "." else host_name(content)))
    return MxSet(tuple(hosts), max(_ttl(r.get("ttl")) for r in records))


def lenient(records: Sequence[Mapping[str, Any]]) -> MxSet | None:
    """The same; ``None`` where it is no set."""
    try:
        return set_of(records)
    except ValueError:
        return None


def _ttl(given: Any) -> int:
    found = whole_number(given)
    seconds = AUTOMATIC_TTL if found is None else found
    return AUTOMATIC_S if seconds <= AUTOMATIC_TTL else seconds


def posts_of(domain: str, new: MxSet, gone: Sequence[Mapping[str, Any]], *, bare: bool = False) -> list[dict[str, Any]]:
    """The records to be made, in place of those that go. An MX is never proxied.

    Comment and tags go over to what replaces a record, and so does *automatic* as its TTL where the seconds are the
    same: whoever keeps the zone finds them again after the way back. ``bare``: without comment and tags.
    """
    automatic = (
        bool(gone) and new.ttl_s == AUTOMATIC_S and all(whole_number(r.get("ttl")) == AUTOMATIC_TTL for r in gone)
    )
    ttl = AUTOMATIC_TTL if automatic else new.ttl_s
    posts = []
    for n, host in enumerate(new.hosts):
        record = {"type": "MX", "name": domain, "content": host.host.rstrip("."), "priority": host.preference}
        kept = {} if bare or not gone else _kept(gone[min(n, len(gone) - 1)])
        posts.append({**record, "ttl": ttl, "proxied": False, **kept})
    return posts


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """What people wrote at a record: its comment and tags, where there are any."""
    found: dict[str, Any] = {}
    if isinstance(record.get("comment"), str) and record["comment"]:
        found["comment"] = record["comment"]
    if tags := [t for t in _listed(record.get("tags")) if isinstance(t, str)]:
        found["tags"] = tags
    return found


def accepted(order: SwapOrder, told: Any) -> Sent:
    """Applied. What the batch says that it deleted is compared with what was read: an edit in place shows there."""
    result = told if isinstance(told, dict) else {}
    posted = [str(r["id"]) for r in rows(result.get("posts")) if _is_id(r.get("id"))]
    gone = lenient([r for r in rows(result.get("deletes")) if r.get("type") == "MX"])
    message = ""
    if gone is not None and not order.wildcard and not order.old.same(gone):
        message = f"somebody changed it to {gone} in the moment before, and that was overwritten"
    return Sent(order.domain, SentState.ACCEPTED, message=message, change=",".join(posted))


def ends(result: Any) -> float | None:
    """When the token ends, in seconds since the epoch; ``None``: never, or not said."""
    text = result.get("expires_on") if isinstance(result, dict) else None
    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None
