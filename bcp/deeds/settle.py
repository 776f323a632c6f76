"""Settle: a named person says whether an effect in doubt happened.
Acknowledge: a named person looked at a run that is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts import effect as effects
from bcp.contracts.dns import MxSet
from bcp.contracts.journal import Effect
from bcp.deeds.run import run_lock
from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.left import Left, left_of
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import Missing, Refused
from bcp.mx.joined import held
from bcp.mx.read import read_all
from bcp.store.sqlite.book import Book
from bcp.wiring.world import UNMOVED


@dataclass(frozen=True, slots=True)
class Settle:
    """What a person found out of a step, of one effect by its key, or of a domain that a switch left in doubt."""

    run: str
    what: str
    happened: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """Effects that are in doubt no longer."""

    run: str
    keys: tuple[str, ...]
    happened: bool
    by: str
    then: str = ""
    """The command that goes on from there; empty: nothing waits for it."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """Domains of which it was not taken, and what they have now."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The run was looked at; its target need not rest any more."""

    run: str
    by: str


async def settle(ground: Ground, who: Who, found: Settle) -> Settled:
    """Write a person's word into the run's ledger. Go on with the run afterwards (resume).

    Raises:
        Refused: ``not-allowed``; ``run-live`` (a process works on the run and may settle it itself);
            ``seen-otherwise`` (what stands at a domain says the contrary).
        Missing: no such run; ``nothing-in-doubt`` by this name.
    """
    who.must(RUN)
    runs = ground.app.running.runs
    run_id = runs.find(found.run)
    view = runs.view(run_id)
    doubtful = [e for e in view.record.effects if e.state != "settled" and _means(e, found.what)]
    names = {found.what, found.what.lower().rstrip(".")}
    left = [x for x in left_of(view) if not x.known and names & {x.domain, x.step}]
    if left and not doubtful:
        return await _left(ground, who, view, left, found)
    if not doubtful:
        raise Missing(
            f"nothing in doubt is called {found.what!r}", rule="nothing-in-doubt", hint=f"bcp status {run_id}"
        )
    with run_lock(ground.app, run_id):
        journal = runs.store.open(runs.path(run_id), ground.app.clock)
        try:
            for effect in doubtful:
                outcome = outcome_of(effect, who.person, happened=found.happened)
                await journal.settle(
                    effect.key,
                    outcome,
                    event="doubt_settled",
                    step=effects.step_of(effect.key),
                    actor=who.person,
                    happened=str(found.happened),
                    reason=found.reason,
                    how=who.how,
                )
        finally:
            journal.close()
    return Settled(run_id, tuple(e.key for e in doubtful), found.happened, who.person, f"bcp resume {run_id}")


async def _left(ground: Ground, who: Who, view: RunView, left: Sequence[Left], found: Settle) -> Settled:
    """Domains that a switch left in doubt while others moved: they count as moved, or are given up, so that another
    run may have them. One whose host shows the contrary stays as it is. A run that somebody works on hears of it as
    of every word."""
    runs = ground.app.running.runs
    seen = await _otherwise(ground, view, left, happened=found.happened)
    sure = [x for x in left if x.domain not in seen]
    if not sure:
        domain, mx = next(iter(seen.items()))
        right = "--not-happened" if found.happened else "--happened"
        hint = f"Where that is so at the DNS host, too: bcp settle {view.id} {domain} {right}"
        raise Refused(f"{domain} has {mx} now", rule="seen-otherwise", hint=hint)
    why = "" if found.happened else f"{who.person} looked: it has what it had"
    said = {"state": "applied" if found.happened else "refused", "why": why, "happened": str(found.happened)}
    said |= {"reason": found.reason, "how": who.how}
    if view.live:
        for x in sure:
            runs.tell(view.id, "settle", who.person, step=x.step, domain=x.domain, **said)
    else:
        with run_lock(ground.app, view.id):
            journal = runs.store.open(runs.path(view.id), ground.app.clock)
            try:
                for x in sure:
                    await journal.record("doubt_settled", step=x.step, actor=who.person, domain=x.domain, **said)
            finally:
                journal.close()
    then = "" if found.happened else f"bcp run --rest-of {view.id}"
    return Settled(view.id, tuple(x.domain for x in sure), found.happened, who.person, then, seen)


async def _otherwise(ground: Ground, view: RunView, left: Sequence[Left], *, happened: bool) -> dict[str, str]:
    """By domain: what stands there and says the contrary. What cannot be read says nothing."""
    world, wrong = ground.app.world, dict[str, list[MxSet]]()
    for x in left:
        if x.domain in world.domains and world.domains[x.domain].dns != UNMOVED:
            outputs = view.state.steps[x.step].outputs
            items = outputs.get("items")
            parts = [i for i in (items if isinstance(items, list) else [outputs]) if x.domain in (i.get("left") or {})]
            contrary = [(p.get("before" if happened else "after") or {}).get(x.domain) for p in parts]
            wrong[x.domain] = [MxSet.from_data(mx) for mx in contrary if mx]  # a switch of another maker may tell none
    seen = {}
    for reading in await read_all(list(wrong), world):
        there = [] if reading.problem else held(reading)
        if mx := next((str(m) for m in there if any(w.same(m) for w in wrong[reading.domain])), ""):
            seen[reading.domain] = mx
    return seen


def _means(effect: Effect, what: str) -> bool:
    try:
        return effects.parse(effect.key).names(what)
    except ValueError:
        return what in (effect.key, effect.step)


def outcome_of(effect: Effect, by: str, *, happened: bool) -> dict[str, Any]:
    """What the ledger keeps of a person's word: of a delivery as its channel would have said it,
    else as a step would."""
    if "channel" in effect.request:
        reason = "" if happened else f"{by} says that it did not happen"
        return {"state": "sent" if happened else "failed", "reason": reason, "receipt": f"settled by {by}"}
    if happened:
        return {"state": "done", "summary": f"{by} says that it happened", "outputs": {}, "changed": True, "by": by}
    return {"state": "void", "error": f"{by} says that it did not happen"}


async def acknowledge(ground: Ground, who: Who, run: str) -> Acknowledged:
    """Lift the rest after a run: somebody looked at it. Of one whose file is gone: it is over, its targets are free.

    Raises:
        Refused: ``no-person`` (that a lost run is over only a named person can say).
        Refused: ``not-allowed``; ``not-over`` (only a run that is over is acknowledged); ``run-live``.
        Missing: there is no such run.
    """
    who.must(RUN)
    runs = ground.app.running.runs
    if any(h.run == run for h in runs.lost()):
        return await _lost(ground, who, run)
    run_id = runs.find(run)
    status = runs.view(run_id, effects=False).state.status
    if status not in FINAL:
        raise Refused(f"run {run_id} is not over ({status})", rule="not-over", hint=f"bcp status {run_id}")
    with run_lock(ground.app, run_id):
        journal = runs.store.open(runs.path(run_id), ground.app.clock)
        try:
            await journal.record("acknowledged", actor=who.person, how=who.how)
        finally:
            journal.close()
    runs.anchor(run_id, runs.view(run_id, effects=False).record.head, "acknowledged")
    return Acknowledged(run_id, who.person)


async def _lost(ground: Ground, who: Who, run: str) -> Acknowledged:
    """A named person says of a run whose file is gone that it is over: into the book and the audit file, then free."""
    who.must_be_a_person()
    runs = ground.app.running.runs

    def work(book: Book) -> None:
        book.note("lost_run_acknowledged", book.incident_of(run), who.person, run=run, how=who.how)

    await ground.do(work)
    runs.anchor(run, "", "acknowledged")
    runs.room.leases.give_up(run)
    return Acknowledged(run, who.person)
