"""What may happen next, asked after every ending of a step, at the price of what changed since. Pure.

A run of a thousand steps asks a thousand times; ``next_in_phase`` walks over all of them each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.engine.state import OVER, Next, Node, RunState, StepState, next_in_phase


class Frontier:
    """Says the same as ``next_in_phase`` of all steps of a phase, and looks only at those that can have moved.

    A step that waits for another of its phase is parked there and looked at again when that one is over; a step that is
    over is forgotten, unless it is in doubt.
    """

    def __init__(self, nodes: Sequence[Node], phase: str) -> None:
        self._phase = phase
        self._all = [n for n in nodes if n.phase == phase]
        self._place = {n.id: i for i, n in enumerate(self._all)}
        self._near = list(self._all)
        self._parked: dict[str, list[Node]] = {}

    def next(self, state: RunState) -> Next:
        """See ``next_in_phase``."""
        if state.failing():  # everything that waits is told of
            return next_in_phase(self._all, state, self._phase)
        near: list[Node] = []
        fresh = self._near
        while fresh:
            freed: list[Node] = []
            for node in fresh:
                status = state.steps[node.id].status
                if status in OVER:
                    freed += self._parked.pop(node.id, ())
                if status == "pending" and (need := self._waits_for(node, state.steps)):
                    self._parked.setdefault(need, []).append(node)
                elif status not in OVER or status == "in_doubt":
                    near.append(node)
            fresh = freed
        near.sort(key=lambda n: self._place[n.id])
        self._near = near
        return next_in_phase(near, state, self._phase)

    def _waits_for(self, node: Node, steps: Mapping[str, StepState]) -> str:
        """The first step of this phase that is not over and that this one needs; empty: none."""
        for name in node.needs:
            if name in self._place and steps[name].status not in OVER:
                return name
        return ""
