"""``dns.mx.check``: could we switch these domains now?"""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.dns import Dns, MxSet, Permission, Reading, SwapOrder
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.errors import Transient
from bcp.mx.away import out_of_reach, without
from bcp.mx.read import by_back_end, read_all
from bcp.mx.rules import readable


class CheckArgs(Args):
    """Which domains."""

    domains: list[str]
    """Domains from bcp.yaml."""
    write: bool = True
    """Also prove, without changing anything, that our key may make the change."""


class MxCheck(Action[CheckArgs]):
    """Reads each domain's MX at the primary and at every authoritative address, and proves the right to change it."""

    kind = "dns.mx.check"
    access = Access.READ
    Args = CheckArgs
    outputs = {"mx": "object", "agree": "boolean", "max_ttl_s": "number", "writable": "boolean"}

    async def plan(self, args: CheckArgs, services: Services, step: StepInfo) -> Proposal:
        """Look, and refuse what would fail."""
        try:
            outcome = await self.perform(args, services, step)
        except Transient as error:
            return Proposal(refusals=(Refusal("dns-not-ready", error.message, error.hint),))
        return Proposal(outputs=outcome.outputs, facts={"mx": outcome.outputs["mx"]})

    async def perform(self, args: CheckArgs, services: Services, step: StepInfo) -> Outcome:
        """Read, compare, prove."""
        found: dict[str, MxSet] = {}
        agree, writable = True, args.write
        known = {r.domain: r for r in await read_all(args.domains, services)}
        away = out_of_reach(known.values(), {d: services.domains[d].dns for d in args.domains})
        for name, domains in by_back_end(args.domains, services).items():
            if name in away:
                continue
            dns, readings = services.dns[name], [known[d] for d in domains]
            found.update({r.domain: _sound(r) for r in readings})
            if args.write:
                writable = await _may_write(dns, readings) and writable
            for answer in await dns.answers(domains):
                agree = agree and not answer.problem and found[answer.domain].same(answer.mx)
        summary = f"{len(found)} domain(s) readable"
        if args.write:
            summary += " and writable" if writable else "; whether we may write cannot be shown by this host"
        said = "".join(f"; {text}" for text in without(away))
        return Outcome(
            summary + ("" if agree else "; the servers disagree") + said,
            {
                "mx": {d: m.to_data() for d, m in found.items()},
                "agree": agree,
                "max_ttl_s": max((m.ttl_s for m in found.values()), default=0),
                "writable": writable,
            },
            changed=False,
        )


def _sound(reading: Reading) -> MxSet:
    no = readable(reading)
    if no is not None or reading.mx is None:
        message, hint = (no.message, no.hint) if no else (f"{reading.domain}: it has no MX", "")
        raise Transient(message, hint=hint)
    return reading.mx


async def _may_write(dns: Dns, readings: list[Reading]) -> bool:
    """Was it shown for every domain? Refused is an error; a host that has no way to say is not."""
    orders = [
        SwapOrder(r.domain, r.mx, r.mx, r.token, wildcard=r.wildcard.owner if r.wildcard else "")
        for r in readings
        if r.mx is not None
    ]
    proofs = await dns.prove(orders)
    for proof in proofs:
        if proof.permission is Permission.NOT_ALLOWED or (not proof.allowed and dns.capabilities.proves):
            raise Transient(f"{proof.domain}: we could not change its MX: {proof.message}", hint=proof.hint)
    return all(p.allowed for p in proofs)


PLUGIN = ActionPlugin(api=1, make=MxCheck)
