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
    return str(zone.get("name")).rstrip(".").lower() == name and isinstance(zone.get("id"), str)


def zone_of(name: str, zone: Mapping[str, Any]) -> ZoneAt:
    """A zone as we may use it. Raises ``Fault`` for one in which a change is not what the world sees."""
    status, kind = zone.get("status", "active"), zone.get("type", "full")
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
    """Is this a record of exactly this name, with what we need of it? Filters are not trusted."""
    at, kind, ident = record.get("name"), record.get("type"), record.get("id")
    good = isinstance(at, str) and isinstance(kind, str) and isinstance(ident, str)
    return good and str(at).rstrip(".").lower() == name


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


def post_of(domain: str, host: MxHost, new: MxSet) -> dict[str, Any]:
    """One record to be made. An MX is never proxied."""
    record = {"type": "MX", "name": domain, "content": host.host.rstrip("."), "priority": host.preference}
    return {**record, "ttl": new.ttl_s, "proxied": False}


def accepted(order: SwapOrder, told: Any) -> Sent:
    """Applied. What the batch says that it deleted is compared with what was read: an edit in place shows there."""
    result = told if isinstance(told, dict) else {}
    posted = [str(r["id"]) for r in rows(result.get("posts")) if isinstance(r.get("id"), str)]
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
