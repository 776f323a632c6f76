"""Read again what a write rests on, under the lease, and let ``holds`` decide. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from bcp.contracts.action import Action
from bcp.contracts.services import Services
from bcp.contracts.traits import Trait
from bcp.engine.holds import Against, Ground
from bcp.engine.state import RunState
from bcp.kernel.errors import storage_in
from bcp.plan.affected import RULE as DOMAIN_WELL
from bcp.plan.affected import UNSEEN as DOMAIN_UNSEEN
from bcp.plan.affected import unseen_in, well_in
from bcp.plan.build import Request, plan_step
from bcp.plan.model import Plan, PlannedStep
from bcp.playbook import expr
from bcp.playbook.expr import ExpressionError
from bcp.playbook.load import Loaded, Placed
from bcp.playbook.scope import ancestors

CHECKS = frozenset({"ready", "before"})
"""Phases whose steps only read: they say whether the playbook fits what is there."""


class Judge(Protocol):
    """What a runner asks before it writes after a wait, and before it moves mail back."""

    async def ground(self, placed: Placed, state: RunState, scope: Mapping[str, Any]) -> Ground:
        """Everything that the step's write rests on, read now."""

    async def seen(self) -> str:
        """What a look of this moment says: healthy, suspect, down, unknown; empty: nobody looks."""

    def began(self) -> str:
        """What was seen when the plan was made; empty: nobody looked."""

    def asks(self) -> tuple[list[str], int]:
        """Whom to ask, and how many, where the playbook has no gate of its own."""


class PlanJudge:
    """Judges by the plan: its checks are made again, the step is planned again, and compared."""

    def __init__(
        self,
        plan: Plan,
        request: Request,
        actions: Mapping[str, Action[Any]],
        reading: Services,
        people: Callable[[Sequence[str]], frozenset[str]],
        lease: Callable[[], bool] = lambda: True,
        asks: tuple[Sequence[str], int] = (("group:oncall",), 1),
    ) -> None:
        self._asks = (list(asks[0]), asks[1])
        self.plan, self.request, self.actions = plan, request, actions
        self.reading, self.people, self.lease = reading, people, lease
        self.loaded: Loaded = request.loaded

    def began(self) -> str:
        """What the plan's own look saw."""
        looks = [s for s in self.plan.steps if s.has(Trait.LOOKS) and s.phase in CHECKS]
        return str(looks[0].outputs.get("state", "")) if looks else ""

    def asks(self) -> tuple[list[str], int]:
        """As the settings say."""
        return self._asks

    async def seen(self) -> str:
        """A fresh look. One that fails has seen nothing."""
        return str((await self._look()).get("state", "unknown"))

    async def _look(self) -> Mapping[str, Any]:
        try:
            return await self.reading.looker.fresh()
        except Exception as error:
            if storage_in(error):
                raise
            return {"state": "unknown"}

    def _stay(self, placed: Placed, seen: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Domains that should not be moved any more: those that are well, and those that nobody sees; only where the
        step moves mail to the relay."""
        action = self.actions[placed.step.uses]
        if self.plan.parent or not (action.moves_mx and action.to_relay(placed.step.with_)):
            return (), ()
        well = () if DOMAIN_WELL in self.plan.overrides else well_in(seen, self.plan.domains)
        return well, () if DOMAIN_UNSEEN in self.plan.overrides else unseen_in(seen, self.plan.domains)

    async def ground(self, placed: Placed, state: RunState, scope: Mapping[str, Any]) -> Ground:
        """Checks, step, approvals and the look, side by side."""
        checks = [s for s in self.loaded.steps if s.phase in CHECKS]
        began = self.began()
        back = bool(self.plan.parent)
        looks = began == "down" or (back and began == "healthy")
        look = asyncio.ensure_future(self._look() if looks else _nothing())
        wanted = [*checks, placed] if self.actions[placed.step.uses].moves_mx else checks
        again = await asyncio.gather(*(self._again(s, scope) for s in wanted))
        seen = await look
        refused = [(s.id, r) for s in again for r in s.refusals]
        against = tuple(
            Against(step, r.rule, r.message)
            for step, r in refused
            if not (r.overridable and r.rule in self.plan.overrides)
        )
        return Ground(
            self.reading.clock.now(),
            self.plan.created,
            self.plan.expires,
            self.lease(),
            began,
            str(seen.get("state", "")),
            back,
            *self._stay(placed, seen),
            against,
            self._moved(placed, next((s for s in again if s.id == placed.id), None), state),
            self._unapproved(placed, state, scope),
        )

    async def _again(self, placed: Placed, scope: Mapping[str, Any]) -> PlannedStep:
        return await plan_step(placed, self.request, self.actions, self.reading, dict(scope), {})

    def _moved(self, placed: Placed, now: PlannedStep | None, state: RunState) -> tuple[str, ...]:
        """Facts that somebody else changed. Once the step has begun, its own work is among them:
        its guard decides then."""
        before, step = self.plan.step(placed.id), state.steps[placed.id]
        ours = step.attempts > 1 or step.begun or step.items
        if before is None or now is None or before.would != "run" or ours:
            return ()
        same = _same(before.facts, now.facts, refuses=bool(now.refusals))
        return () if same else (f"{placed.id} finds another MX than the plan",)

    def _unapproved(self, placed: Placed, state: RunState, scope: Mapping[str, Any]) -> tuple[str, ...]:
        """Gates before the step, enough of whose approvers may not approve any more."""
        out = []
        for gate in gates_before(self.loaded, placed.id, self.actions):
            given = {str(a["by"]) for a in state.approvals if a["step"] == gate.id}
            references, count = gate_terms(gate, scope)
            if len(given & self.people(references)) < count:
                out.append(gate.id)
        return tuple(out)


def _same(before: Mapping[str, Any], now: Mapping[str, Any], *, refuses: bool) -> bool:
    """Are the facts those of the plan? Where the step refuses, what it could not read is told by its refusal, and is no
    other MX."""
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if refuses and isinstance(old, Mapping) and isinstance(new, Mapping):
            new = {k: v for k, v in new.items() if v is not None}
            old = {k: old.get(k) for k in new}
        if old != new:
            return False
    return True


async def _nothing() -> Mapping[str, Any]:
    return {}


def gates_before(loaded: Loaded, step_id: str, actions: Mapping[str, Action[Any]]) -> list[Placed]:
    """The approval steps that a step waits for, directly or through others; in file order."""
    above = ancestors(loaded, step_id)
    return [s for s in loaded.steps if s.id in above and s.step.uses in actions and actions[s.step.uses].gate]


def gate_terms(gate: Placed, scope: Mapping[str, Any]) -> tuple[list[str], int]:
    """Whom a gate asks (references such as ``group:oncall``) and how many of them must say yes."""
    try:
        given = expr.resolve(dict(gate.step.with_), scope)
        return [str(r) for r in given.get("from", ())], int(given.get("min", 1))
    except (ExpressionError, TypeError, ValueError):
        return [], 1
