"""The approvals service of a live run: opens gates, reads answers from the journal, closes on anything unclear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from bcp.contracts.journal import Journal
from bcp.contracts.services import Verdict
from bcp.engine.events import Listener, Progress
from bcp.engine.gate import Answer, Gate, hopeless, judge, shared
from bcp.kernel.clock import Clock
from bcp.kernel.errors import GateClosed, NoAnswer

HELD_UP_S = 1.0
"""A look that comes so much later than it should: the process was frozen, or the machine slept."""
LISTENS = 10
"""How often a process that was held up listens for what was told meanwhile, before it says that nobody answered."""
People = Callable[[Sequence[str]], frozenset[str]]
"""Turns ``group:oncall`` and the like into ids of people."""
Record = Callable[..., Awaitable[None]]
Ways = Callable[[Collection[str]], Mapping[str, Collection[str]]]
"""Of each person the numbers and addresses by which they can answer."""
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
        ways: Ways | None = None,
        also_initiators: Collection[str] = (),
    ) -> None:
        self.ways: Ways = ways or (lambda people: {})
        self.also_initiators = frozenset(also_initiators)
        self.journal, self.clock, self.people = journal, clock, people
        self.initiator, self.checksum, self.standing = initiator, checksum, standing
        self.listener, self.poll_s = listener, poll_s
        self.record: Record = journal.record
        """Where events go: the runner puts its own note here, so that its state knows of gates and approvals, too."""
        self.answers: list[Answer] = []
        self._counted: set[Answer] = set()
        """Answers that opened a gate: they are neither heard again nor told as refused where a step asks once more."""
        self._news = asyncio.Event()
        self.opened: dict[str, Mapping[str, Any]] = {}
        """Gates opened before a restart, by step."""

    def answerable(self, approvers: Sequence[str], count: int, *, exclude_initiator: bool) -> str:
        """Empty, or why this gate could never open."""
        return self._hopeless(self.people(approvers), count, exclude_initiator)

    def _hopeless(self, people: frozenset[str], count: int, exclude: bool) -> str:
        starters = self.also_initiators | {self.initiator}
        return hopeless(people, count, starters, exclude_initiator=exclude, same=shared(self.ways(people)))

    def remember(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Answers that the journal has from before a restart: none of them is lost with the process that heard it."""
        self.answers = [
            Answer(str(a["by"]), float(a["at"]), bool(a["yes"]), str(a["checksum"]), str(a["step"])) for a in answers
        ]
        self._news.set()

    async def _in_advance(self, step: str, found: Mapping[str, str]) -> Verdict:
        """The verdict of approvals that were given before the outage: person, and how they gave it."""
        for person, how in found.items():
            await self.record("approved", step=step, actor=person, how=how, checksum=self.checksum)
        return Verdict(tuple(found), self.clock.now(), "; ".join(found.values()))

    async def _tell_rejected(self, step: str, rejected: Sequence[tuple[str, str]], said: set[tuple[str, str]]) -> None:
        """Write down and show each answer that does not count (person, reason), once; ``said`` remembers which."""
        for by, reason in rejected:
            if (by, reason) in said:
                continue
            said.add((by, reason))
            await self.record("answer_refused", step=step, actor=by, reason=reason)
            text = f"an answer of {by} does not count: {reason}"
            self.listener(Progress(self.clock.now(), "answer_refused", step, text))

    async def wait(
        self,
        step: str,
        approvers: Sequence[str],
        count: int,
        timeout_s: float,
        *,
        exclude_initiator: bool,
        bound: str = "",
        about: str = "",
    ) -> Verdict:
        """Wait for enough people. Raises ``GateClosed``."""
        people = self.people(approvers)
        by_standing = {} if bound else {p: how for p, how in self.standing().items() if p in people}
        if len(by_standing) >= count:
            return await self._in_advance(step, by_standing)
        why = self._hopeless(people, count, exclude_initiator)
        if why:
            raise GateClosed(
                f"{step}: nobody could open this gate: {why}",
                rule="approval-unanswerable",
                hint="Add people to the group.",
            )
        gate = await self._open(step, people, count, timeout_s, exclude_initiator, bound or self.checksum, about)
        started, allowed = self.clock.monotonic(), max(0.0, gate.deadline - self.clock.now())
        said: set[tuple[str, str]] = set()
        unheard = 0
        while True:
            mine = [a for a in self.answers if a.step in {"", step} and a not in self._counted]
            standing = judge(gate, mine, self.clock.now())
            await self._tell_rejected(step, standing.rejected, said)
            if standing.open:
                for person in standing.approved_by:
                    await self.record("approved", step=step, actor=person, checksum=gate.checksum)
                await self._closed(step, "approved", "")
                self._counted.update(a for a in mine if bound)
                return Verdict(standing.approved_by, self.clock.now(), "answered")
            closed, rule = standing.closed, standing.rule
            if not closed and self.clock.monotonic() - started > allowed + 1:
                closed = "no answer in time (by the monotonic clock: this machine's clock was changed)"
                rule = "no-answer"
            if rule == "no-answer" and unheard:  # what was told in time meanwhile
                unheard -= 1
                await self._until_news()
                continue
            if closed:
                await self._closed(step, closed, rule)
                raise (NoAnswer if rule == "no-answer" else GateClosed)(
                    f"{step}: {closed}",
                    rule="gate-closed",
                    hint="Nothing was changed by this step. Start again when people can answer.",
                )
            unheard = LISTENS if await self._until_news() else 0

    async def _until_news(self) -> bool:
        """Until an answer comes, or it is time to look at the clock again. Was this process held up meanwhile (frozen,
        a machine that slept)?"""
        began = self.clock.now()
        news = asyncio.ensure_future(self._news.wait())
        tick = asyncio.ensure_future(self.clock.sleep(self.poll_s))
        try:
            await asyncio.wait([news, tick], return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            tick.cancel()
        self._news.clear()
        return self.clock.now() - began > self.poll_s + HELD_UP_S

    async def _closed(self, step: str, result: str, rule: str) -> None:
        await self.record("gate_closed", step=step, result=result, rule=rule)
        self.opened.pop(step, None)

    async def _open(
        self, step: str, people: frozenset[str], count: int, timeout_s: float, exclude: bool, checksum: str, about: str
    ) -> Gate:
        before = self.opened.get(step)
        if before:
            opened, deadline = float(before["opened"]), float(before["deadline"])
        else:
            opened = self.clock.now()
            deadline = opened + timeout_s
            await self.record(
                "gate_opened",
                step=step,
                opened=opened,
                deadline=deadline,
                count=count,
                approvers=sorted(people),
                checksum=checksum,
                starters=sorted(self.also_initiators | {self.initiator}) if exclude else [],
                about=about,
            )
        self.listener(
            Progress(
                opened,
                "gate",
                step,
                f"waiting for {count} approval(s)",
                {"deadline": deadline, "approvers": sorted(people), "checksum": checksum, "about": about},
            )
        )
        same = shared(self.ways(people))
        return Gate(
            step, checksum, opened, deadline, people, count, self.initiator, exclude, self.also_initiators, same
        )


class DryApprovals:
    """A dry run asks nobody and says what would be asked."""

    def __init__(self, people: People, initiator: str, ways: Ways | None = None) -> None:
        self.people, self.initiator = people, initiator
        self.ways: Ways = ways or (lambda people: {})

    def answerable(self, approvers: Sequence[str], count: int, *, exclude_initiator: bool) -> str:
        """Empty, or why this gate could never open."""
        people = self.people(approvers)
        same = shared(self.ways(people))
        return hopeless(people, count, {self.initiator}, exclude_initiator=exclude_initiator, same=same)

    async def wait(
        self,
        step: str,
        approvers: Sequence[str],
        count: int,
        timeout_s: float,
        *,
        exclude_initiator: bool,
        bound: str = "",
        about: str = "",
    ) -> Verdict:
        """Nobody is asked."""
        return Verdict((), 0.0, "not asked: dry run")
