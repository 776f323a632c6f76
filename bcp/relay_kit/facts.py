"""What the kit is made from: one host of a relay, the domains it keeps mail for, and where their mail goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Hop:
    """Where mail of one domain goes: the recorded Exchange host, by name, never by MX."""

    domain: str
    host: str
    source: str
    """Who said so: ``bcp.yaml`` (next_hop), ``snapshot`` (Graph, recorded) or ``primary``."""


@dataclass(frozen=True, slots=True)
class KitFacts:
    """One relay host."""

    relay: str
    host: str
    """Its name, without the final dot."""
    others: tuple[str, ...]
    """The relay's other hosts."""
    hops: tuple[Hop, ...]
    machine: RelayMachine
    signer: str = ""
    """Public key in PEM that lists of recipients are checked with; empty: none is known yet."""
    agent: str = ""
    """What its agent is called in the ledger; empty: as the relay."""


def hops_of(
    domains: Sequence[str],
    relay_hosts: Sequence[str],
    named: Mapping[str, str],
    recorded: Mapping[str, Sequence[str]],
    primary: Mapping[str, Sequence[str]],
) -> tuple[Hop, ...]:
    """The next hop of every domain: what ``bcp.yaml`` names, else what was recorded from Graph, else ``primary:``.

    Raises:
        Invalid: a domain has none (``relay.no-next-hop``), or it is the relay itself (``relay.next-hop-loops``).
    """
    ours = {h.rstrip(".").lower() for h in relay_hosts}
    found = []
    for domain in domains:
        places = (
            ("bcp.yaml", [named[domain]] if domain in named else []),
            ("snapshot", recorded.get(domain, [])),
            ("primary", primary.get(domain, [])),
        )
        source, hosts = next(((s, h) for s, h in places if h), ("", []))
        if not hosts:
            raise Invalid(
                f"where Exchange takes mail for {domain} is not known",
                hint="Take a snapshot from Graph (bcp snapshot), or set primary: of the domain.",
                rule="relay.no-next-hop",
            )
        host = hosts[0].rstrip(".").lower()
        if host in ours:
            raise Invalid(
                f"mail for {domain} would go from the relay to itself: {host} ({source})",
                hint="Name the Exchange host: kit: next_hop: of the relay, or primary: of the domain.",
                rule="relay.next-hop-loops",
            )
        found.append(Hop(domain, host, source))
    return tuple(found)
