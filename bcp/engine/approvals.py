"""The approvals service of a live run: opens gates, reads answers from the journal, closes on anything unclear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bcp.contracts.journal import Journal, Signal
from bcp.contracts.services import Verdict
from bcp.engine.events import Listener, Progress
from bcp.engine.gate import Answer, Gate, hopeless, judge
from bcp.kernel.clock import Clock
from bcp.kernel.errors import GateClosed

People = Callable[[Sequence[str]], frozenset[str]]
"""Turns ``group:oncall`` and the like into ids of people."""
StandingBy = Callable[[], Mapping[str, str]]
"""People who approved this kind of automatic run in advance, and how."""


class JournalApprovals:
    """Answers arrive as signals in the run's own file, so that any process on this machine can give them."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        people: People,
        *,
        initiator: str,
        checksum: str,
        standing: StandingBy,
        listener: Listener,
        poll_s: float = 0.1,
    ) -> None:
        self.journal, self.clock, self.people = journal, clock, people
        self.initiator, self.checksum, self.standing = initiator, checksum, standing
        self.listener, self.poll_s = listener, poll_s
        self.answers: list[Answer] = []
        self._news = asyncio.Event()
        self.opened: dict[str, Mapping[str, Any]] = {}
        """Gates opened before a restart, by step."""

    def answerable(self, approvers: Sequence[str], count: int, *, exclude_initiator: bool) -> str:
        """Empty, or why this gate could never open."""
        return hopeless(self.people(approvers), count, self.initiator, exclude_initiator=exclude_initiator)

    def take(self, signal: Signal) -> None:
        """An answer from outside."""
        self.answers.append(
            Answer(
                signal.actor,
                signal.at,
                signal.kind == "approve",
                str(signal.data.get("checksum", "")),
                str(signal.data.get("step", "")),
            )
        )
        self._news.set()

    async def wait(
        self, step: str, approvers: Sequence[str], count: int, timeout_s: float, *, exclude_initiator: bool
    ) -> Verdict:
        """Wait for enough people. Raises ``GateClosed``."""
        people = self.people(approvers)
        by_standing = {p: how for p, how in self.standing().items() if p in people}
        if len(by_standing) >= count:
            for person, how in by_standing.items():
                await self.journal.record("approved", step=step, actor=person, how=how, checksum=self.checksum)
            return Verdict(tuple(by_standing), self.clock.now(), "; ".join(by_standing.values()))
        why = hopeless(people, count, self.initiator, exclude_initiator=exclude_initiator)
        if why:
            raise GateClosed(
                f"{step}: nobody could open this gate: {why}",
                rule="approval-unanswerable",
                hint="Add people to the group.",
            )
        gate = await self._open(step, people, count, timeout_s, exclude_initiator)
        started, allowed = self.clock.monotonic(), max(0.0, gate.deadline - self.clock.now())
        said: set[tuple[str, str]] = set()
        while True:
            standing = judge(gate, self.answers, self.clock.now())
            for by, reason in standing.rejected:
                if (by, reason) not in said:
                    said.add((by, reason))
                    await self.journal.record("answer_refused", step=step, actor=by, reason=reason)
                    self.listener(
                        Progress(
                            self.clock.now(), "answer_refused", step, f"an answer of {by} does not count: {reason}"
                        )
                    )
            if standing.open:
                for person in standing.approved_by:
                    await self.journal.record("approved", step=step, actor=person, checksum=self.checksum)
                await self.journal.record("gate_closed", step=step, result="approved")
                return Verdict(standing.approved_by, self.clock.now(), "answered")
            closed = standing.closed
            if not closed and self.clock.monotonic() - started > allowed + 1:
                closed = "no answer in time (by the monotonic clock: this machine's clock was changed)"
            if closed:
                await self.journal.record("gate_closed", step=step, result=closed)
                raise GateClosed(
                    f"{step}: {closed}",
                    rule="gate-closed",
                    hint="Nothing was changed by this step. Start again when people can answer.",
                )
            await self._until_news()

    async def _until_news(self) -> None:
        """Until an answer comes, or it is time to look at the clock again."""
        news = asyncio.ensure_future(self._news.wait())
        tick = asyncio.ensure_future(self.clock.sleep(self.poll_s))
        try:
            await asyncio.wait([news, tick], return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            tick.cancel()
        self._news.clear()

    async def _open(self, step: str, people: frozenset[str], count: int, timeout_s: float, exclude: bool) -> Gate:
        before = self.opened.get(step)
        if before:
            opened, deadline = float(before["opened"]), float(before["deadline"])
        else:
            opened = self.clock.now()
            deadline = opened + timeout_s
            await self.journal.record(
                "gate_opened",
                step=step,
                opened=opened,
                deadline=deadline,
                count=count,
                approvers=sorted(people),
                checksum=self.checksum,
            )
        self.listener(
            Progress(
                opened,
                "gate",
                step,
                f"waiting for {count} approval(s)",
                {"deadline": deadline, "approvers": sorted(people), "checksum": self.checksum},
            )
        )
        return Gate(step, self.checksum, opened, deadline, people, count, self.initiator, exclude)


class DryApprovals:
    """A dry run asks nobody and says what would be asked."""

    def __init__(self, people: People, initiator: str) -> None:
        self.people, self.initiator = people, initiator

    def answerable(self, approvers: Sequence[str], count: int, *, exclude_initiator: bool) -> str:
        """Empty, or why this gate could never open."""
        return hopeless(self.people(approvers), count, self.initiator, exclude_initiator=exclude_initiator)

    async def wait(
        self, step: str, approvers: Sequence[str], count: int, timeout_s: float, *, exclude_initiator: bool
    ) -> Verdict:
        """Nobody is asked."""
        return Verdict((), 0.0, "not asked: dry run")
