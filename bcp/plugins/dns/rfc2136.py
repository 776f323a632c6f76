"""RFC 2136 dynamic update with TSIG (RFC 8945): its settings. What goes over the wire is ``bcp.kit.dns_update``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.contracts.plugin import Model
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.secret import Secret
from bcp.kit.dns_update import Rfc2136

__all__ = ["PLUGIN", "Rfc2136", "Rfc2136Settings", "TsigKey", "policy"]


class TsigKey(Model):
    """A shared key."""

    name: str
    """Name of the key, as in the server's configuration."""
    algorithm: Literal["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """Algorithm; the server must have the same."""
    secret: Secret
    """Base64 secret, by reference."""


class Rfc2136Settings(DnsSettings):
    """A DNS primary that takes signed dynamic updates: BIND, Knot, PowerDNS and others."""

    kind: Literal["rfc2136"] = "rfc2136"
    """Which plug-in."""
    server: str
    """Address of the primary that takes updates: `192.0.2.1` or `192.0.2.1:5300`."""
    key: TsigKey
    """Key that may change MX, and best nothing else."""
    window: Annotated[int, Field(ge=1, le=256)] = 64
    """Requests under way at once on one connection."""

    @field_validator("server")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parse_endpoint(value)
        return value


def policy(settings: Rfc2136Settings, zones: Mapping[str, str], /) -> str:
    """Lines for BIND's and Knot's configuration: this key may change MX at these names, and nothing else. Pure.

    Sources: BIND 9 ARM, ``update-policy``; Knot DNS, ``acl`` section (``update-type``, ``update-owner``); PowerDNS,
    docs/dnsupdate.rst, *Update policy*. Where PowerDNS has a script it asks nothing else, not even who signed: a script
    that lets others pass opens all zones to everybody it listens to.
    """
    key, by_zone = settings.key.name.rstrip("."), _by_zone(zones)
    out = ["# BIND 9 (named.conf): one block a zone"]
    for zone, names in by_zone.items():
        grants = " ".join(f"grant {key} name {n} MX;" for n in names)
        out.append(f'zone "{zone}" {{ update-policy {{ {grants} }}; }};')
    out += ["", "# Knot DNS (knot.conf)", "acl:"]
    for zone, names in by_zone.items():
        out += [f"  - id: bcp-mx-{zone}", f"    key: {key}", "    action: update", "    update-type: [MX]"]
        out += ["    update-owner: name", "    update-owner-match: equal"]
        out.append(f"    update-owner-name: [{', '.join(f'{n}.' for n in names)}]")
    out.append("zone:")
    for zone in by_zone:
        out += [f"  - domain: {zone}", f"    acl: [bcp-mx-{zone}]"]
    out += ["", "# PowerDNS: the key for the zone; without the script below, for all of it"]
    out += [f"pdnsutil add-meta {zone} TSIG-ALLOW-DNSUPDATE {key}" for zone in by_zone]
    out += ["", "-- PowerDNS: a file of its own, which pdns.conf names:"]
    out += ["-- lua-dnsupdate-policy-script=/etc/powerdns/bcp.lua"]
    out += [
        "-- It alone decides then, for every zone and key: what you need beside it,",
        "-- write above its last line.",
    ]
    out += ["local names = {", *(f'  "{n}.",' for n in sorted(zones)), "}", "function updatepolicy(input)"]
    out += [f'  local ours = input:getTsigName() == newDN("{key}.")', "  if ours and input:getQType() == pdns.MX then"]
    out += ["    for _, name in ipairs(names) do", "      if input:getQName() == newDN(name) then return true end"]
    out += ["    end", "  end", "  return false", "end"]
    return "\n".join(out) + "\n"


def _by_zone(zones: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of each zone, sorted."""
    found: dict[str, list[str]] = {}
    for domain in sorted(zones):
        found.setdefault(zones[domain] or domain, []).append(domain)
    return dict(sorted(found.items()))


PLUGIN = DnsPlugin(api=1, settings=Rfc2136Settings, make=Rfc2136, policy=policy)
