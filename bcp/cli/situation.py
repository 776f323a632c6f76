"""How things stand, in one sentence from the state folder alone: where mail goes, what was seen last, what to do next.

Nothing is asked of the world: it must be quick and always work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bcp.cli import render
from bcp.contracts.store import RunCard, RunQuery
from bcp.contracts.traits import Trait, has
from bcp.incident.standing import Standing, standing
from bcp.kernel.clock import iso
from bcp.pages.front import Mails, Mx, Situation, next_step, sentence

if TYPE_CHECKING:
    from pathlib import Path

    from bcp.engine.state import StepState
    from bcp.engine.store import Runs, RunView

NEWEST = 10
"""Runs that are looked through for one that left MX somewhere."""
FRESH_S = 180.0
"""A watch that said nothing for this long does not look any more."""
HOLD = "the relay keeps mail and nothing bounces; go back once it works again"


def situation(
    cards: Sequence[RunCard],
    now: float,
    state: Path,
    service: str,
    zone: str,
    view: RunView | None = None,
    last: RunCard | None = None,
    stuck: str = "",
) -> Situation:
    """What the files say now. ``cards``: see ``unfinished``; ``view``: the newest run, which may wait for people and
    may have looked itself; ``last``: see ``last_move``; ``stuck``: a run that is under way and that nobody works on."""
    from bcp.incident.hindrance import hindered
    from bcp.store.files.hindrance import read_hindrances
    from bcp.store.files.look import read_look

    at, seen = _seen(state)
    if view is not None and (mine := _own_look(view)) is not None and mine[0] > at:
        at, seen = mine
    watched, glance = at, read_look(state)
    if glance is not None and at < glance[0] <= now + FRESH_S:
        at, seen = glance
    else:
        glance = None
    cards = [c for c in cards if not _came_back(c, last)]
    stands, mx = _mx(cards)
    if last is not None and _tells(last, stands, mx):
        mx = Mx(False, left_by=last.id, left_at=last.moved_at, back=bool(last.parent))
    if view is not None and in_doubt(view):
        mx = Mx(False, doubt=view.id)
    elif view is not None and mx.relay:
        mx = _known(mx, view)
    elif not mx.relay and (drill := next((c for c in cards if c.drill and c.stands), None)) is not None:
        mx = replace(mx, exercise=drill.id)
    asks = _gate(view) if view is not None and view.live else None
    gate = asks.gate if asks is not None else {}
    return Situation(
        service=service,
        state=str(seen.get("state") or "unknown"),
        stage=_stage(str(seen.get("stage") or ""), stands),
        what=" and ".join(f"class {c}" for c in seen.get("classes") or ()),
        since=float(seen.get("since") or 0.0) or None,
        now=now,
        looked=bool(at),
        watching=bool(watched) and now - watched <= FRESH_S,
        glanced=glance is not None and now - at <= FRESH_S,
        playbook=str(seen.get("playbook") or ""),
        proposal=_proposal(str(seen.get("action") or ("hold" if mx.relay else "watch"))),
        why=str(seen.get("why") or (HOLD if mx.relay and seen.get("state") != "healthy" else "")),
        mx=mx,
        mails=_mails(state, mx, now),
        zone=zone,
        looked_at=at,
        asked_until=float(gate.get("deadline", 0.0)),
        asked_people=tuple(gate.get("approvers", ())),
        asked_deed=asks is not None and asks.asks_for_deed,
        hindered=hindered(read_hindrances(state), str(seen.get("state") or ""), now),
        stuck=stuck,
    )


def words(s: Situation, holding: Sequence[RunCard], shown: str) -> str:
    """The sentence, what to do next, and every run that still holds beside the one that is ``shown`` below."""
    out = [render.wrap(sentence(s), "", ""), render.wrap(next_step(s), "      ", "")]
    if s.mx.relay and s.mx.run != shown and s.stage not in {"failback", "draining"}:
        out.append(f"The way back: bcp failback {s.mx.run}")
    out += [f"Still holding: {c.id}  {c.playbook}  (bcp status {c.id})" for c in holding if c.id != shown]
    return "\n".join(out)


def data(s: Situation) -> dict[str, Any]:
    """The same for machines."""
    return {
        "sentence": sentence(s),
        "next": next_step(s),
        "hindered": s.hindered,
        "service": s.service,
        "state": s.state,
        "since": iso(s.since),
        "looked_at": iso(s.looked_at or None),
        "watching": s.watching,
        "mx": _mx_word(s.mx),
        "mx_since": iso(s.mx.since or None),
        "mx_run": s.mx.run,
        "mails_held": s.mails.count,
        "mails_at": iso(s.mails.at or None),
    }


def _mx_word(mx: Mx) -> str:
    if mx.doubt:
        return "in-doubt"
    return "relay" if mx.relay else "left" if mx.left_by and not mx.back else "not-moved"


def unfinished(runs: Runs) -> list[RunCard]:
    """Every run that is not over and moves MX, however many came after it; the newest first."""
    return runs.cards(RunQuery(unfinished=True, moves_mx=True))


def last_move(runs: Runs) -> RunCard | None:
    """The newest real run that is there to move MX; before it one that moved it and could not undo that."""
    found = runs.cards(RunQuery(moves_mx=True, kind="real", newest=NEWEST))
    moved = next((c for c in found if c.moved_at and c.over), None)
    return moved if moved is not None and _not_undone(moved) else next(iter(found), None)


def _not_undone(card: RunCard) -> bool:
    """Did it end, and MX stay where it had put it?"""
    return card.over and card.status != "done" and card.changed and bool(card.moved_at)


def _tells(last: RunCard, stands: Standing, mx: Mx) -> bool:
    """Is what this run left the newest that is known of MX?"""
    if _not_undone(last):
        return not (mx.relay or mx.since)
    return stands.what == "none" and bool(last.moved_at) and last.status == "done"


def holding_runs(cards: Sequence[RunCard]) -> list[RunCard]:
    """Those of them whose switch stands."""
    stands = standing(cards)
    return [c for c in cards if c.id in stands.runs] if stands.what == "active" else []


def _seen(state: Path) -> tuple[float, dict[str, Any]]:
    from bcp.store.sqlite.latest import read_latest

    return read_latest(state / "history.db") or (0.0, {})


def _own_look(view: RunView) -> tuple[float, dict[str, Any]] | None:
    """What the run's own look saw, and when. A drill looks at a world of its own."""
    if view.plan.get("kind") == "drill":
        return None
    looks = [s for s in view.state.steps.values() if s.outputs.get("state") and "evidence" in s.outputs]
    last = max(looks, key=lambda s: s.ended, default=None)
    if last is None:
        return None
    letter = str(last.outputs.get("class") or "")
    since = (view.plan.get("outage") or {}).get("at") or last.outputs.get("since")
    return last.ended, {"state": last.outputs["state"], "classes": [letter] if letter else [], "since": since}


def _gate(view: RunView) -> StepState | None:
    return next((s for s in view.state.steps.values() if s.gate), None)


def in_doubt(view: RunView) -> bool:
    """Is a step of it that moves MX in doubt, or was it at work when its process died? A drill's is nobody's MX but its
    own."""
    if view.plan.get("kind") == "drill":
        return False
    moves = {s["id"] for s in view.plan.get("steps") or () if has(s, Trait.MOVES_MX)}
    doubtful = {s.id for s in view.state.steps.values() if s.status == "in_doubt"}
    if moves and not view.live:
        doubtful |= {e.step for e in view.record.effects if e.state != "settled"}
    return bool(doubtful & moves)


def _came_back(card: RunCard, last: RunCard | None) -> bool:
    """Did its way back end with all that it had, while it is not over itself: it writes its report, or was stopped?"""
    if last is None or last.parent != card.id or last.status != "done":
        return False
    return bool(last.moved_at) and not last.released


def _mx(cards: Sequence[RunCard]) -> tuple[Standing, Mx]:
    """Where our runs left MX, by the index of runs."""
    stands = standing(cards)
    if stands.what not in {"active", "failback", "draining"}:
        return stands, Mx(False)
    back = [c.moved_at for c in cards if c.parent and c.moved_at and not c.drill]
    if back:
        return stands, Mx(False, max(back), drains=stands.what == "draining")
    holds = [c for c in cards if c.stands and not c.parent and not c.drill]
    if not holds:
        return stands, Mx(False)
    return stands, Mx(True, min(c.moved_at for c in holds), _domains(holds), holds[0].id, holds[0].playbook)


def _known(mx: Mx, view: RunView) -> Mx:
    """Without the domains of which nobody knows where their mail goes."""
    from bcp.engine.left import left_of

    lost = {x.domain for x in left_of(view) if not x.known}
    return replace(mx, domains=tuple(d for d in mx.domains if d not in lost))


def _domains(cards: Sequence[RunCard]) -> tuple[str, ...]:
    """Whose MX these runs write. A group may have a name of its own (``mx:all``), which is no domain."""
    names = (t.removeprefix("mx:") for c in cards for t in c.targets if t.startswith("mx:"))
    return tuple(n for n in names if "." in n)


def _stage(stage: str, stands: Standing) -> str:
    """The watch's stage, unless what runs did says more."""
    return stage if stands.what == "none" or stage == "recovering" else stands.what


def _proposal(action: str) -> str:
    from bcp.detect.wording import ACTIONS

    return ACTIONS.get(action, action)


def _mails(state: Path, mx: Mx, now: float) -> Mails:
    from bcp.store.files.mails import read_mails

    found = read_mails(state) if mx.relay else None
    if found is None or found[0] < mx.since or found[0] > now + FRESH_S:
        return Mails(problem="the relay was not asked since MX moved")
    return Mails(found[1], found[0])
