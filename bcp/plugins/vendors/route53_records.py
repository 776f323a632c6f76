"""Route 53's record sets as ours, and its words for a condition that did not hold. Pure: nothing it says is trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.contracts.dns import MxHost, MxSet, SentState
from bcp.kernel.names import host_name
from bcp.plugins.vendors.hosted import Fault, There

ROUTED = (
    "SetIdentifier",
    "Weight",
    "Region",
    "GeoLocation",
    "Failover",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
    "TrafficPolicyInstanceId",
    "HealthCheckId",
)
"""What only record sets with a routing policy have."""
STALE = re.compile(r"do(es)? not match the current values|it was not found|already exists\b(?!.*CNAME)", re.IGNORECASE)
"""Words for a condition that did not hold (the developer guide and public reports; there is no code of its own)."""
ALIAS = re.compile(r"conflict\w*\b.*\bCNAME\b|\bCNAME\b.*\bconflict", re.IGNORECASE)
PROOF = "65535 bcp-proof-of-permission.invalid."
"""A record that nobody has: ``.invalid`` names no host (RFC 2606)."""


def plain(name: Any) -> str:
    """``\\052.shops.one.test.`` becomes ``*.shops.one.test``: escapes are three octal digits."""
    text = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), str(name))
    return text.rstrip(".").lower()


def rows(found: Any) -> list[Mapping[str, Any]]:
    """What is a list of mappings; anything else is none."""
    return [r for r in found if isinstance(r, Mapping)] if isinstance(found, list) else []


def there_of(sets: Sequence[Mapping[str, Any]], name: str, *, below: bool) -> There:
    """What stands at a name. Raises ``Fault`` (``policy``) for MX that are not one plain set."""
    kinds = frozenset(str(s.get("Type")) for s in sets)
    mx = [s for s in sets if s.get("Type") == "MX"]
    for one in mx:
        if why := _odd(one, len(mx)):
            hint = "Make it one simple record set; bcp changes no other."
            raise Fault(SentState.REFUSED, "policy", f"the MX of {name} at Route 53 {why}", hint)
    cname = next((s for s in sets if s.get("Type") == "CNAME"), None)
    return There(set_of(mx[0]) if mx else None, token_of(mx[0] if mx else None), _target(cname), kinds, below)


def _odd(one: Mapping[str, Any], count: int) -> str:
    if one.get("AliasTarget"):
        return "is an alias record set"
    routed = [k for k in ROUTED if one.get(k) not in (None, "")]
    if routed or count > 1:
        return f"has a routing policy ({', '.join(routed) or f'{count} record sets'})"
    return ""


def _target(cname: Mapping[str, Any] | None) -> str:
    if cname is None:
        return ""
    values = [str(r.get("Value", "")) for r in rows(cname.get("ResourceRecords"))]
    alias = cname.get("AliasTarget")
    return values[0] if values else (str(alias.get("DNSName", "?")) if isinstance(alias, Mapping) else "?")


def set_of(one: Mapping[str, Any]) -> MxSet:
    """A record set of type MX. Raises ``Fault`` for what is none."""
    ttl, hosts = one.get("TTL"), []
    try:
        for record in rows(one.get("ResourceRecords")):
            preference, host = str(record.get("Value", "")).split()
            hosts.append(MxHost(int(preference), host if host == "." else host_name(host)))
    except ValueError as error:
        raise Fault(SentState.REFUSED, "server", f"Route 53 shows an MX that is none: {error}") from error
    if not isinstance(ttl, int) or not hosts:
        raise Fault(SentState.REFUSED, "server", "Route 53 shows an MX without TTL or without records")
    return MxSet(tuple(hosts), ttl)


def token_of(one: Mapping[str, Any] | None) -> str:
    """The set exactly as read: a DELETE must give the same values and the same TTL."""
    if one is None:
        return json.dumps(None)
    values = [{"Value": r.get("Value")} for r in rows(one.get("ResourceRecords"))]
    return json.dumps({"Name": one.get("Name"), "Type": "MX", "TTL": one.get("TTL"), "ResourceRecords": values})


def record_set(domain: str, mx: MxSet) -> dict[str, Any]:
    """A set as Route 53 takes it."""
    values = [{"Value": str(h)} for h in mx.hosts]
    return {"Name": f"{domain}.", "Type": "MX", "TTL": mx.ttl_s, "ResourceRecords": values}
