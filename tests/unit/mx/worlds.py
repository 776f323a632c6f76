"""Facts to begin with: one domain that may be moved, with nothing against it. Tests change one thing each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Delegation,
    HostFacts,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    SwapOrder,
)
from bcp.mx.facts import DomainFacts, Facts, TargetFacts, Way

NOW = 1_800_000_000.0
DOMAIN = "corp.test"
RELAY_HOST = "relay.out.test."
PRIMARY = MxSet((MxHost(0, "corp-test.mail.test."),), 3600)
RELAY = MxSet((MxHost(10, RELAY_HOST),), 300)
OTHER = MxSet((MxHost(5, "other.test."),), 60)
NULL = MxSet((MxHost(0, "."),), 300)


def domain(**changes: Any) -> DomainFacts:
    """A domain that goes to the relay, with every fact in order."""
    order = changes.pop("order", SwapOrder(DOMAIN, PRIMARY, RELAY))
    good = DomainFacts(
        order,
        Reading(DOMAIN, DOMAIN, order.old),
        Way.TO_RELAY,
        "main",
        PRIMARY,
        Proof(DOMAIN, Permission.ALLOWED),
        (Answer(DOMAIN, "192.0.2.1", order.old, 1, True),),
        Delegation(DOMAIN, ("ns1.test.",), ("ns1.test.",)),
        Signed(),
        StsPolicy(),
    )
    return replace(good, **changes)


def back(**changes: Any) -> DomainFacts:
    """The same domain on its way back."""
    changes.setdefault("order", SwapOrder(DOMAIN, RELAY, PRIMARY))
    return domain(way=Way.BACK, **changes)


def target(**changes: Any) -> TargetFacts:
    """A relay that resolves and has no TLSA records."""
    return replace(TargetFacts(RELAY_HOST, HostFacts(RELAY_HOST, ("192.0.2.9",)), ours=True), **changes)


def facts(*domains: DomainFacts, host: Capabilities | None = None, **changes: Any) -> Facts:
    """All of it as of now."""
    found = domains or (domain(),)
    return replace(Facts(NOW, tuple(found), {RELAY_HOST: target()}, {"main": host or Capabilities()}), **changes)
