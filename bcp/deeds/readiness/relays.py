"""Looks at the relay machines that are ours, as they tell of themselves (``relays: NAME: kit:``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.readiness import Check
from bcp.deeds.readiness.scope import Scope
from bcp.deeds.relay_watch import checks
from bcp.wiring import App


async def machines(app: App, scope: Scope) -> Sequence[Check]:
    """Queue, disk, certificates, list of recipients, agent: every playbook that moves MX rests on them."""
    return [replace(c, playbooks=scope.movers) for c in await checks(app, _heard(app))]


def _heard(app: App) -> dict[str, float]:
    """When the agent of each host told something last; without an agent nobody is asked."""
    books = app.running.books
    if not books.agents:
        return {}
    heard = {s.relay: s.heard for s in books.ledger.sources() if s.heard}
    return {
        host.host.rstrip("."): heard[name]
        for name, settings in app.world.relay_settings.items()
        if name in heard
        for host in settings.published()
    }
