"""The probes that look where nobody configured any: made from domains, canary and relays. Pure: data in, data out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_HOSTS = 4
"""MX hosts that are looked at; more of them are told by `bcp doctor`."""
MAX_DOMAINS = 50
"""Domains whose own MX is looked up."""
UNRELATED = "example.org"
"""A name that always resolves and is neither ours nor the provider's (RFC 2606): it vouches for the resolvers."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """A mail host of ours that has nothing to do with the provider: it vouches for our own port 25."""

    name: str
    host: str
    addresses: tuple[str, ...]
    port: int
    recipient: str


@dataclass(frozen=True, slots=True)
class Canary:
    """Recipients that certainly exist, and how mail is sent to them."""

    to: str = ""
    """May get test mails."""
    known: tuple[str, ...] = ()
    """Others that exist: asked for, and never sent a mail."""
    sender: str = ""
    resolvers: tuple[str, ...] = ()
    port: int = 25
    arrival: str = ""
    """Maildir outside of Exchange in which test mails arrive."""


def usual_probes(
    domains: Mapping[str, Sequence[str]], canary: Canary, relay: Reachable | None = None
) -> dict[str, dict[str, Any]]:
    """Settings of the usual probes by name, as they would stand in bcp.yaml.
    ``domains``: MX hosts in peacetime of each.

    Own MX as a sender resolves it; every MX host's name; SMTP to the known recipients and to one that does not exist; a
    control for SMTP and one for DNS; a round trip where the test mail's arrival can be seen.
    """
    hosts = _hosts(domains)
    if not hosts:
        return {}
    names = {"resolvers": list(canary.resolvers)}
    out: dict[str, dict[str, Any]] = {}
    servers: list[str] | str = [] if canary.resolvers else "auto"
    out["own-mx"] = {"kind": "own-mx", "domains": list(domains)[:MAX_DOMAINS], **names, "authoritative": servers}
    for n, (host, users) in enumerate(hosts.items(), 1):
        about = {"domains": users} if len(users) < len(domains) else {}
        out[f"dns-{n}"] = {"kind": "dns", "host": host, **names, "authoritative": servers, **about}
        smtp = {"host": host, "port": canary.port, **names, **about}
        if recipients := _recipients(canary, users, domains, apart=bool(canary.to and canary.arrival)):
            out[f"smtp-{n}"] = {"kind": "smtp", "recipients": recipients, **smtp}
            out[f"unknown-{n}"] = {"kind": "smtp-unknown", "recipient": nobody(recipients[0]), **smtp}
    out["dns-control"] = {"kind": "dns", "host": UNRELATED, **names, "control": True}
    if relay is not None and canary.to:
        out[f"{relay.name}-control"] = _control(relay, canary)
    if canary.to and canary.arrival:
        out["round-trip"] = {
            "kind": "round-trip", "to": canary.to, "sender": canary.sender, "port": canary.port,
            "arrival": canary.arrival, **names,
        }  # fmt: skip
    return out


def nobody(recipient: str) -> str:
    """An address of the same domain that certainly does not exist, and always the same one."""
    domain = recipient.rpartition("@")[2]
    return f"no-such-person-{hashlib.sha256(domain.encode()).hexdigest()[:8]}@{domain}"


def _hosts(domains: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """MX hosts, sorted, with the domains that use each."""
    out: dict[str, list[str]] = {}
    for domain, hosts in domains.items():
        for host in hosts:
            out.setdefault(host, []).append(domain)
    return {h: out[h] for h in sorted(out)[:MAX_HOSTS]}


def _recipients(
    canary: Canary, users: Sequence[str], domains: Mapping[str, Sequence[str]], *, apart: bool = False
) -> list[str]:
    """Known recipients whose domain uses this host. A host that is asked for a stranger refuses it, rightly.

    ``apart``: whole mails go to the canary. Where two others are known it is left to them: were all mailboxes that are
    asked for here cleared away, a mail to another one would tell that from false rejects.
    """
    every = list(dict.fromkeys(r for r in (canary.to, *canary.known) if r))
    mine = [r for r in every if _domain(r) in users or _domain(r) not in domains]
    others = [r for r in mine if r.lower() != canary.to.lower()]
    return others if apart and len(others) > 1 else mine


def _domain(recipient: str) -> str:
    return recipient.rpartition("@")[2].lower().rstrip(".")


def _control(relay: Reachable, canary: Canary) -> dict[str, Any]:
    return {
        "kind": "smtp", "host": relay.host, "addresses": list(relay.addresses), "port": relay.port,
        "recipient": relay.recipient, "resolvers": list(canary.resolvers), "control": True,
    }  # fmt: skip
