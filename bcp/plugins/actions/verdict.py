"""``verdict``: look at the service now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.errors import Transient

HINT = "bcp explain says why. What you know better, say in a message of your own."


def _fits(args: VerdictArgs, seen: Mapping[str, Any]) -> bool:
    return not args.must_be or seen["state"] == args.must_be


def _told(args: VerdictArgs, seen: Mapping[str, Any]) -> str:
    return f"the service must be {args.must_be}, and our own look says {seen['state']}"


class VerdictArgs(Args):
    """The probes are configured in bcp.yaml."""

    must_be: Literal["", "healthy", "down"] = ""
    """What it must see, or the step fails. `healthy` verifies `service-healthy`:
    a message may say that it works again."""


class LookVerdict(Action[VerdictArgs]):
    """Probes the service, and says what it sees: `state` is healthy, down or unknown; `class` is A to H or empty."""

    kind = "verdict"
    access = Access.READ
    looks = True
    Args = VerdictArgs
    provides = ("service-healthy",)
    outputs = {"state": "string", "class": "string", "evidence": "list"}

    def claims_facts(self, args: VerdictArgs) -> tuple[str, ...]:
        """Only a look that must see it well verifies anything."""
        return self.provides if args.must_be == "healthy" else ()

    async def plan(self, args: VerdictArgs, services: Services, step: StepInfo) -> Proposal:
        """Look, and show."""
        seen = dict(await services.looker.verdict())
        evidence = [str(e) for e in seen.get("evidence", [])]
        note = (
            f"the service is {seen['state']}"
            + (f", class {seen['class']}" if seen.get("class") else "")
            + (f": {evidence[0]}" if evidence else "")
        )
        notes = (note, *_spared(seen))
        wrong = () if _fits(args, seen) else (Refusal("steady-state", _told(args, seen), HINT),)
        return Proposal(
            notes=notes, refusals=wrong, outputs=seen, facts={"state": seen["state"], "class": seen.get("class", "")}
        )

    async def perform(self, args: VerdictArgs, services: Services, step: StepInfo) -> Outcome:
        """Look."""
        seen = dict(await services.looker.verdict())
        if not _fits(args, seen):
            raise Transient(_told(args, seen), hint=HINT)
        return Outcome(
            f"{seen['state']}{' class ' + str(seen['class']) if seen.get('class') else ''}", seen, changed=False
        )


def _spared(seen: Mapping[str, Any]) -> Iterator[str]:
    """Domains that the plan leaves alone, by why."""
    unseen, unsure = (tuple(seen.get(k) or ()) for k in ("spared_unseen", "spared_unsure"))
    well = tuple(d for d in seen.get("spared") or () if d not in unseen and d not in unsure)
    for names, why in (
        (well, "well by themselves, and left alone"),
        (unsure, "not confirmed down, and left alone"),
        (unseen, "cannot be seen, and left alone, as nothing shows that mail fails there"),
    ):
        if names:
            yield f"{why}: {', '.join(str(d) for d in names)}"


PLUGIN = ActionPlugin(api=1, make=LookVerdict)
