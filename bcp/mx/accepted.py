"""Domains that the tenant accepts mail for, against those of ``bcp.yaml``: what a switch would leave behind. Pure.

What the tenant accepts and ``bcp.yaml`` does not know stays on the path that is down; what ``bcp.yaml`` has and the
tenant does not accept is a mistake in a name, or a domain that is gone. Both are told, and neither refuses a switch:
the domains that are known move.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bcp.contracts.dns import Accepted
from bcp.mx.judged import CLEAR, Judged, note

NOT_COVERED = "dns.not-covered"
NOT_ACCEPTED = "dns.not-accepted"
NOT_KNOWN = "dns.accepted-unknown"
MICROSOFTS = ("onmicrosoft.com", "onmicrosoft.us", "onmschina.cn")
"""Zones of Microsoft's own: every tenant has a domain there, and nobody else can move its MX."""
NAMED = 5
"""So many names in one sentence."""


@dataclass(frozen=True, slots=True)
class Found:
    """One domain of which the tenant and ``bcp.yaml`` do not say the same."""

    domain: str
    rule: str
    message: str
    hint: str


def differences(accepted: Accepted, ours: Iterable[str]) -> list[Found]:
    """What the tenant accepts and we do not have, then what we have and it does not accept."""
    have, there = set(ours), set(accepted.domains)
    out = [_uncovered(d, accepted.source) for d in accepted.domains if d not in have and not _microsofts(d)]
    if there:  # an empty list is no list: every tenant accepts something
        out += [_unknown(d, accepted.source) for d in sorted(have) if not _takes(there, d)]
    return out


def _takes(there: set[str], domain: str) -> bool:
    """Is it accepted, by its name or as a subdomain of one that takes all of them?"""
    labels = domain.split(".")
    return domain in there or any("*." + ".".join(labels[i:]) in there for i in range(1, len(labels)))


def _microsofts(domain: str) -> bool:
    return any(domain == z or domain.endswith("." + z) for z in MICROSOFTS)


def _uncovered(domain: str, source: str) -> Found:
    if domain.startswith("*."):
        text = f"the tenant accepts every subdomain ({domain}, {source}): one with an MX of its own is not moved"
        return Found(domain, NOT_COVERED, text, "Add each subdomain that has an MX of its own to domains: in bcp.yaml.")
    text = f"the tenant accepts mail for {domain} ({source}), and bcp.yaml does not have it: a switch leaves its mail"
    return Found(domain, NOT_COVERED, f"{text} on the path that is down", "Add it to domains: in bcp.yaml.")


def _unknown(domain: str, source: str) -> Found:
    text = f"{domain} is in bcp.yaml, and the tenant does not accept mail for it ({source})"
    hint = "Is the name right? Else take it out of domains:, or make it an accepted domain."
    return Found(domain, NOT_ACCEPTED, f"{text}: after the way back its mail is refused", hint)


def tenant_agrees(accepted: Accepted | None, ours: Iterable[str]) -> Judged:
    """Item 32, in a plan: both lists, by name. Nothing is said where nobody told what the tenant accepts."""
    if accepted is None:
        return CLEAR
    if accepted.problem:
        return note(f"what the tenant accepts is not known ({accepted.problem}): not compared with bcp.yaml")
    found = differences(accepted, ours)
    left = [f.domain for f in found if f.rule == NOT_COVERED]
    unknown = [f.domain for f in found if f.rule == NOT_ACCEPTED]
    said = []
    if left:
        said.append(f"NOT covered: the tenant accepts {_some(left)} ({accepted.source}), and bcp.yaml does not have "
                    f"{'it' if len(left) == 1 else 'them'}: that mail stays on the path that is down")  # fmt: skip
    if unknown:
        said.append(f"the tenant does not accept {_some(unknown)} of bcp.yaml ({accepted.source}): is the name right?")
    return note(*said, *(f"in the list of accepted domains {o!r} is no domain name" for o in accepted.odd[:NAMED]))


def _some(domains: list[str]) -> str:
    more = f" and {len(domains) - NAMED} more" if len(domains) > NAMED else ""
    return ", ".join(domains[:NAMED]) + more
