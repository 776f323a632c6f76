"""How long an outage would last for senders, as things stand now: a line of ``bcp doctor`` and of the console."""

from __future__ import annotations

import asyncio

from bcp.contracts.channel import Check
from bcp.kernel.errors import BcpError
from bcp.mx.forecast import Forecast
from bcp.mx.forecast_words import advice, sentence
from bcp.mx.read import read_all
from bcp.wiring import App
from bcp.wiring.world import UNMOVED

LONG_S = 4 * 3600.0
"""Beyond this the forecast is a warning: senders begin to write delay notices (RFC 5321 section 4.5.4.1: hours)."""


async def now(app: App, timeout_s: float = 10.0) -> Forecast | None:
    """The forecast with the TTLs that the hosts have now; where they cannot be read, those of peacetime. ``None``: no
    domain's MX is moved by us."""
    domains = {n: d for n, d in app.world.domains.items() if d.dns != UNMOVED and d.dns in app.world.dns}
    if not domains:
        return None
    ttls = {n: float(d.primary.ttl_s) for n, d in domains.items() if d.primary is not None}
    try:
        async with asyncio.timeout(timeout_s):
            readings = await read_all(list(domains), app.world)
    except (BcpError, TimeoutError):
        readings = []
    relays = {h.host for s in app.world.relay_settings.values() for h in s.published()}
    for r in readings:
        if r.mx is not None and not any(h.host in relays for h in r.mx.hosts):
            ttls[r.domain] = float(r.mx.ttl_s)
    return app.running.forecast(ttls) if ttls else None


async def readiness(app: App, timeout_s: float = 10.0) -> Check | None:
    """The same as a check: a warning where something of ours makes it needlessly long."""
    found = await now(app, timeout_s)
    if found is None:
        return None
    hint = advice(found.advice)
    state = "warn" if found.advice is not None and found.p95_s > LONG_S else "ok"
    text = sentence(found)
    return Check("forecast", state, text[0].upper() + text[1:], hint[:1].upper() + hint[1:])
