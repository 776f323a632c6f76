"""Settle: a named person says whether an effect in doubt happened.
Acknowledge: a named person looked at a run that is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bcp.contracts import effect as effects
from bcp.contracts.journal import Effect
from bcp.deeds.run import run_lock
from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.state import FINAL
from bcp.kernel.errors import Missing, Refused
from bcp.store.sqlite.book import Book


@dataclass(frozen=True, slots=True)
class Settle:
    """What a person found out of a step, or of one effect by its key."""

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


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The run was looked at; its target need not rest any more."""

    run: str
    by: str


async def settle(ground: Ground, who: Who, found: Settle) -> Settled:
    """Write a person's word into the run's ledger. Go on with the run afterwards (resume).

    Raises:
        Refused: ``not-allowed``; ``run-live`` (a process works on the run and may settle it itself).
        Missing: no such run; ``nothing-in-doubt`` by this name.
    """
    who.must(RUN)
    runs = ground.app.running.runs
    run_id = runs.find(found.run)
    doubtful = [e for e in runs.view(run_id).record.effects if e.state != "settled" and _means(e, found.what)]
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
    return Settled(run_id, tuple(e.key for e in doubtful), found.happened, who.person)


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
