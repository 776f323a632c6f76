"""``dns.mx.check``: could we switch these domains now?"""

from __future__ import annotations

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.dns import MxSet, SwapOrder
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Transient


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
        groups: dict[str, list[str]] = {}
        for domain in args.domains:
            if domain not in services.domains:
                raise Invalid(f"the domain {domain!r} is not in bcp.yaml", hint=did_you_mean(domain, services.domains))
            groups.setdefault(services.domains[domain].dns, []).append(domain)
        found: dict[str, MxSet] = {}
        agree = True
        for name, domains in groups.items():
            dns = services.dns[name]
            for reading in await dns.read(domains):
                if reading.problem or reading.mx is None or reading.cname:
                    what = reading.problem or (f"it is a CNAME to {reading.cname}" if reading.cname else "it has no MX")
                    raise Transient(f"{reading.domain}: {what}", hint="Check dns: and domains: in bcp.yaml.")
                found[reading.domain] = reading.mx
            if args.write:
                for proof in await dns.prove([SwapOrder(d, found[d], found[d]) for d in domains]):
                    if not proof.allowed:
                        raise Transient(f"{proof.domain}: we could not change its MX: {proof.message}", hint=proof.hint)
            for answer in await dns.answers(domains):
                agree = agree and not answer.problem and answer.mx is not None and answer.mx.same(found[answer.domain])
        ttl = max((m.ttl_s for m in found.values()), default=0)
        return Outcome(
            f"{len(found)} domain(s) readable{' and writable' if args.write else ''}"
            + ("" if agree else "; the servers disagree"),
            {
                "mx": {d: m.to_data() for d, m in found.items()},
                "agree": agree,
                "max_ttl_s": ttl,
                "writable": args.write,
            },
            changed=False,
        )


PLUGIN = ActionPlugin(api=1, make=MxCheck)
