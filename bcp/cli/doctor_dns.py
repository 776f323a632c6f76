"""``bcp doctor`` about DNS: may we move each MX, and does the tenant accept what bcp.yaml has?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcp.contracts.channel import Check
    from bcp.contracts.dns import Permission
    from bcp.wiring import App


async def dns_checks(app: App, name: str) -> list[Check]:
    """Each domain at one back end: what stands there, and whether we may change it."""
    from bcp.contracts.channel import Check
    from bcp.contracts.dns import SwapOrder
    from bcp.wiring.world import UNMOVED

    out, back_end = [], app.world.dns[name]
    domains = [d.name for d in app.world.domains.values() if d.dns == name]
    for reading in await back_end.read(domains):
        if reading.problem or reading.mx is None:
            hint = "Check domains: and dns: in bcp.yaml, and what it refers to."
            out.append(Check(f"mx {reading.domain}", "fail", reading.problem or "no MX", hint))
            continue
        if name == UNMOVED:
            text = f"{reading.mx}; no DNS back end: MX is never moved by us"
            out.append(Check(f"mx {reading.domain}", "warn", text, "Look and talk work. To move MX: dns: in bcp.yaml."))
            continue
        proof = (await back_end.prove([SwapOrder(reading.domain, reading.mx, reading.mx)]))[0]
        ttl = "" if reading.mx.ttl_s <= 3600 else f"; its TTL of {reading.mx.ttl_s} s delays a switch, lower it"
        out.append(
            Check(
                f"mx {reading.domain}",
                _mx_state(proof.permission, ttl),
                f"{reading.mx}, {'we may change it' if proof.allowed else proof.message}{ttl}",
                proof.hint,
            )
        )
    if leans := back_end.capabilities.leans:
        text = f"its tokens come from {', '.join(leans)}: when sign-in there is down no new one is to be had"
        hint = "Keep a daemon running, which holds one for an hour; better: a second DNS host, or RFC 2136."
        out.append(Check(f"dns {name}", "warn", text, hint))
    for a in [a for a in await back_end.answers(domains) if a.problem]:
        which = "" if a.address == a.domain else f" for {a.domain}"  # of a zone without servers the domain stands there
        hint = "Is this server up?" if which else "Is the domain delegated? See domains: in bcp.yaml."
        out.append(Check(f"dns {a.address}", "warn", f"{a.problem}{which}", hint))
    return out


def _mx_state(permission: Permission, ttl: str) -> str:
    """A host that cannot say whether we may is no failure, and no reason to be sure."""
    from bcp.contracts.dns import Permission

    if permission is Permission.NOT_ALLOWED:
        return "fail"
    return "warn" if ttl or permission is Permission.CANNOT_SAY else "ok"


async def accepted_checks(app: App) -> list[Check]:
    """What the tenant accepts mail for, against bcp.yaml."""
    from bcp.contracts.channel import Check
    from bcp.mx.check import accepted_lines

    accepted = app.world.accepted
    if accepted is None:
        return []
    lines = accepted_lines(accepted, list(app.world.domains), [])
    out = [Check(f"accepted {x.domain}", "warn", x.message, x.hint) for x in lines]
    return out or [Check("accepted", "ok", f"{len(accepted.domains)} domain(s) as in {accepted.source}")]
