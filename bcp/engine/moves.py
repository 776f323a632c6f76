"""What a run does to where mail goes: judged before it is done, gated before it is undone, corrected afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bcp.contracts.action import Action, NoLongerHolds
from bcp.contracts.effect import EffectKey
from bcp.contracts.journal import Draft, Signal
from bcp.contracts.services import Order, Services
from bcp.engine.holds import SAID, against_undo, consented, still_holds
from bcp.engine.judge import Judge, gate_terms, gates_before
from bcp.engine.state import DONE, RunState
from bcp.kernel.errors import BcpError, GateClosed, storage_in
from bcp.kernel.hashing import digest, digest_of_large
from bcp.kernel.secret import redact
from bcp.plan.build import resolve_args
from bcp.playbook.expr import ExpressionError
from bcp.playbook.load import Loaded, Placed
from bcp.playbook.scope import ancestors

FRESH_S = 5.0
"""How long a judgement is good while nothing waited."""
CLEARED_S = 30.0
"""How long a look that does not speak against a deed is good at most: a process may have been frozen behind it."""
UNDO_TIMEOUT_S = 600.0
"""How long people are asked whether mail is to be moved back."""
GATE, ANYWAY = "undo", "undo-anyway"
"""The gates of an undo: the first for moving mail back at all, the second when a look speaks against it."""
BACK_TEMPLATES = {"primary": "inbound-undone", "relay": "inbound-on-backup"}
"""What whoever heard the last word is told once mail was moved back; by where mail goes then."""
Note = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an undo of this run would do to mail."""

    run: str
    towards: str
    """``primary`` or ``relay``."""
    mx: Mapping[str, tuple[str, str]]
    """Of each domain: where mail goes now as far as this run knows, and where it would go."""

    @property
    def checksum(self) -> str:
        """What a yes is bound to."""
        mx = {d: list(m) for d, m in self.mx.items()}
        return digest_of_large({"run": self.run, "towards": self.towards, "mx": mx})

    def anyway(self, code: str) -> str:
        """What a second yes is bound to: the same although a look speaks against it."""
        return digest({"of": self.checksum, "in_spite_of": code})

    def __str__(self) -> str:
        """In words."""
        rows = [f"{domain}: {now} -> {then}" for domain, (now, then) in list(self.mx.items())[:5]]
        more = f"; and {len(self.mx) - 5} more" if len(self.mx) > 5 else ""
        return f"mail goes back to the {self.towards}: {'; '.join(rows)}{more}"


def consequence_of(run: str, towards: str, steps: Sequence[Mapping[str, Any]]) -> Consequence:
    """From the outputs of the steps that moved MX (``before`` and ``after`` of each domain)."""
    mx: dict[str, tuple[str, str]] = {}
    for outputs in steps:
        for one in outputs.get("items", [outputs]):
            before, after = one.get("before") or {}, one.get("after") or {}
            for domain in before:
                if domain in after and before[domain] != after[domain]:
                    mx[domain] = (_hosts(after[domain]), mx.get(domain, ("", _hosts(before[domain])))[1])
    return Consequence(run, towards, mx)


def undo_towards(steps: Sequence[Placed], actions: Mapping[str, Action[Any]], scope: Mapping[str, Any]) -> str:
    """Where an undo of these steps would move mail: away from where they point it."""
    for placed in steps:
        action = actions[placed.step.uses]
        try:
            args = resolve_args(placed.id, placed.step.with_, action, scope)
        except (BcpError, ExpressionError):
            continue
        if "mx-on-primary" in action.claims_facts(args):
            return "relay"
    return "primary"


def moved_by(steps: Sequence[Placed], state: RunState) -> list[Placed]:
    """Of the steps that move mail: those whose undo would move it: done, in doubt, under way, or done in part."""
    out = []
    for placed in steps:
        step = state.steps[placed.id]
        left = step.status in {"ok", "in_doubt", "running", "waiting"} or (step.status == "failed" and step.outputs)
        if placed.step.undo != "none" and step.began and left:
            out.append(placed)
    return out


def _hosts(mx: Mapping[str, Any]) -> str:
    return ", ".join(f"{h[0]} {h[1]}" for h in mx.get("hosts", ()))


class Moves:
    """The part of a runner that looks after mail."""

    def __init__(
        self,
        loaded: Loaded,
        actions: Mapping[str, Action[Any]],
        services: Services,
        state: RunState,
        note: Note,
        judge: Judge | None,
        *,
        new: bool,
    ) -> None:
        self.loaded, self.actions, self.services = loaded, actions, services
        self.state, self.note, self.judge = state, note, judge
        self.scope: Callable[[], dict[str, Any]] = dict
        self.interrupt: Callable[[], None] = lambda: None
        """Wakes what only waits, once the run is aborted."""
        self.steps = [s for s in loaded.steps if s.step.uses in actions and actions[s.step.uses].moves_mx]
        self.asking: asyncio.Task[None] | None = None
        self._alone = asyncio.Lock()
        self._stale = not new
        clock = services.clock
        self._judged = (clock.monotonic(), clock.now())
        self._cleared: tuple[float, float] | None = None
        """Steady and wall time of the last look that did not speak against an undo."""

    # -- what this run did ---------------------------------------------------------------------------------------

    def moved(self) -> list[Placed]:
        """Steps whose undo would move mail: done, in doubt, or under way."""
        return moved_by(self.steps, self.state)

    def committed(self) -> bool:
        """Did a step come through that moves mail? What follows it must go on: people have to hear of it."""
        return any(self.state.steps[s.id].status in DONE for s in self.steps)

    def goes_back(self) -> bool:
        """Is this the way back of another run?"""
        return bool(self.services.run.parent)

    def left_on_relay(self) -> bool:
        """Was an undo withheld, so that mail stays at the relay until people decide?"""
        return bool(self.state.withheld) and not self.goes_back()

    def consequence(self) -> Consequence:
        """What an undo would do now."""
        steps = [self.state.steps[s.id].outputs for s in self.moved()]
        return consequence_of(self.services.run.id, self._towards(), steps)

    def _towards(self) -> str:
        return undo_towards(self.steps, self.actions, self.scope())

    def tasks(self) -> list[asyncio.Task[Any]]:
        """What is under way beside the steps."""
        return [self.asking] if self.asking is not None else []

    def heard(self, kind: str) -> None:
        """Something happened after which what was judged may have changed."""
        if kind in {"gate_closed", "resumed", "step_retry"}:
            self._stale = True

    # -- before a write ------------------------------------------------------------------------------------------

    async def before_write(self, placed: Placed, good_s: float = FRESH_S) -> None:
        """Judge again what this write rests on, when anything waited since the last time. ``good_s``: how long a
        judgement is good.

        Raises:
            Refused: (``no-longer-holds``) it must not be done any more; people are told why.
        """
        if self.judge is None or self.services.dry or placed.phase != "activation":
            return
        if not self.actions[placed.step.uses].moves_mx and self.committed():
            return
        async with self._alone:
            if self._old(good_s):
                await self._judge_now(self.judge, placed)
                if self._old(max(good_s, CLEARED_S)):  # frozen in the middle of it
                    await self._judge_now(self.judge, placed)

    async def _judge_now(self, judge: Judge, placed: Placed) -> None:
        """It is as old as what it rests on: its time is that before the first thing was read."""
        began, self._stale = (self.services.clock.monotonic(), self.services.clock.now()), False
        try:
            broken = still_holds(await judge.ground(placed, self.state, self.scope()))
            await self.note("judged", step=placed.id, broken=[b.rule for b in broken])
            if broken:
                error = NoLongerHolds(
                    f"not done, because it no longer holds: {'; '.join(b.said for b in broken[:4])}",
                    hint="Nothing was written by this step. Look, and make a new plan if it is still needed: bcp plan",
                )
                error.broken = tuple(b.rule for b in broken)
                raise error
        except BaseException:
            self._stale = True
            raise
        self._judged = began

    def _old(self, good_s: float) -> bool:
        clock = self.services.clock
        steady, wall = clock.monotonic() - self._judged[0], clock.now() - self._judged[1]
        return self._stale or steady > good_s or abs(wall - steady) > good_s

    def _is_cleared(self) -> bool:
        if self._cleared is None:
            return False
        clock = self.services.clock
        steady, wall = clock.monotonic() - self._cleared[0], clock.now() - self._cleared[1]
        return steady <= CLEARED_S and abs(wall - steady) <= CLEARED_S

    # -- before an undo ------------------------------------------------------------------------------------------

    def asked_for(self, signal: Signal) -> list[Draft]:
        """What an abort of a run that moved mail becomes: a question;
        while one is open, the word of one more person."""
        data = {**signal.data, "told_at": signal.at}
        if not self.state.undo_asked:
            return [Draft("undo_asked", "", signal.actor, data)]
        said = {GATE: data.get("consequence", ""), ANYWAY: data.get("anyway", "")}
        return [
            Draft(
                "answered", gate, signal.actor, {"checksum": bound, "how": "asked for it", "yes": True, "at": signal.at}
            )
            for gate, bound in said.items()
            if bound
        ]

    def ask_again(self) -> None:
        """Ask people about an undo that somebody wants; also after a restart."""
        if self.state.undo_asked and (self.asking is None or self.asking.done()):
            self.asking = asyncio.create_task(self._ask(dict(self.state.undo_asked)))  # noqa: TID251 - kept in tasks()

    def raise_fault(self) -> None:
        """Raise what broke the asking, once."""
        if self.asking is not None and self.asking.done() and not self.asking.cancelled():
            error, self.asking = self.asking.exception(), None
            if error is not None:
                raise error

    async def _ask(self, asked: Mapping[str, Any]) -> None:
        found, by = self.consequence(), str(asked["by"])
        try:
            codes = ["plain"]
            people = await self._gate(GATE, found.checksum, str(found), asked, "consequence")
            if self.judge is not None:
                code = against_undo(found.towards, self.judge.began(), await self.judge.seen())
                if code:
                    about = f"{found}, although {SAID[code]}"
                    people = await self._gate(ANYWAY, found.anyway(code), about, asked, "anyway")
                    codes.append(code)
        except GateClosed as error:
            await self.note("undo_refused", actor=by, reason=error.message, rule=error.rule)
            return
        reason = str(asked.get("reason", ""))
        await self.note("aborting", actor=by, reason=reason, consent=codes, approved_by=list(people))
        self.interrupt()

    async def _gate(self, name: str, bound: str, about: str, asked: Mapping[str, Any], field: str) -> tuple[str, ...]:
        """One gate, in which the word of whoever asked counts when they were shown exactly this."""
        references, count, exclude = self._terms()
        clock = self.services.clock
        mine = str(asked.get(field, ""))
        if mine == bound and clock.now() - float(asked.get("at", 0.0)) <= UNDO_TIMEOUT_S:
            already = any(a["by"] == asked["by"] and a["checksum"] == bound for a in self.state.answers)
            if not already:
                said = {"checksum": bound, "yes": True, "at": clock.now(), "how": "asked for it"}
                await self.note("answered", step=name, actor=str(asked["by"]), **said)
                remember = getattr(self.services.approvals, "remember", None)
                if remember is not None:
                    remember(self.state.answers)
        verdict = await self.services.approvals.wait(
            name, references, count, UNDO_TIMEOUT_S, exclude_initiator=exclude, bound=bound, about=about
        )
        return verdict.approved_by

    def _terms(self) -> tuple[list[str], int, bool]:
        """Whom to ask: as bound as the switch itself. Without a gate in the playbook: the people on call."""
        gates = {g.id: g for s in self.moved() for g in gates_before(self.loaded, s.id, self.actions)}
        terms = [
            (*gate_terms(g, self.scope()), not g.step.with_.get("initiator_may_approve", False)) for g in gates.values()
        ]
        if terms:
            return max(terms, key=lambda t: t[1])
        references, count = self.judge.asks() if self.judge is not None else ([], 1)
        return references, count, False

    async def withhold(self) -> bool:
        """Before an undo that would move mail: look. True: it must not be done now, and mail stays where it is."""
        if not self.state.failing():
            self._cleared = None
            return False
        moved = self.moved()
        if self._is_cleared() or not moved or self.judge is None or self.services.dry:
            return False
        looked = (self.services.clock.monotonic(), self.services.clock.now())
        seen = await self.judge.seen()
        code = against_undo(self._towards(), self.judge.began(), seen)
        consent = self.state.consent
        agreed = consented(consent.get("codes", ()), code, float(consent.get("at", 0.0)), self.services.clock.now())
        if not code or agreed:
            self._cleared = looked
            return False
        reason = self.state.reason or f"aborted by {self.state.aborting}"
        why = f"{reason}; mail was left where it is, because {SAID[code]}"
        await self.note("undo_withheld", steps=[s.id for s in moved], code=code, seen=seen, reason=why)
        return True

    # -- after an undo -------------------------------------------------------------------------------------------

    async def correct(self) -> None:
        """Mail was moved back: whoever was told where it goes hears that this is no longer so."""
        undone = [s for s in self.steps if self.state.steps[s.id].status == "undone"]
        if not undone or self.services.dry:
            return
        self.services.halt.on = False
        template = BACK_TEMPLATES[self._towards()]
        for placed in self._told_after({s.id for s in undone}):
            if placed.id in self.state.corrected:
                continue
            try:
                order = self._correction(placed, template)
                key = EffectKey(self.services.run.id, placed.id, parts=("correction",))
                tallies = await self.services.courier.deliver(order, str(key))
            except Exception as error:  # what cannot be corrected is said; the others still hear it
                if storage_in(error):
                    raise
                first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                await self.note("correction_failed", step=placed.id, error=redact(str(first)))
                continue
            counts = {"sent": sum(t.sent for t in tallies), "failed": sum(t.failed + t.unknown for t in tallies)}
            if cut := sum(t.stopped for t in tallies):
                await self.note("correction_failed", step=placed.id, error=f"{cut} messages were stopped", **counts)
                continue
            await self.note("corrected", step=placed.id, audience=order.audience, template=template, **counts)

    def _told_after(self, moved: set[str]) -> list[Placed]:
        """Steps that told people something after mail was moved; each audience and way once."""
        out: dict[str, Placed] = {}
        for placed in self.loaded.steps:
            step = self.state.steps[placed.id]
            later = placed.phase == "hold" or bool(moved & ancestors(self.loaded, placed.id))
            if self.actions[placed.step.uses].tells and later and step.began:
                out.setdefault(digest([placed.step.with_.get("audience"), placed.step.with_.get("channels")]), placed)
        return list(out.values())

    def _correction(self, placed: Placed, template: str) -> Order:
        args = resolve_args(placed.id, placed.step.with_, self.actions[placed.step.uses], self.scope())
        return Order(args.audience, template, tuple(args.channels), dict(getattr(args, "variables", None) or {}))
