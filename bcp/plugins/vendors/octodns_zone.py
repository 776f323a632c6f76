"""An octoDNS zone as a reading, and one MX change as an octoDNS plan. Nothing here asks anybody."""

from __future__ import annotations

from typing import Any

from bcp.contracts.dns import NULL_HOST, MxHost, MxSet, Reading, SwapOrder, Trouble, Wildcard

SHADOWED = frozenset({"A", "AAAA", "TXT"})


def candidates(domain: str, named: str = "") -> list[str]:
    """Zones that a domain may be in, the longest first; only the one that the configuration names."""
    if named:
        return [named]
    labels = domain.split(".")
    return [".".join(labels[i:]) for i in range(len(labels) - 1)]


def relative(domain: str, zone: str) -> str:
    """The name within its zone; empty: the zone's own."""
    return "" if domain == zone else domain.removesuffix("." + zone)


def reading_of(domain: str, zone: str, found: Any) -> Reading:
    """What a populated zone has at a domain: its MX, an alias, or what a wildcard gives (RFC 4592)."""
    by_name: dict[str, dict[str, Any]] = {}
    for record in found.records:
        by_name.setdefault(record.name.lower(), {})[record._type] = record
    name = relative(domain, zone)
    here, servers = by_name.get(name, {}), _name_servers(by_name)
    try:
        if not here and not _below(name, by_name):
            owner = _wildcard(name, by_name)
            if owner and "MX" in by_name[owner]:
                shadows = tuple(sorted(set(by_name[owner]) & SHADOWED))
                given = Wildcard(f"{owner}.{zone}", shadows)
                return Reading(domain, zone, set_of(by_name[owner]["MX"]), wildcard=given, name_servers=servers)
        cname = here["CNAME"].value if "CNAME" in here else ""
        mx = set_of(here["MX"]) if "MX" in here else None
    except (AttributeError, TypeError, ValueError) as error:
        problem = f"octoDNS shows an MX that is none: {error}"
        return Reading(domain, zone, None, problem=problem, trouble=Trouble.ERROR)
    return Reading(domain, zone, mx, cname, name_servers=servers)


def set_of(record: Any) -> MxSet:
    """The whole MX set of an octoDNS record. Raises ``ValueError`` where it is none."""
    hosts = []
    for value in record.values:
        host = str(value.exchange).lower()
        if not host or " " in host:
            raise ValueError(f"host {host!r}")
        hosts.append(MxHost(int(value.preference), host if host == NULL_HOST else host.rstrip(".") + "."))
    if not hosts:
        raise ValueError("it has no host")
    return MxSet(tuple(sorted(hosts)), int(record.ttl))


def _name_servers(by_name: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """What stands in the zone's own NS set, without the final dot; many providers do not show it."""
    ns = by_name.get("", {}).get("NS")
    return tuple(sorted(str(v).lower().rstrip(".") for v in ns.values)) if ns is not None else ()


def _below(name: str, by_name: dict[str, dict[str, Any]]) -> bool:
    """Does something stand below the name? Then it exists, and no wildcard speaks for it (RFC 4592 section 2.2.2)."""
    return not name or any(other.endswith("." + name) for other in by_name)


def _wildcard(name: str, by_name: dict[str, dict[str, Any]]) -> str:
    """Owner of the wildcard that speaks for a name that does not exist; empty: none."""
    labels = name.split(".")
    for k in range(1, len(labels) + 1):
        above = ".".join(labels[k:])
        owner = f"*.{above}" if above else "*"
        if owner in by_name:
            return owner
        if above in by_name or _below(above, by_name):
            return ""
    return ""


def plan_of(order: SwapOrder, zone: str, found: Any) -> Any:
    """A plan with one change: this MX. All other records of the zone are in it as they are. Imports octoDNS."""
    from octodns.provider.plan import Plan
    from octodns.record import Create, Record, Update

    name = relative(order.domain, zone)
    old = next((r for r in found.records if r.name.lower() == name and r._type == "MX"), None)
    values = [{"preference": h.preference, "exchange": h.host} for h in order.new.hosts]
    data = {"type": "MX", "ttl": order.new.ttl_s, "values": values}
    desired = found.copy()
    new = Record.new(desired, name, data, lenient=True)
    desired.add_record(new, replace=True, lenient=True)
    return Plan(found, desired, [Create(new) if old is None else Update(old, new)], True)
