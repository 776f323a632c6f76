"""Several places are asked the same, side by side, again and again: one that hangs does not make old what others say.

A place that answered before is waited for as long as it may need; one that was silent the last time hardly at all. Its
question stays open meanwhile, and is not asked a second time beside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from bcp.kernel.errors import InDoubt

PATIENCE_S = 10.0
"""So long at least for a place that answered before, once others have answered; and"""
TIMES = 4
"""so many times what its last answer took."""
GRACE_S = 2.0
"""For one that was silent the last time."""
Answer: TypeAlias = str | BaseException


class Patience:
    """Keeps what is asked still."""

    def __init__(self, grace_s: float = GRACE_S, patience_s: float = PATIENCE_S) -> None:
        self._grace_s, self._patience_s = grace_s, patience_s
        self._open: dict[str, asyncio.Task[str]] = {}
        self._took: dict[str, float] = {}

    async def ask(
        self, places: Collection[str], how: Callable[[str], Awaitable[str]], silent: Collection[str]
    ) -> dict[str, Answer]:
        """What each says, or why it says nothing: ``InDoubt`` for one that is not waited for. Where nobody answers, all
        are waited for. ``silent``: they did not answer the last time."""
        stale = {p for p, t in self._open.items() if not t.done()}
        alive = {p for p, t in self._open.items() if _well(t)}  # what it said is old, and it is waited for again
        silent = set(silent) - alive
        self._open = {p: self._open[p] for p in stale}
        began = {p: asyncio.ensure_future(self._timed(p, how)) for p in places if p not in stale}
        await self._wait(began, silent)
        if not any(_well(t) for t in began.values()):
            began |= {p: self._open[p] for p in stale if p in places}
            if pending := [t for t in began.values() if not t.done()]:
                await asyncio.wait(pending)
        self._open |= {p: t for p, t in began.items() if not t.done()}
        return {p: _said(p, began[p] if p in began else self._open[p]) for p in places}

    async def _timed(self, place: str, how: Callable[[str], Awaitable[str]]) -> str:
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await how(place)
        self._took[place] = loop.time() - began
        return found

    async def _wait(self, began: dict[str, asyncio.Task[str]], silent: Collection[str]) -> None:
        first = [t for p, t in began.items() if p not in silent and p not in self._took]
        if first:  # never heard: nobody knows how long it takes
            await asyncio.wait(first)
        known = [max(self._patience_s, TIMES * self._took[p]) for p in began if p not in silent and p in self._took]
        if quick := [t for p, t in began.items() if p not in silent]:
            await asyncio.wait(quick, timeout=max(known, default=None))
        if slow := [t for t in began.values() if not t.done()]:
            await asyncio.wait(slow, timeout=self._grace_s)


def _well(task: asyncio.Task[str]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _said(place: str, task: asyncio.Task[str]) -> Answer:
    if not task.done():
        return InDoubt(f"{place} has not answered yet, and is not waited for", hint="The others are asked on.")
    if task.cancelled():
        return InDoubt(f"{place} was asked, and the question was given up", hint="It is asked again.")
    return task.exception() or task.result()
