"""``verdict``: look at the service now."""

from __future__ import annotations

from bcp.contracts.action import Access, Action, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services


class VerdictArgs(Args):
    """Nothing to say: the probes are configured in bcp.yaml."""


class LookVerdict(Action[VerdictArgs]):
    """Probes the service, and says what it sees: `state` is healthy, down or unknown; `class` is A to H or empty."""

    kind = "verdict"
    access = Access.READ
    Args = VerdictArgs
    outputs = {"state": "string", "class": "string", "evidence": "list"}

    async def plan(self, args: VerdictArgs, services: Services, step: StepInfo) -> Proposal:
        """Look, and show."""
        seen = dict(await services.looker.verdict())
        evidence = [str(e) for e in seen.get("evidence", [])]
        note = (
            f"the service is {seen['state']}"
            + (f", class {seen['class']}" if seen.get("class") else "")
            + (f": {evidence[0]}" if evidence else "")
        )
        return Proposal(notes=(note,), outputs=seen, facts={"state": seen["state"], "class": seen.get("class", "")})

    async def perform(self, args: VerdictArgs, services: Services, step: StepInfo) -> Outcome:
        """Look."""
        seen = dict(await services.looker.verdict())
        return Outcome(
            f"{seen['state']}{' class ' + str(seen['class']) if seen.get('class') else ''}", seen, changed=False
        )
