"""What people say to a run from outside (approve, reject, abort, settle, back again), as events of its journal."""

from __future__ import annotations

from bcp.contracts.journal import Draft, Signal
from bcp.engine.moves import Moves


def meaning(signal: Signal, moves: Moves) -> list[Draft]:
    """The events that a signal becomes. An abort that would move mail becomes a question, never a deed."""
    data = dict(signal.data)
    if signal.kind in {"approve", "reject"}:
        said = {n: str(data.get(n, "")) for n in ("checksum", "how")}
        yes = signal.kind == "approve"
        return [Draft("answered", str(data.get("step", "")), signal.actor, {**said, "yes": yes, "at": signal.at})]
    if signal.kind == "abort":
        if not moves.moved():
            return [Draft("aborting", "", signal.actor, {"reason": str(data.get("reason", ""))})]
        return moves.asked_for(signal)
    if signal.kind == "settle":
        found = {n: str(data.get(n, "")) for n in ("domain", "state", "why", "happened", "reason", "how")}
        return [Draft("doubt_settled", str(data.get("step", "")), signal.actor, found)]
    if signal.kind == "recovered":
        return [Draft("recovered", "", signal.actor, {"run": str(data.get("run", ""))})]
    return []
