"""Reverse what this run did, last begun first. What cannot be reversed is said loudly, with what to do by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bcp.contracts.action import Action, Outcome, StepInfo
from bcp.contracts.effect import EffectKey
from bcp.contracts.journal import ClaimState
from bcp.engine.outcomes import teller
from bcp.engine.perform import Note, Performer
from bcp.engine.state import Node, RunState, to_undo
from bcp.kernel.errors import BcpError, StorageError
from bcp.kernel.secret import redact
from bcp.plan.build import resolve_args
from bcp.playbook.expr import ExpressionError
from bcp.playbook.load import Loaded, Placed, settle_timeout
from bcp.playbook.model import Undo

Withhold = Callable[[], Awaitable[bool]]
"""Asked before mail is moved back. True: it must not be done now."""


class Withheld(Exception):
    """Mail stays where it is: what a look of this moment says speaks against moving it."""


async def never() -> bool:
    """Nothing is withheld."""
    return False


async def undo_all(
    loaded: Loaded, nodes: Sequence[Node], state: RunState, performer: Performer, note: Note, withhold: Withhold = never
) -> bool:
    """Undo every step that left something and can be undone. False: the rest was withheld."""
    todo = to_undo(nodes, state)
    if todo and state.status != "undoing":
        await note("undo_started", steps=todo)
    for step_id in todo:
        placed, step = loaded.step(step_id), state.steps[step_id]
        if step.status == "in_doubt":
            continue  # said at the end of the run; undone after somebody settled it
        try:
            outcome = await _undo_one(placed, step.outputs, performer, withhold)
        except StorageError:
            raise
        except Withheld:
            return False
        except Exception as error:  # the next undo must still be tried
            await note(
                "undo_finished",
                step=step_id,
                status="undo_failed",
                error=redact(str(error)),
                hint=redact(getattr(error, "hint", "") or "Undo it by hand."),
            )
        else:
            await note("undo_finished", step=step_id, status="undone", summary=redact(outcome.summary))
    return True


async def _undo_one(
    placed: Placed, outputs: Mapping[str, Any], performer: Performer, withhold: Withhold = never
) -> Outcome:
    spec, services, journal = placed.step.undo, performer.services, performer.journal
    timeout, moves = _time(placed, performer), getattr(performer.actions[placed.step.uses], "moves_mx", False)
    for attempt in range(3):
        if moves and await withhold():
            raise Withheld
        key = str(EffectKey(journal.run_id, placed.id, attempt=attempt, undo=True))
        info = StepInfo(placed.id, key, attempt, None, timeout, say=teller(performer.note, placed.id))
        claim = await journal.claim(key, placed.id, {"undo": placed.id}, event="undo_claimed")
        if claim.state is ClaimState.DONE and (claim.outcome or {}).get("state") == "done":
            return Outcome(str((claim.outcome or {}).get("summary", "")))
        if claim.state is ClaimState.DONE:
            continue
        try:
            async with asyncio.timeout(timeout):
                outcome = await _reverse(placed, spec, outputs, performer, info)
        except (BcpError, ExpressionError, TimeoutError) as error:
            if isinstance(error, StorageError):
                raise
            await journal.settle(key, {"state": "failed", "error": redact(str(error))}, step=placed.id)
            if attempt == 2:
                raise
            await services.clock.sleep(0.5 * 2**attempt)
            continue
        await journal.settle(key, {"state": "done", "summary": redact(outcome.summary)}, step=placed.id)
        return outcome
    raise BcpError("it could not be undone", hint="Undo it by hand.")


def _time(placed: Placed, performer: Performer) -> float:
    """Seconds that this undo may take."""
    own, action = settle_timeout(placed, performer.loaded.book), performer.actions[placed.step.uses]
    if isinstance(placed.step.undo, Undo) or placed.step.for_each is not None:
        return own
    args = resolve_args(placed.id, placed.step.with_, action, performer.scope())
    return own + action.least_s(args, performer.services)


async def _reverse(
    placed: Placed, spec: Any, outputs: Mapping[str, Any], performer: Performer, info: StepInfo
) -> Outcome:
    scope = performer.scope()
    if isinstance(spec, Undo):
        other: Action[Any] = performer.actions[spec.uses]
        args = resolve_args(placed.id, spec.with_, other, {**scope, "outputs": dict(outputs)})
        return await other.perform(args, performer.services, info)
    action: Action[Any] = performer.actions[placed.step.uses]
    items = outputs.get("items") if placed.step.for_each is not None else None
    if items is None:
        return await action.undo(
            resolve_args(placed.id, placed.step.with_, action, scope), outputs, performer.services, info
        )
    done = []
    for index in reversed(range(len(items))):
        from bcp.playbook import expr

        values = expr.resolve(placed.step.for_each, scope)
        args = resolve_args(placed.id, placed.step.with_, action, {**scope, "item": values[index]})
        done.append(await action.undo(args, items[index], performer.services, info))
    return Outcome("; ".join(o.summary for o in done))
