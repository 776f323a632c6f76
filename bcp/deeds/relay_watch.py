"""Looks at every relay machine of ours in peacetime: harmless, bounded in time, each failure a check and no error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bcp.contracts.readiness import Check
from bcp.deeds.relay_kit import RelayHosts, check_kit, relay_of
from bcp.kernel.errors import BcpError
from bcp.kit.blocklists import listed
from bcp.kit.resolve import addresses_of
from bcp.relay_kit.watch import Around, facts_in, judge, unreachable
from bcp.store.files.drains import DrainFiles
from bcp.wiring import App

SECONDS = 20.0


async def checks(
    app: App,
    agents: Mapping[str, float] | None = None,
    mails_an_hour: Mapping[str, float] | None = None,
    troubles: Mapping[str, str] | None = None,
    mtpd: float = 0.0,
    doubts: Mapping[str, str] | None = None,
) -> list[Check]:
    """Every promise of every relay host that can be asked (``kit: reach:``).

    ``agents``: when the agent of each host was last heard of. ``mails_an_hour``: by relay, from the ledger.
    ``troubles``: why the agent of a host does not read. ``mtpd``: the longest outage that a playbook must bear.
    ``doubts``: why the log of a host's agent may lack lines.
    """
    names = [n for n, s in app.world.relay_settings.items() if (m := s.machine()) is not None and m.reach]
    relays = [relay_of(app, n) for n in names]
    mails = mails_an_hour or {}
    said = (troubles or {}, doubts or {})
    looks = [_host(app, r, h, agents or {}, (mails.get(r.name, 0.0), mtpd), said) for r in relays for h in r.hosts]
    found = await asyncio.gather(*looks, *(_drift(app, r) for r in relays))
    return [c for part in found for c in part]


async def _host(
    app: App,
    relay: RelayHosts,
    host: str,
    agents: Mapping[str, float],
    burden: tuple[float, float],
    said: tuple[Mapping[str, str], Mapping[str, str]],
) -> Sequence[Check]:
    began = app.clock.now()
    try:
        facts = facts_in(await relay.reach(host).ask("facts", timeout_s=SECONDS))
        asked_at = (began + app.clock.now()) / 2
        around = Around(
            asked_at,
            await _listed(relay, host),
            DrainFiles(app.configuration.state).driven(relay.name),
            agents.get(host),
            *burden,
            *(by_host.get(host, "") for by_host in said),
        )
    except BcpError as error:
        return [unreachable(host, error.message)]
    return judge(facts, relay.machine, around)


async def _listed(relay: RelayHosts, host: str) -> dict[str, str]:
    watch = relay.machine.watch
    if not watch.blocklists:
        return {}
    addresses = await addresses_of(host, watch.resolvers, 5.0)
    return await listed(addresses, watch.blocklists, watch.resolvers, 5.0)


async def _drift(app: App, relay: RelayHosts) -> list[Check]:
    """Is each machine as its kit?"""
    try:
        found = await check_kit(app, relay.name)
    except BcpError as error:
        return [Check("relay-kit", relay.name, "unknown", error.message, error.hint)]
    out = []
    for host in found:
        if host.trouble:
            out.append(Check("relay-kit", host.host, "unknown", host.trouble, "bcp relay kit --check"))
        elif host.drifts:
            text = f"{host.host} differs from its kit: {host.drifts[0]}"
            more = f" and {len(host.drifts) - 1} more" if len(host.drifts) > 1 else ""
            out.append(Check("relay-kit", host.host, "risk", text + more, "bcp relay kit --check"))
        else:
            out.append(Check("relay-kit", host.host, "ok", f"{host.host} is as its kit"))
    return out
