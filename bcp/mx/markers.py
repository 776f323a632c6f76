"""Infrastructure as code that would put an MX back: the marks its tools leave in DNS, and what pauses each. Pure.

Marks (read in the tools' sources and pages, 2026-11): octoDNS' OwnershipProcessor writes TXT ``_owner.MX.<name>``, its
MetaProcessor TXT ``meta.<zone>`` with ``octodns-version=``, ``provider=`` or ``uuid=``; external-dns writes TXT
``heritage=external-dns,...`` at the name. Terraform, Pulumi and DNSControl leave nothing in DNS: a comment of
people's, or ``managed_by:`` in bcp.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TOOLS = ("octodns", "external-dns", "terraform", "pulumi", "dnscontrol", "other")
_META = ("octodns-version=", "provider=", "uuid=")
PAUSES = {
    "octodns": 'take the MX out of its hands: octodns: {excluded: ["<provider>"]} on the record, or pause its pipeline',
    "external-dns": "take MX out of --managed-record-types, or scale external-dns to zero",
    "terraform": "lifecycle { ignore_changes = [records, ttl] } on the record, or lock its pipeline",
    "pulumi": 'ignoreChanges: ["records", "ttl"] on the record, or lock its stack',
    "dnscontrol": 'IGNORE("@", "MX") in dnsconfig.js, or pause its pipeline',
    "other": "pause it while mail is at the relay",
}
"""What keeps each tool from putting the MX back."""


def names_of(domain: str, zone: str) -> tuple[str, ...]:
    """Where marks about this domain's MX would stand."""
    return domain, f"_owner.MX.{domain}", f"meta.{zone}"


def tools_in(domain: str, texts: Mapping[str, Sequence[str]], remarks: Sequence[str] = ()) -> tuple[str, ...]:
    """The tools whose marks are there. ``texts``: TXT records by name; ``remarks``: what the host keeps beside the
    record."""
    found = set()
    for name, values in texts.items():
        said = [v.lower() for v in values]
        if name.lower().startswith("_owner.mx.") and any("octodns" in v for v in said):
            found.add("octodns")
        if name.lower().startswith("meta.") and any(v.startswith(m) for v in said for m in _META):
            found.add("octodns")
        if name == domain and any("heritage=external-dns" in v.replace(" ", "") for v in said):
            found.add("external-dns")
    for text in (r.lower() for r in remarks):
        found.update(t for t in TOOLS[:-1] if t in text)
    return tuple(t for t in TOOLS if t in found)


def pause(tool: str) -> str:
    """What to do about one of them."""
    return PAUSES.get(tool, PAUSES["other"])
