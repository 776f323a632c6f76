"""Build a plan: read the facts, ask every action what it would do, collect what speaks against it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from bcp.contracts.action import Access, Action, Proposal, Refusal, StepInfo
from bcp.contracts.services import RunInfo, Services
from bcp.contracts.traits import traits_of
from bcp.detect.onset import from_data, looked
from bcp.kernel.errors import BcpError, Invalid, fault_in
from bcp.plan.model import Plan, PlannedStep
from bcp.playbook import expr, saying
from bcp.playbook.expr import ExpressionError
from bcp.playbook.load import Loaded, Placed, settle_timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be planned. By name only: so many values in a row are mixed up sooner or later."""

    loaded: Loaded
    inputs: Mapping[str, Any]
    domains: tuple[str, ...]
    service: str
    configuration: str
    kind: str
    initiator: str
    automatic: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    plan_id: str = ""
    valid_for_s: float = 3600.0
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    """What peace looked like."""
    outage: Mapping[str, Any] = field(default_factory=dict)
    """When the outage began, as ``bcp.detect.onset`` writes it; empty: nothing is known."""
    all_domains: bool = False
    """Nobody named the domains: those that are well by themselves are left out."""


def base_scope(request: Request, run: RunInfo | None = None) -> dict[str, Any]:
    """The values of the names of ``bcp.playbook.scope.base_scope``."""
    about = {
        "id": run.id if run else "",
        "kind": request.kind,
        "playbook": request.loaded.book.name,
        "initiator": request.initiator,
        "automatic": request.automatic,
        "parent": request.parent,
    }
    scope: dict[str, Any] = {
        "domains": list(request.domains),
        "inputs": dict(request.inputs),
        "run": about,
        "service": {"name": request.service},
        "snapshot": dict(request.snapshot),
    }
    scope["vars"] = expr.resolve(dict(request.loaded.book.vars), scope)
    return scope


def group_of(request: Request) -> str:
    """The concurrency group, or one of its own."""
    book = request.loaded.book
    return (
        str(expr.resolve(book.concurrency.group, base_scope(request))) if book.concurrency else f"playbook:{book.name}"
    )


async def build(request: Request, actions: Mapping[str, Action[Any]], services: Services) -> Plan:
    """The plan as of now. Writes nothing.

    Raises:
        Invalid: an argument is wrong once its expressions are resolved.
    """
    steps: dict[str, PlannedStep] = {}
    scope = base_scope(request)
    scope["steps"] = {}
    for placed in request.loaded.steps:
        planned = await plan_step(placed, request, actions, services, scope, steps)
        steps[placed.id] = planned
        scope["steps"][placed.id] = {
            "outputs": dict(planned.outputs),
            "state": "would_run",
            "summary": "",
            "attempts": 0,
        }
    now = services.clock.now()
    return Plan(
        id=request.plan_id,
        created=now,
        expires=now + request.valid_for_s,
        playbook=request.loaded.book.name,
        playbook_file=os.path.abspath(request.loaded.document.file),
        playbook_text=request.loaded.document.text,
        inputs=dict(request.inputs),
        domains=request.domains,
        configuration=request.configuration,
        kind=request.kind,
        initiator=request.initiator,
        automatic=request.automatic,
        steps=tuple(steps.values()),
        overrides=dict(request.overrides),
        parent=request.parent,
        recorded=dict(request.recorded),
        group=group_of(request),
        outage=_outage(request, steps, now),
    ).sealed()


def _outage(request: Request, steps: Mapping[str, PlannedStep], now: float) -> dict[str, Any]:
    """When it began: what was known before, else what the plan's own looks saw."""
    seen = [at for s in steps.values() if isinstance(at := s.outputs.get("since"), int | float) and at > 0]
    return looked(from_data(request.outage), min(seen, default=0.0), now).to_data()


async def plan_step(
    placed: Placed,
    request: Request,
    actions: Mapping[str, Action[Any]],
    services: Services,
    scope: dict[str, Any],
    done: Mapping[str, PlannedStep],
) -> PlannedStep:
    """One step as of now. ``done``: what was planned before it. Writes nothing."""
    step, action = placed.step, actions[placed.step.uses]
    common: dict[str, Any] = {
        "id": placed.id,
        "phase": placed.phase,
        "uses": step.uses,
        "name": step.name or placed.id,
        "needs": placed.needs,
        "traits": traits_of(action),
    }
    skipped = next((n for n in placed.needs if n in done and done[n].would == "skip"), "")
    try:
        if skipped:
            return PlannedStep(**common, would="skip", notes=(f"needs {skipped}, which is skipped",))
        if step.when and not expr.condition(step.when, scope):
            return PlannedStep(**common, would="skip", notes=("not needed as things are now",))
        items = [None] if step.for_each is None else list(expr.resolve(step.for_each, scope))
        proposals = [
            await _propose(
                placed,
                request,
                action,
                services,
                scope if item is None else {**scope, "item": item},
                i if step.for_each is not None else None,
            )
            for i, item in enumerate(items)
        ]
    except ExpressionError as error:
        if _depends_on_steps(placed):
            return PlannedStep(**common, would="depends", notes=(f"known only when it is reached: {error}",))
        raise Invalid(f"{placed.id}: {error}", hint="Correct the expression in the playbook.") from error
    outputs: Mapping[str, Any] = (
        proposals[0].outputs if step.for_each is None and proposals else {"items": [dict(p.outputs) for p in proposals]}
    )
    refusals = tuple(r for p in proposals for r in p.refusals) + _expectation(placed, action, outputs, scope)
    return PlannedStep(
        **common,
        would="run",
        changes=tuple(c for p in proposals for c in p.changes),
        refusals=refusals,
        forecasts=tuple(f for p in proposals for f in p.forecasts),
        notes=tuple(n for p in proposals for n in p.notes),
        facts=proposals[0].facts if len(proposals) == 1 else {"items": [dict(p.facts) for p in proposals]},
        outputs=outputs,
    )


async def _propose(
    placed: Placed,
    request: Request,
    action: Action[Any],
    services: Services,
    scope: Mapping[str, Any],
    item: int | None,
) -> Proposal:
    args = resolve_args(placed.id, placed.step.with_, action, scope)
    info = StepInfo(placed.id, f"{services.run.id}/{placed.id}", 0, item, settle_timeout(placed, request.loaded.book))
    try:
        async with asyncio.timeout(info.timeout_s):
            return await action.plan(args, services, info)
    except Invalid:
        raise
    except TimeoutError:
        return Proposal(
            refusals=(
                Refusal(
                    "cannot-plan",
                    f"{placed.id} could not be planned in {info.timeout_s:g} s",
                    "Is what it needs reachable?",
                ),
            )
        )
    except ExpressionError:
        raise
    except Exception as error:  # also a fault in a plug-in: what cannot be planned is refused
        why = error if isinstance(error, BcpError) else fault_in(placed.step.uses, error)
        return Proposal(refusals=(Refusal("cannot-plan", f"{placed.id}: {why.message}", why.hint),))


def resolve_args(step_id: str, given: Mapping[str, Any], action: Action[Any], scope: Mapping[str, Any]) -> Any:
    """The typed arguments of a step.

    Raises:
        ExpressionError: an expression cannot be evaluated.
        Invalid: the result does not fit.
    """
    try:
        return action.Args.model_validate(expr.resolve(dict(given), scope))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(
            f"{step_id}: {'.'.join(str(p) for p in first['loc'])}: {str(first['msg']).removeprefix('Value error, ')}",
            hint=f"Check with: of {step_id}.",
        ) from error


def _depends_on_steps(placed: Placed) -> bool:
    step = placed.step
    return "steps." in f"{step.when} {step.with_} {step.for_each}"


def _expectation(
    placed: Placed, action: Action[Any], outputs: Mapping[str, Any], scope: Mapping[str, Any]
) -> tuple[Refusal, ...]:
    """A check that reads can be judged now: is the outage real?"""
    step = placed.step
    if not step.expect or action.access is not Access.READ or placed.phase not in {"ready", "before"}:
        return ()
    try:
        if expr.condition(step.expect, {**scope, "outputs": outputs}):
            return ()
    except ExpressionError as error:
        return (Refusal("steady-state", str(error), "Correct expect:."),)
    there = saying.seen(step.expect, outputs) or "not known"
    return (
        Refusal(
            "steady-state",
            f"this playbook is for when {saying.wanted(step.expect)}; now {there}",
            "bcp explain says what is seen, and why.",
            overridable=True,
        ),
    )
