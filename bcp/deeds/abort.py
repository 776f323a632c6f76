"""Abort: end a run. One that moved mail is ended by people who are shown where mail goes then,
as bound as the switch itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bcp import registry
from bcp.contracts.traits import Trait, has
from bcp.deeds.plan import request_of_plan
from bcp.deeds.who import APPROVE, RUN, Ground, Who
from bcp.engine.holds import SAID, against_undo
from bcp.engine.judge import gate_terms, gates_before
from bcp.engine.moves import Consequence, consequence_of, moved_by, undo_towards
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.calm import still
from bcp.kernel.errors import GateClosed, Refused
from bcp.plan.build import base_scope
from bcp.plan.model import bare
from bcp.playbook.load import Loaded, loads
from bcp.wiring import App


@dataclass(frozen=True, slots=True)
class Abort:
    """End this run. ``consequence`` and ``anyway`` are checksums of what was shown (``look``);
    needed when mail moves."""

    run: str
    reason: str = ""
    consequence: str = ""
    anyway: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What ending this run does to mail, as of now."""

    run: str
    live: bool
    moves: Consequence | None
    """``None``: mail stays where it is."""
    seen: str = ""
    """What our own look of this moment says: healthy, suspect, down, unknown."""
    against: str = ""
    """Code of why mail should not move (``holds.SAID`` has the words); then a second yes is asked for."""
    approvers: tuple[str, ...] = ()
    count: int = 1

    @property
    def consequence(self) -> str:
        """What the first yes is bound to; empty: none is needed."""
        return self.moves.checksum if self.moves is not None else ""

    @property
    def anyway(self) -> str:
        """What the second yes is bound to; empty: none is needed."""
        return self.moves.anyway(self.against) if self.moves is not None and self.against else ""

    def why(self) -> str:
        """Why mail should not move, in words; empty: nothing speaks against it."""
        return SAID.get(self.against, "")


@dataclass(frozen=True, slots=True)
class Aborted:
    """The run was told. ``asks``: it ends only when enough people said yes to the consequence."""

    run: str
    live: bool
    asks: bool


async def look(ground: Ground, run: str) -> Shown:
    """What ending this run would do to mail; looks at the service when mail would move.

    Raises:
        Refused: (``run-over``) there is nothing to end.
        Missing: there is no such run.
    """
    name, live, when, found = await asyncio.to_thread(_read, ground, run)
    if found is None:
        return Shown(name, live, None)
    consequence, references, count = found
    seen = str((await ground.fresh()).get("state", "unknown"))
    code = against_undo(consequence.towards, when, seen)
    people = tuple(sorted(ground.app.people.approvers(references)))
    return Shown(name, live, consequence, seen, code, people, count)


def _read(ground: Ground, run: str) -> tuple[str, bool, str, tuple[Consequence, list[str], int] | None]:
    """The run's id, whether somebody works on it, what was seen when it was planned, and what ending it does to mail.

    For a thread: with thousands of domains it takes its time.
    """
    runs = ground.app.running.runs
    name = runs.find(run)
    short = runs.brief(name)
    _must_go_on(short)
    if not _touched_mail(short):  # nothing of the bulk of its plan is needed
        return short.id, short.live, "", None
    with still():
        view = runs.view(name, effects=False)
        _must_go_on(view)
        return view.id, view.live, began(view.plan), moves_of(ground.app, view)


def _touched_mail(view: RunView) -> bool:
    """May there be anything to move back (``moved_by``)? What a failed step did is not in a short view."""
    actions = registry.actions()
    loaded = loads(str(view.plan["playbook_text"]), str(view.plan["playbook_file"]))
    moving = [s for s in loaded.steps if s.step.uses in actions and actions[s.step.uses].moves_mx]
    failed = any(view.state.steps[s.id].status == "failed" for s in moving)
    return failed or bool(moved_by(moving, view.state))


async def abort(ground: Ground, who: Who, wanted: Abort) -> Aborted:
    """End a run. What did not move mail stops before its next step and is undone.

    A run that moved mail becomes a question to the approvers of its own gate; the word of whoever asks counts as one
    answer.

    Raises:
        Refused: ``run-over``; ``not-allowed``; for a run that moved mail: ``no-person``, ``not-an-approver``,
            ``consequence-not-shown``, ``wrong-checksum`` (it is another one now), ``second-yes`` (a look speaks against
            it).
    """
    shown = await look(ground, wanted.run)
    if shown.moves is None:
        who.must(RUN)
    else:
        _may_move(shown, who, wanted)
    data = {"reason": wanted.reason, "how": who.how}
    if shown.moves is not None:
        data |= {"consequence": shown.consequence, "anyway": shown.anyway}
    ground.app.running.runs.tell(shown.run, "abort", who.person, **data)
    ground.wake(shown.run)
    return Aborted(shown.run, shown.live, shown.moves is not None)


def _may_move(shown: Shown, who: Who, wanted: Abort) -> None:
    """May this person move mail back by ending the run? Raises ``Refused``."""
    who.must(APPROVE)
    who.must_be_a_person()
    hint = f"It moves mail, so it takes {shown.count} of: {', '.join(shown.approvers)}. The planned way: bcp failback"
    if who.contact not in shown.approvers:
        raise Refused(f"{who.person} may not end {shown.run}", rule="not-an-approver", hint=hint)
    if not wanted.consequence:
        what = f"ending {shown.run} moves mail, and nobody was shown where to: {shown.moves}"
        raise GateClosed(what, rule="consequence-not-shown", hint="Look first, then say yes to exactly that.")
    if not shown.consequence.startswith(wanted.consequence):
        raise Refused(f"it would do something else now: {shown.moves}", rule="wrong-checksum", hint="Look at it again.")
    if shown.against and not (wanted.anyway and shown.anyway.startswith(wanted.anyway)):
        what = f"{shown.moves}, although {shown.why()}"
        raise GateClosed(
            what, rule="second-yes", hint="Say yes a second time to exactly that, or leave mail where it is."
        )


def _must_go_on(view: RunView) -> None:
    if view.state.status in FINAL:
        hint = "To move mail back: bcp failback"
        raise Refused(f"run {view.id} is over ({view.state.status})", rule="run-over", hint=hint)


def moves_of(app: App, view: RunView) -> tuple[Consequence, list[str], int] | None:
    """What ending this run does to mail, and whom that needs; as the run's own process sees it. ``None``: nothing."""
    plan, actions = bare(view.plan), registry.actions()
    loaded = loads(plan.playbook_text, plan.playbook_file)
    steps = [s for s in loaded.steps if s.step.uses in actions and actions[s.step.uses].moves_mx]
    moved = moved_by(steps, view.state)
    if not moved:
        return None
    request = request_of_plan(app, plan, loaded)
    scope = {**base_scope(request), "steps": _outputs(view)}
    towards = undo_towards(steps, actions, scope)
    found = consequence_of(view.id, towards, [view.state.steps[s.id].outputs for s in moved])
    ask = app.settings.serve.ask
    references, count = terms(loaded, [s.id for s in moved], scope) or (list(ask.groups), ask.min)
    return found, references, count


def terms(loaded: Loaded, steps: Collection[str], scope: Mapping[str, Any]) -> tuple[list[str], int] | None:
    """Whom the gates before these steps ask, and how many of them; the strictest gate. ``None``: there is no gate."""
    gates = {g.id: g for s in steps for g in gates_before(loaded, s, registry.actions())}
    return max((gate_terms(g, scope) for g in gates.values()), key=lambda t: t[1], default=None)


def began(plan: Mapping[str, Any]) -> str:
    """What was seen when this plan was made; empty: nobody looked."""
    looks = [s for s in plan["steps"] if has(s, Trait.LOOKS) and s["phase"] in {"ready", "before"}]
    return str(looks[0]["outputs"].get("state", "")) if looks else ""


def _outputs(view: RunView) -> dict[str, Any]:
    return {
        s.id: {"outputs": dict(s.outputs), "state": s.status, "summary": s.summary, "attempts": s.attempts}
        for s in view.state.steps.values()
    }
