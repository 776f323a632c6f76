"""What a question is about, in words: a plan, an undo, or records that are entered by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.channel import Choice
from bcp.contracts.store import RunQuery
from bcp.engine.moves import ANYWAY, GATE
from bcp.incident.model import Question
from bcp.pages.times import plural
from bcp.pages.words import USUAL, words
from bcp.pages.words.said import reason, said
from bcp.plan.model import Plan, read_plan
from bcp.server.core import Core

NAMED, SENDS = 3, 1000
"""Changes that a question names, and sends that it counts."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What a question is about, in words."""

    playbook: str
    checksum: str
    forecast: str
    kind: str
    back: bool
    """The way back: the service works again."""
    asks: str = "start"
    """What a yes means: ``start`` it, ``undo`` (mail moves back), ``hand`` (records are entered)."""
    before: str = ""
    """That the last try failed, and why: who said yes to it is asked again."""


async def matter_of(core: Core, question: Question) -> Matter:
    """What it is about. Raises ``BcpError`` when the run or plan is gone."""
    if question.run:
        runs = core.app.running.runs
        view = await runs.glance(question.run)
        plan = view.plan
        step = view.state.steps.get(question.step)
        undo, about = question.step in {GATE, ANYWAY}, str(step.gate.get("about", "")) if step is not None else ""
        if about or (step is not None and undo):  # no plan: the consequence of an undo, or records to enter
            back, asks = not undo and bool(plan.get("parent")), "undo" if undo else "hand"
            text = about or "mail goes back"
            return Matter(str(plan["playbook"]), question.checksum, text, str(plan["kind"]), back, asks)
        changes, count = await runs.planned(question.run, "changes", 0, NAMED)
        sends, _ = await runs.planned(question.run, "forecasts", 0, SENDS)
        text = forecast_of([str(c["target"]) for c in changes], count, [int(f["messages"]) for f in sends])
        parent = str(plan.get("parent") or "")
        before = failed_before(core, parent, question.run)
        return Matter(
            str(plan["playbook"]), str(plan["checksum"]), text, str(plan["kind"]), bool(parent), before=before
        )
    path = core.state / "plans" / f"{question.step.removeprefix('plan:')}.json"
    kept = await asyncio.to_thread(read_plan, path)
    before = failed_before(core, kept.parent, "")
    return Matter(kept.playbook, kept.checksum, _forecast(kept), kept.kind, bool(kept.parent), before=before)


def failed_before(core: Core, parent: str, mine: str) -> str:
    """Of the ways back from this run that were tried before ``mine``: that the last one failed, and why."""
    rows = core.app.running.cards(RunQuery(parent=parent, status={"failed"})) if parent else ()
    last = max((c for c in rows if c.id != mine), key=lambda c: c.created, default=None)
    return said("ask.failed-before", why=reason(last.reason)) if last is not None and last.reason else ""


def labels_of(asks: str, language: str = USUAL) -> tuple[str, str]:
    """What a yes and a no are called, by what is asked."""
    w = words(language[:2])
    return w(f"ask.yes.{asks}"), w(f"ask.no.{asks}")


def choices_of(question: Question, matter: Matter, language: str = USUAL) -> tuple[Choice, ...]:
    """Buttons for it."""
    yes, no = labels_of(matter.asks, language)
    return Choice(f"{question.id}:yes", yes), Choice(f"{question.id}:no", no, False)


def forecast_of(targets: Sequence[str], changes: int, messages: Sequence[int]) -> str:
    """What a plan changes and sends, in a line: the changes first. ``targets``: of the first changes, ``changes``: how
    many there are, ``messages``: of each send."""
    named = ", ".join(targets[:NAMED]) + (" ..." if changes > NAMED else "")
    parts = [f"{plural(changes, 'change')}: {named}" if changes else "no change"]
    if messages:
        parts.append(plural(sum(messages), "message"))
    return "; ".join(parts)


def _forecast(plan: Plan) -> str:
    """The same of a plan that is not run yet."""
    changes = [c for s in plan.steps for c in s.changes]
    messages = [f.messages for s in plan.steps for f in s.forecasts]
    return forecast_of([c.target for c in changes[:NAMED]], len(changes), messages)
