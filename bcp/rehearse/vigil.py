"""What a live drill looks at while it goes on: the real service, real incidents, and the relay that carries its mail.

A drill that cannot be watched is no safer than one that goes wrong: whoever looks in vain aborts it, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bcp.contracts.dns import MxSet
from bcp.contracts.relay import Relay, passed_over
from bcp.kernel.errors import BcpError
from bcp.plan.model import Plan
from bcp.rehearse.conduct import real_trouble
from bcp.wiring import App

BAD = frozenset({"down", "suspect"})
"""States of the real service in which nobody exercises."""
AGAIN_S = 1.0
"""A relay that fails a look is asked once more after that: one lost packet ends no drill."""


async def trouble(
    outer: App, look: Callable[[], Awaitable[Mapping[str, Any]]], relays: Mapping[str, Relay], domains: Sequence[str]
) -> str:
    """Why the drill must not go on; empty: nothing speaks against it. ``outer``: the organisation's own, unplayed.

    Raises ``StorageError``: nobody can say whether an incident is open.
    """
    try:
        seen = str((await look()).get("state", "unknown"))
    except BcpError:
        seen = "unknown"
    if seen in BAD:
        return f"the watch of the real service says {seen}"
    if found := await asyncio.to_thread(real_trouble, outer):
        return found
    return await relay_trouble(relays, domains) and await _still(outer, relays, domains)


async def _still(outer: App, relays: Mapping[str, Relay], domains: Sequence[str]) -> str:
    await outer.clock.sleep(AGAIN_S)
    return await relay_trouble(relays, domains)


async def relay_trouble(relays: Mapping[str, Relay], domains: Sequence[str]) -> str:
    """Which of these relays would not take mail for the domains now, and what it says; empty: all would."""
    for name, relay in relays.items():
        for domain in domains:
            try:
                probes = await relay.probe(domain, "")
            except BcpError as error:
                return f"the relay {name} cannot be asked: {error.message}"
            bad = next((p for p in probes if not p.accepts and not passed_over(p, probes)), None)
            if bad is not None or not probes:
                said = f"{bad.address}: {bad.message}" if bad is not None else "it has no address"
                return f"the relay {name} does not take mail for {domain}: {said}"
    return ""


def carriers(app: App, plan: Plan) -> dict[str, Relay]:
    """The relays that this plan points the MX at."""
    after = [m for s in plan.steps for m in (s.outputs.get("after") or {}).values()]
    hosts = {h.host for m in after for h in MxSet.from_data(m).hosts}
    return {n: r for n, r in app.world.relays.items() if any(h.host in hosts for h in r.mx)}
