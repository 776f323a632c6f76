"""One step: its condition, its items, its attempts, and for each effect the claim before and the settlement after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bcp.contracts import effect as effects
from bcp.contracts.action import Access, Action, Finding, Happened, Outcome, StepInfo, always
from bcp.contracts.effect import EffectKey
from bcp.contracts.journal import ClaimState, Effect, Journal
from bcp.contracts.services import Services
from bcp.engine.outcomes import (
    VOID,
    Steps,
    Stopped,
    Unexpected,
    VoidAttempt,
    failure,
    from_record,
    pause_before,
    teller,
    to_record,
    unexpected,
)
from bcp.engine.state import RunState
from bcp.kernel.errors import (
    BcpError,
    GateClosed,
    InDoubt,
    Invalid,
    PartlyDone,
    Permanent,
    Refused,
    Transient,
    fault_in,
    storage_in,
)
from bcp.kernel.secret import redact, redact_data
from bcp.kernel.text import plural
from bcp.plan.build import resolve_args
from bcp.playbook import expr
from bcp.playbook.expr import ExpressionError
from bcp.playbook.load import Loaded, Placed, settle_timeout

Note = Callable[..., Awaitable[None]]
Judge = Callable[..., Awaitable[None]]
"""Asked with the step before it writes (and how many seconds the last judgement is good for). Raises ``Refused``."""
FROZEN_S = 30.0
"""A process that was frozen behind its judgement would go on as if no time had passed."""
DOUBT_PAUSES_S = (0.2, 2.0)
"""Waits before a probe after a lost answer: the effect may still be on its way."""


class Performer:
    """Performs steps for a runner."""

    def __init__(
        self,
        loaded: Loaded,
        actions: Mapping[str, Action[Any]],
        services: Services,
        journal: Journal,
        scope: Mapping[str, Any],
        planned: Mapping[str, Mapping[str, Any]],
        state: RunState,
        note: Note,
        over: Note,
        seen: Callable[[str, str, str, Mapping[str, Any]], None],
        judge: Judge | None = None,
    ) -> None:
        self._judge, self.over = judge, over
        self.loaded, self.actions, self.services, self.journal = loaded, actions, services, journal
        self.base_scope, self.planned, self.state, self.note, self.seen = dict(scope), planned, state, note, seen
        self.correcting = False
        """Mail was moved back, and people are told: nothing stops that any more."""
        self._waits: set[asyncio.Event] = set()
        self._parts: dict[str, Mapping[str, Any]] = {}
        """By key of an effect that did not happen as a whole: outputs of the part that did."""
        self._settling: list[Awaitable[Any]] = []

    def interrupt_waits(self) -> None:
        """Wake every step that only waits: the run is being aborted. Sends stop too, but not corrections: whoever was
        told that mail went elsewhere hears that it is back, however often the run is ended."""
        self.services.halt.on = not self.correcting
        for event in self._waits:
            event.set()

    def scope(self) -> dict[str, Any]:
        """What expressions see now."""
        return {**self.base_scope, "steps": Steps(self.state)}

    async def perform(self, placed: Placed, stop: asyncio.Event) -> None:
        """Do a step and note how it ended. Raises only ``StorageError`` (alone or in a group) and cancellation."""
        try:
            await self._perform(placed, stop)
        finally:
            while self._settling:
                await self._settling.pop()

    async def _perform(self, placed: Placed, stop: asyncio.Event) -> None:
        step = placed.step
        try:
            scope = self.scope()
            if step.when and not expr.condition(step.when, scope):
                await self.note(
                    "step_finished", step=placed.id, status="skipped", summary="not needed as things are now"
                )
                return
            if step.for_each is None:
                outcome = await self._attempts(placed, scope, None, stop)
            else:
                outcome = await self._each(placed, scope, stop)
        except Stopped:
            return
        except Exception as error:  # also a fault in a plug-in, alone or in a group, must not take the run down
            if storage_in(error):
                raise
            known = isinstance(error, (ExpressionError, BcpError))
            await self._failed(placed, error if known else fault_in(step.uses, error))
        else:
            await self.over(
                placed.id,
                status=self._status(placed, outcome),
                summary=redact(outcome.summary),
                outputs=redact_data(dict(outcome.outputs)),
            )

    def _status(self, placed: Placed, outcome: Outcome) -> str:
        action, steps = self.actions[placed.step.uses], self.state.steps
        before = (steps[n].status for n in placed.needs if n in steps)
        if self.services.dry and (action.access is Access.WRITE or action.waits or "would_run" in before):
            return "would_run"  # also what rests on a step that was not carried out: nothing of it was seen
        return "ok" if outcome.changed or action.access is Access.READ else "unchanged"

    async def conclude(self, placed: Placed) -> None:
        """A step that a dead process had begun, in a run that is being undone: find out what it did, do no more."""
        step, action = placed.step, self.actions[placed.step.uses]
        if action.access is Access.READ or action.claims_itself:
            await self.note("step_finished", step=placed.id, status="failed", error="interrupted; nothing more is done")
            return
        known = [(effects.parse(e.key), e) for e in await self.journal.effects(f"{self.journal.run_id}/{placed.id}")]
        mine = [(k, e) for k, e in known if k.step == placed.id and k.attempt is not None and not (k.undo or k.parts)]
        done: dict[int, Mapping[str, Any]] = dict(self.state.steps[placed.id].items)
        try:
            for key, effect in mine:
                index = key.item or 0
                outcome = await self._concluded(placed, action, effect, index)
                if outcome is not None:
                    done[index] = redact_data(dict(outcome.outputs))
        except InDoubt as error:
            await self._failed(placed, error)
            return
        if not done:
            part = next((self._parts[e.key] for _, e in mine if e.key in self._parts and step.for_each is None), {})
            text = f"interrupted; {'a part of it had happened' if part else 'it had not happened'}"
            await self.note("step_finished", step=placed.id, status="failed", error=text, outputs=part)
        elif step.for_each is None:
            await self.note("step_finished", step=placed.id, status="ok", summary="it had happened", outputs=done[0])
        else:
            items = [done[i] for i in sorted(done)]
            await self.note(
                "step_finished", step=placed.id, status="failed", error="interrupted", outputs={"items": items}
            )

    async def _concluded(self, placed: Placed, action: Action[Any], effect: Effect, index: int) -> Outcome | None:
        """What became of one claimed effect; ``None``: it did not happen."""
        if effect.state == "settled":
            record = effect.outcome or {}
            planned = self._planned(placed, effects.parse(effect.key).item)
            return None if record.get("state") in VOID else from_record(record, planned)
        scope = self.scope()
        if placed.step.for_each is not None:
            scope["item"] = expr.resolve(placed.step.for_each, scope)[index]
        args = resolve_args(placed.id, placed.step.with_, action, scope)
        item = index if placed.step.for_each is not None else None
        extra = {"outputs": self._planned(placed, item)}
        timeout = settle_timeout(placed, self.loaded.book) + action.least_s(args, self.services)
        attempt = effects.parse(effect.key).attempt or 0
        info = StepInfo(placed.id, effect.key, attempt, item, timeout, effect.claimed_at, extra)
        outcome = await self._resolve(placed, action, args, info, (0.0,))
        if outcome is None:
            await self._settle(placed, info, {"state": "void", "error": "it did not happen before the interruption"})
        return outcome

    async def _failed(self, placed: Placed, error: Exception) -> None:
        items = self.state.steps[placed.id].items if placed.step.for_each is not None else None
        await self.note("step_finished", step=placed.id, **failure(error, items))

    async def _each(self, placed: Placed, scope: dict[str, Any], stop: asyncio.Event) -> Outcome:
        items = expr.resolve(placed.step.for_each, scope)
        if not isinstance(items, list):
            raise Invalid(f"{placed.id}: for_each needs a list", hint="Check for_each:.")
        done = self.state.steps[placed.id].items
        results: list[Mapping[str, Any]] = []
        changed = False
        for index, item in enumerate(items):
            if index in done:
                results.append(done[index])
                changed = True
                continue
            if stop.is_set():
                raise Stopped
            outcome = await self._attempts(placed, {**scope, "item": item}, index, stop)
            result = redact_data(dict(outcome.outputs))
            await self.note("item_finished", step=placed.id, item=index, result=result, summary=redact(outcome.summary))
            results.append(result)
            changed = changed or outcome.changed
        return Outcome(plural(len(items), "item"), {"items": results}, changed)

    async def _attempts(
        self, placed: Placed, scope: Mapping[str, Any], item: int | None, stop: asyncio.Event
    ) -> Outcome:
        """Attempts until one succeeds. Only definite failures are repeated."""
        step, clock = placed.step, self.services.clock
        retry = step.retry or self.loaded.book.defaults.retry
        patience = clock.monotonic() + (step.within or 0)
        failures = attempt = 0
        while True:
            try:
                outcome = await self._once(placed, scope, item, attempt, stop)
                self._expect(placed, scope, outcome)
                return outcome
            except VoidAttempt:
                attempt += 1
                continue
            except (Transient, Unexpected) as error:
                failures += 1
                again = clock.monotonic() < patience
                if (failures > retry.count and not again) or stop.is_set() or self.state.aborting or self.services.dry:
                    raise Permanent(error.message, hint=error.hint, outputs=error.outputs) from error
                await self.note("step_retry", step=placed.id, error=redact(error.message), attempt=attempt)
                await self._interruptible(clock.sleep(pause_before(retry, failures, error, again)), stop)
                attempt += 1

    async def _interruptible(self, work: Any, stop: asyncio.Event) -> Any:
        """Await something that only waits; leave it at once when the run stops or is aborted."""
        woken = asyncio.Event()
        self._waits.add(woken)
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop.wait()), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                if woken.is_set():
                    raise GateClosed("the run was aborted", rule="aborted")
                raise Stopped
            return tasks[0].result()
        finally:
            self._waits.discard(woken)
            for task in tasks:
                task.cancel()

    def _expect(self, placed: Placed, scope: Mapping[str, Any], outcome: Outcome) -> None:
        expectation = placed.step.expect
        if not expectation or (self.services.dry and self.actions[placed.step.uses].access is Access.WRITE):
            return
        if not expr.condition(expectation, {**scope, "outputs": outcome.outputs}):
            raise unexpected(expectation, outcome)

    async def _once(
        self, placed: Placed, scope: Mapping[str, Any], item: int | None, attempt: int, stop: asyncio.Event
    ) -> Outcome:
        action = self.actions[placed.step.uses]
        args = resolve_args(placed.id, placed.step.with_, action, scope)
        base = self._base_key(placed, item)
        timeout = settle_timeout(placed, self.loaded.book) + action.least_s(args, self.services)
        planned = {"outputs": self._planned(placed, item)}
        if action.access is Access.READ or action.claims_itself:
            key = str(base if action.claims_itself else base.try_(attempt))
            if action.claims_itself and action.access is Access.WRITE:
                await self._judged(placed)
            first = self.state.steps[placed.id].started
            await self.note("step_started", step=placed.id, attempt=attempt, key=key)
            info = StepInfo(placed.id, key, attempt, item, timeout, first or self.services.clock.now(), planned)
            work = self._bounded(action, args, info)
            return await (self._interruptible(work, stop) if action.waits else work)
        say = teller(self.note, placed.id)
        key, still = str(base.try_(attempt)), partial(self._judged, placed, FROZEN_S)
        info = StepInfo(placed.id, key, attempt, item, timeout, 0.0, planned, say, still)
        return await self._claimed(placed, action, args, info)

    def _planned(self, placed: Placed, item: int | None) -> Mapping[str, Any]:
        outputs = self.planned.get(placed.id, {})
        items = outputs.get("items", [])
        return outputs if item is None else items[item] if item < len(items) else {}

    def _base_key(self, placed: Placed, item: int | None) -> EffectKey:
        round_ = self.state.steps[placed.id].rounds if placed.phase == "hold" else None
        return EffectKey(self.journal.run_id, placed.id, round_, item)

    async def _judged(self, placed: Placed, *good_s: float) -> None:
        await (self._judge or always)(placed, *good_s)

    async def _bounded(self, action: Action[Any], args: Any, info: StepInfo) -> Outcome:
        """Perform within the step's time. A gate has its own."""
        if action.waits:
            return await action.perform(args, self.services, info)
        try:
            async with asyncio.timeout(info.timeout_s):
                return await action.perform(args, self.services, info)
        except PartlyDone as error:  # what was done stands, and is not undone because of the rest
            return Outcome(error.message, error.outputs or {})
        except TimeoutError as error:
            kind = InDoubt if action.access is Access.WRITE and not action.claims_itself else Transient
            raise kind(
                f"not done in {info.timeout_s:g} s", hint="Give it more time (timeout:), or see what it waits for."
            ) from error

    async def _claimed(self, placed: Placed, action: Action[Any], args: Any, info: StepInfo) -> Outcome:
        """A write: claim, perform, settle. What was claimed before and not settled is asked about first."""
        request = redact_data(args.model_dump(mode="json", by_alias=True))
        claim = await self.journal.claim(
            info.key, placed.id, request, event="step_started", attempt=info.attempt, claimed=True
        )
        if claim.state is ClaimState.DONE:
            return from_record(claim.outcome or {}, self._planned(placed, info.item))
        if claim.state is ClaimState.GO:
            self.seen(
                "step_started", placed.id, "", {"attempt": info.attempt, "key": info.key}
            )  # on disk with the claim
        info = replace(info, claimed_at=claim.claimed_at)
        if claim.state is ClaimState.IN_DOUBT:
            settled = await self._resolve(placed, action, args, info, (0.0,))
            if settled is not None:
                return settled
            await self.journal.check()  # the probe may have taken long: somebody else may have gone on meanwhile
        try:
            await self._judged(placed)
            outcome = await self._bounded(action, args, info)
        except (Transient, Permanent, Invalid, Refused) as error:
            if (part := self._parts.get(info.key)) and not error.outputs:
                error.outputs = part  # what a process that died had done is not forgotten
                error.hint = "A part of it was done before the interruption: see where each domain's mail goes."
            await self._settle(
                placed,
                info,
                {"state": "failed", "error": redact(error.message), "outputs": redact_data(dict(error.outputs or {}))},
            )
            raise
        except Exception as error:  # InDoubt, or a fault after which nobody knows
            if storage_in(error):
                raise
            await self.journal.doubt(info.key, redact(str(error)))
            settled = await self._resolve(placed, action, args, info, DOUBT_PAUSES_S)
            if settled is not None:
                return settled
            await self._settle(placed, info, {"state": "void", "error": redact(str(error))})
            done = getattr(error, "outputs", None)  # what happened in part is to be undone
            text = f"it did not happen{' as a whole' if done else ', as a look afterwards shows; before it'}: {error}"
            raise Transient(text, hint=getattr(error, "hint", ""), outputs=done) from error
        # In line before ``step_finished``, so that one sync serves both; ``perform`` waits for it.
        self._settling.append(self.journal.settle_soon(info.key, to_record(outcome)))
        return outcome

    async def _settle(self, placed: Placed, info: StepInfo, record: Mapping[str, Any]) -> None:
        await self.journal.settle(info.key, record, step=placed.id)

    async def _resolve(
        self, placed: Placed, action: Action[Any], args: Any, info: StepInfo, pauses: tuple[float, ...]
    ) -> Outcome | None:
        """Ask the action's probe. An outcome: it happened. ``None``: it did not. ``InDoubt``: nobody knows."""
        finding = Finding(Happened.UNKNOWN)
        for pause in pauses:
            await self.services.clock.sleep(pause)
            try:
                async with asyncio.timeout(info.timeout_s):
                    finding = await action.probe(args, self.services, info)
            except Exception as error:  # also a fault in the probe: nobody knows
                if storage_in(error):
                    raise
                finding = Finding(Happened.UNKNOWN, detail=str(error))
            if finding.happened is Happened.YES:
                break
        part = finding.outcome.outputs if finding.happened is Happened.NO and finding.outcome is not None else None
        if part:
            self._parts[info.key] = redact_data(dict(part))
        await self.note(
            "doubt_settled" if finding.happened is not Happened.UNKNOWN else "doubt_stands",
            step=placed.id,
            key=info.key,
            happened=str(finding.happened),
            detail=redact(finding.detail),
            by="probe",
            **({"part": True} if part else {}),
        )
        if finding.happened is Happened.YES:
            outcome = finding.outcome or Outcome("it had happened")
            await self._settle(placed, info, to_record(outcome))
            return outcome
        if finding.happened is Happened.NO:
            return None
        await self.journal.doubt(info.key, redact(finding.detail))
        raise InDoubt(
            finding.detail or "nobody knows whether it happened",
            hint=f"Find out, then: bcp settle {self.journal.run_id} {placed.id} --happened (or --not-happened)",
        )
