"""How a run writes down what happens: on disk, then in its state, then before whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from bcp.contracts.journal import Event, Journal, Patient
from bcp.engine.events import Listener, Progress
from bcp.engine.state import RunState, fold
from bcp.kernel.clock import Clock


def _deaf(kind: str) -> None:
    """Until somebody wants to hear."""


class Notes:
    """The events of one run, from here to its journal."""

    def __init__(
        self, journal: Journal, state: RunState, clock: Clock, listener: Listener, turn: asyncio.Event
    ) -> None:
        self.journal, self.state, self.clock, self.listener, self._turn = journal, state, clock, listener, turn
        self._seq = state.last_seq
        self.heard: Callable[[str], None] = _deaf
        """Told the kind of each event, before the state knows it."""

    async def note(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        """Put an event on disk, then into the state, then before whoever watches."""
        await self.journal.record(kind, step=step, actor=actor, **data)
        self.seen(kind, step, actor, data)

    async def over(self, step: str, **data: Any) -> None:
        """A step came to a good end. What comes next may begin: the first thing that it writes stands behind this, in
        the same commit, and whoever watches hears of the end once that is on disk."""
        if not isinstance(self.journal, Patient):
            await self.note("step_finished", step=step, **data)
            return
        landing = self.journal.record_soon("step_finished", step=step, **data)
        self._take("step_finished", step, "", data)
        self._turn.set()
        await landing
        self._tell("step_finished", step, data)

    def seen(self, kind: str, step: str, actor: str, data: Mapping[str, Any]) -> None:
        """An event that is on disk already."""
        self._take(kind, step, actor, data)
        self._tell(kind, step, data)

    def _take(self, kind: str, step: str, actor: str, data: Mapping[str, Any]) -> None:
        self._seq += 1
        self.heard(kind)
        fold(self.state, Event(self._seq, self.clock.now(), kind, step, actor, data))

    def _tell(self, kind: str, step: str, data: Mapping[str, Any]) -> None:
        said = str(data.get("summary") or data.get("error") or data.get("reason") or "")
        self.listener(Progress(self.clock.now(), kind, step, said, data))
