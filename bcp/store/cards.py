"""The card of a run, folded from its events as they are written: what the index answers without reading plans. Pure.

It must say what ``bcp.engine.state`` says of the same events; a test with random events holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from bcp.contracts.store import RunCard
from bcp.contracts.traits import Trait, has
from bcp.store.targets import given_up, moves_mx, names_given_up, said_of, targets_of

_NOTHING = frozenset({"failed", "skipped", "not_reached", "pending"})
"""Step states that leave nothing behind."""
_DONE = frozenset({"ok", "unchanged"})
_MOVED = _DONE | {"undo_failed"}
"""States of a step that moved MX and did not bring it back."""
_UNDONE = frozenset({"skipped", "not_reached"})
_LOUD = frozenset({"failed", "in_doubt", "undo_failed"})
_OF_STEPS = frozenset({"step_started", "step_retry", "step_finished", "undo_finished", "doubt_settled"})
"""Kinds of which a run with thousands of steps has thousands: most of them change nothing on the card."""


class CardFold:
    """Takes events one by one; ``card`` is how the run stands after them."""

    def __init__(self, run_id: str, meta: Mapping[str, Any]) -> None:
        plan: Mapping[str, Any] = meta.get("plan") or {}
        self._fixed = fixed_part(run_id, meta)
        nodes = [n for n in meta.get("nodes") or () if isinstance(n, Mapping)]
        self._nodes = {str(n["id"]) for n in nodes}
        self._hold = {str(n["id"]) for n in nodes if n.get("phase") == "hold"}
        self._calm = {str(n["id"]) for n in nodes if n.get("optional") or n.get("phase") == "always"}
        self._undo = {str(n["id"]) for n in nodes if n.get("undo")}
        steps = plan.get("steps") or ()
        self._switches = [s for s in steps if has(s, Trait.MOVES_MX)]
        self._mx = {str(s.get("id")) for s in self._switches}
        self._domains = [str(d) for d in plan.get("domains") or ()]
        self._drain = {str(s.get("id")) for s in steps if has(s, Trait.DRAINS)}
        self._watched = self._mx | self._drain | self._undo
        self.status, self.phase, self.reason, self.acknowledged = "new", "", "", ""
        self.started = self.ended = 0.0
        self._recovered = self._aborting = self._failing = self._draining = False
        self._doubts: set[str] = set()
        self._gates: set[str] = set()
        self._steps: dict[str, tuple[str, float]] = {}
        """Of steps that move MX or can be undone: state, and when it ended."""
        self._switched: dict[str, Mapping[str, Any]] = {}
        self._skipped: set[str] = set()
        self._released: frozenset[str] = frozenset()
        """Only ever grows: what was given up may be another run's."""

    def take(self, kind: str, at: float, step: str, actor: str, data: Mapping[str, Any]) -> bool:
        """One more event; False when it surely changes nothing on the card."""
        turn = _TURNS.get(kind)
        if turn is None:
            return False
        quiet = kind in _OF_STEPS and not self._watches(step) and str(data.get("status")) not in _LOUD
        turn(self, at, step, actor, data)
        return not quiet

    def _watches(self, step: str) -> bool:
        return step in self._watched or step in self._doubts or step in self._gates

    def card(self, *, fence: int = 0, seq: int = 0, head: str = "") -> RunCard:
        """How it stands."""
        ended = [at for s, (state, at) in self._steps.items() if s in self._mx and state in _MOVED]
        fixed = {**self._fixed, "targets": tuple(t for t in self._fixed["targets"] if t not in self._released)}
        return RunCard(
            **fixed,
            released=tuple(sorted(self._released)),
            status=self.status,
            phase=self.phase,
            reason=self.reason[:300],
            acknowledged=self.acknowledged,
            started=self.started,
            ended=self.ended,
            doubtful=bool(self._doubts),
            gate=bool(self._gates),
            moved_at=min(ended, default=0.0),
            draining=self._draining,
            changed=any(s in self._undo and state not in _NOTHING for s, (state, _) in self._steps.items()),
            fence=fence,
            seq=seq,
            head=head,
        )

    # -- one kind of event each ----------------------------------------------------------------------------------

    def _run_started(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.status, self.started = "running", at

    def _phase_started(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.phase = str(data.get("phase", ""))
        self.status = "holding" if self.phase == "hold" else "running"

    def _step_started(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._doubts.discard(step)
        self._draining = self._draining or step in self._drain
        if step in self._undo or step in self._mx:
            self._steps[step] = ("running", 0.0)

    def _step_retry(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._mark(step, "waiting", 0.0)

    def _step_finished(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        state = str(data.get("status", ""))
        self._gates.discard(step)
        self._mark(step, state, at)
        if step in self._mx and step not in self._hold:
            self._switch_ended(step, state, data.get("outputs") or {})
        fatal = state == "failed" and step not in self._calm and step not in self._hold
        if fatal and not (self._aborting or self._failing):
            self._failing, self.reason = True, str(data.get("error", ""))

    def _switch_ended(self, step: str, state: str, outputs: Mapping[str, Any]) -> None:
        """What no switch of this run has moved, or will, is given up; at least one target is kept."""
        if state in _DONE:
            self._switched[step] = outputs
        elif state in _UNDONE:
            self._skipped.add(step)
        free = given_up(self._switches, self._switched, self._skipped)
        kept = [d for d in self._domains if d not in free]
        gone = self._released | names_given_up(self._fixed["targets"], free, kept)
        if len(gone) < len(self._fixed["targets"]):
            self._released = gone

    def _undo_finished(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._mark(step, str(data.get("status", "")), at)

    def _mark(self, step: str, state: str, at: float) -> None:
        if state == "in_doubt":
            self._doubts.add(step)
        else:
            self._doubts.discard(step)
        if step in self._steps:
            self._steps[step] = (state, at)

    def _doubt_settled(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._doubts.discard(step)
        if step in self._switched:
            self._switch_ended(step, "ok", said_of(self._switched[step], data))

    def _gate_opened(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._gates.add(step)
        self._mark(step, "waiting", 0.0)
        if step in self._nodes:  # while people are asked about an undo, the run itself goes on
            self.status = "waiting"

    def _gate_closed(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._gates.discard(step)
        if step in self._nodes:
            self.status = "running"

    def _undo_asked(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._gates &= self._nodes  # an earlier question about it is over

    def _undo_withheld(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._failing = self._aborting = False
        self.reason = str(data.get("reason", ""))
        self.status = "holding" if self.phase == "hold" else "running"

    def _undo_started(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.status = "undoing"

    def _stopped(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.status, self.reason = "stopped", str(data.get("reason", ""))

    def _resumed(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.status = "holding" if self.phase == "hold" and not self._recovered else "running"
        self._aborting = self._aborting or bool(data.get("undo"))
        if not (self._failing or self._aborting):
            self.reason = ""

    def _abort(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._aborting, self.reason = True, str(data.get("reason", ""))

    def _recover(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._recovered = True

    def _run_finished(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.status, self.ended = str(data.get("status", "")), at
        self.reason = str(data.get("reason", "")) or self.reason

    def _acknowledge(self, at: float, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self.acknowledged = actor


_Turn = Callable[[CardFold, float, str, str, Mapping[str, Any]], None]
_TURNS: dict[str, _Turn] = {
    "run_started": CardFold._run_started,
    "phase_started": CardFold._phase_started,
    "step_started": CardFold._step_started,
    "step_retry": CardFold._step_retry,
    "step_finished": CardFold._step_finished,
    "undo_started": CardFold._undo_started,
    "undo_finished": CardFold._undo_finished,
    "undo_asked": CardFold._undo_asked,
    "undo_withheld": CardFold._undo_withheld,
    "doubt_settled": CardFold._doubt_settled,
    "gate_opened": CardFold._gate_opened,
    "gate_closed": CardFold._gate_closed,
    "stopped": CardFold._stopped,
    "resumed": CardFold._resumed,
    "aborting": CardFold._abort,
    "recovered": CardFold._recover,
    "run_finished": CardFold._run_finished,
    "acknowledged": CardFold._acknowledge,
}
KINDS = frozenset(_TURNS)
"""Kinds of events that change a card."""


def fixed_part(run_id: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of the plan: it never changes."""
    plan: Mapping[str, Any] = meta.get("plan") or {}
    steps = plan.get("steps") or ()
    return {
        "id": run_id,
        "kind": str(plan.get("kind") or "real"),
        "playbook": str(plan.get("playbook") or ""),
        "parent": str(meta.get("parent") or plan.get("parent") or ""),
        "targets": tuple(sorted(targets_of({"group": meta.get("group", ""), **plan}))),
        "moves_mx": moves_mx(steps),
        "initiator": str(plan.get("initiator") or ""),
        "automatic": bool(plan.get("automatic")),
        "checksum": str(plan.get("checksum") or ""),
        "configuration": str(plan.get("configuration") or ""),
        "incident": str(meta.get("incident") or ""),
        "created": float(plan.get("created") or 0.0),
    }


def folded(run_id: str, meta: Mapping[str, Any], events: Iterable[Any]) -> CardFold:
    """The fold after these events (anything with ``kind``, ``at``, ``step``, ``actor``, ``data``)."""
    fold = CardFold(run_id, meta)
    for event in events:
        fold.take(event.kind, event.at, event.step, event.actor, event.data)
    return fold


_FIELDS = {f.name for f in fields(RunCard)}


def card_to_data(card: RunCard) -> dict[str, Any]:
    """As JSON keeps it."""
    return {name: getattr(card, name) for name in _FIELDS}


def card_from_data(data: Mapping[str, Any]) -> RunCard:
    """Read it back; what another version added is left out. Raises ``TypeError``, ``KeyError`` when it is none."""
    known = {k: v for k, v in data.items() if k in _FIELDS}
    lists = {name: tuple(known.get(name) or ()) for name in ("targets", "released")}
    return RunCard(**{**known, **lists})


def place(card: RunCard) -> str:
    """Where a run stands among all, as text: the oldest sorts first.

    An id has the second in which the run began, and a random tail; two runs of one second are told apart by the moment
    of their first event. One that has not begun comes last in its second.
    """
    second, _, _ = card.id.rpartition("-")
    return f"{second} {card.started or 9e11:019.6f} {card.id}"
