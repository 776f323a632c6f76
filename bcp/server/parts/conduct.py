"""Runs that the daemon starts and ends; plans that people are asked about before there is a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bcp import registry
from bcp.contracts.store import RunQuery
from bcp.engine.ending import Ending
from bcp.engine.events import Progress
from bcp.engine.runner import Runner
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.incident.patience import may_try_again, wait_s
from bcp.incident.questions import ask
from bcp.kernel.errors import BcpError, InDoubt, Permanent, Refused, StorageError
from bcp.pages.words.said import because, said, written
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded, loads
from bcp.server.core import Core
from bcp.server.parts.books import asks_first, check, ended_badly
from bcp.server.parts.hinder import Hindrances
from bcp.server.parts.ports import Performs, Tells
from bcp.store.sqlite.book import Book

T = TypeVar("T")
ME = "bcp-serve"
"""Who starts runs that nobody started."""
OF_THE_PLAN = frozenset({"plan-expired", "plan-stale", "plan-used"})
"""Rules that say no to one very plan. A fresh plan passes them; the one that people said yes to never will."""
DECIDED = frozenset({"gate-closed", "rejected", "no-answer"})
"""Rules by which people ended a way back, or let it pass: nothing is to be mended, and it is asked in its own time."""
FAILED_AGAIN_S = 300.0
"""A way back that people said yes to and that failed is asked about again after this time."""
STOP_S = 30.0
"""How long a daemon that ends waits for the steps that its runs are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is to be run, and for what."""

    incident: str
    loaded: Loaded
    automatic: bool = False
    parent: str = ""
    """The run that it goes back from."""
    domains: tuple[str, ...] = ()
    initiator: str = ME
    begun: asyncio.Future[str] | None = None
    """Gets the run once it has begun, or what refuses it: a person waits for it."""
    runs: list[str] = field(default_factory=list)
    """The one that it began."""

    @property
    def name(self) -> str:
        """The playbook."""
        return self.loaded.book.name


class Conductor:
    """Every run is a task of its own with connections of its own; only the watch is shared."""

    def __init__(self, core: Core, speaker: Tells, deeds: Performs) -> None:
        self.core, self.clock, self.speaker, self.deeds = core, core.clock, speaker, deeds
        self.runners: dict[str, Runner] = {}
        self.working: dict[str, asyncio.Task[Any]] = {}
        self.voided: Callable[[str, str, str], None] = lambda incident, playbook, parent: None
        """Hears that what was proposed or approved came to nothing, so that it may be proposed again. ``parent``: the
        run that it would have gone back from."""
        self.put_off: Callable[..., None] = lambda incident, playbook, parent, after=0.0: None
        """Hears that what was proposed cannot begin until somebody mends something: it is proposed again later."""
        self.hindrances = Hindrances(core.state, core.clock)
        self._trying: set[tuple[str, str, bool]] = set()
        """What is planned, or tried again, just now: one at a time of each is enough."""

    # -- starting ------------------------------------------------------------------------------------------------

    def propose(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, parent: str = "", domains: tuple[str, ...] = ()
    ) -> None:
        """Start it up to its gate (or through, when it may start by itself); one without a gate is asked about
        first."""
        errand = Errand(incident=incident, loaded=loaded, automatic=automatic, parent=parent, domains=domains)
        if automatic or asks_first(loaded, registry.actions(), self.core.settings.oncall):
            self.core.spawn(self._go(errand, None), f"run {errand.name}")
        else:
            self.core.spawn(self._ask_before(errand), f"ask {errand.name}")

    async def go(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, plan: Plan | None = None, parent: str = "",
        domains: tuple[str, ...] = (), initiator: str = ME, begun: asyncio.Future[str] | None = None,
    ) -> None:  # fmt: skip
        """Plan (unless there is one) and run, to the end.
        What is refused is noted and told; what can pass is tried again."""
        errand = Errand(incident=incident, loaded=loaded, automatic=automatic, parent=parent, domains=domains)
        await self._go(replace(errand, initiator=initiator, begun=begun), plan)

    async def begin(self, plan: Plan, starter: str) -> str:
        """Start a plan that a person has seen; returns its run once it has begun.

        Raises:
            BcpError: whatever refuses it.
        """
        current = await self.core.do(lambda b: b.current(self.core.app.settings.service))
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loaded = loads(plan.playbook_text, plan.playbook_file)
        work = self.go(
            current.id if current else "", loaded, plan=plan, parent=plan.parent, initiator=starter, begun=begun
        )
        task = self.core.spawn(work, f"run {plan.playbook}")
        await asyncio.wait([begun, task], return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            raise Permanent("it did not begin", hint="The log of the daemon says why.", rule="not-begun")
        return begun.result()

    async def _go(self, errand: Errand, given: Plan | None) -> None:
        async def once() -> tuple[str, Ending]:
            return await self._start(errand, given or await self._planned(errand))

        found = await self._patiently(errand, once, approved=given is not None)
        if found is not None:
            await self.over(errand.incident, *found, parent=errand.parent, playbook=errand.name)
            await self._early_end(errand, *found)

    async def _planned(self, errand: Errand) -> Plan:
        """A plan that nothing speaks against. Raises ``Refused``."""
        e = errand
        made = await self.deeds.plan(
            e.loaded, automatic=e.automatic, initiator=e.initiator, parent=e.parent, domains=e.domains
        )
        check(made)
        return made

    async def _start(self, errand: Errand, plan: Plan) -> tuple[str, Ending]:
        check(plan)

        def started(run_id: str) -> None:
            self._started(errand, run_id)

        try:
            return await self.deeds.start(
                plan, starter=errand.initiator, listener=self.listen, started=started, control=self.control
            )
        except Exception:  # a full disk: nobody works on the run any more, and it may be taken over
            for run_id in errand.runs:
                self.runners.pop(run_id, None)
                self.working.pop(run_id, None)
            raise

    async def _ask_before(self, errand: Errand) -> None:
        """A playbook that asks nobody: the plan is made, people are asked about it, and only then is it started."""
        plan = await self._patiently(errand, lambda: self._planned(errand))
        if plan is None:
            return
        settings, now = self.core.settings.ask, self.clock.now()
        groups = [sorted(self.core.app.people.approvers([g])) for g in settings.groups]

        def work(book: Book) -> None:
            ask(
                book,
                incident=errand.incident,
                run="",
                step=f"plan:{plan.id}",
                checksum=plan.checksum,
                opened=now,
                deadline=min(now + settings.timeout, plan.expires),
                count=settings.min,
                groups=groups,
            )

        await self.core.do(work)
        self.core.asking.set()

    # -- what is refused -----------------------------------------------------------------------------------------

    async def _patiently(self, errand: Errand, work: Callable[[], Awaitable[T]], *, approved: bool = False) -> T | None:
        key = (errand.name, errand.parent, errand.automatic)
        if approved or errand.initiator != ME:
            return await self._until(errand, work, approved=approved)
        if key in self._trying:
            return None
        self._trying.add(key)
        try:
            return await self._until(errand, work)
        finally:
            if not errand.runs:  # else it was let go when the run began
                self._trying.discard(key)

    async def _until(self, errand: Errand, work: Callable[[], Awaitable[T]], *, approved: bool = False) -> T | None:
        """Do it; what is refused for a reason that can pass is tried again while it is wanted, and said once.

        ``None``: it was not done. A person who started it hears the refusal at once and decides. ``approved``: it is
        one plan that people said yes to; what says no to that plan does not pass, and they are asked anew.
        """
        attempt, told = 0, False
        while True:
            try:
                found = await work()
                self.hindrances.clear(errand.name, errand.parent)
                return found
            except BcpError as error:
                void = approved and errand.initiator == ME and error.rule in OF_THE_PLAN
                again = errand.initiator == ME and may_try_again(error) and not void
                if await self._refused(errand, error, again=again, void=void, told=told):
                    if void:
                        self.voided(errand.incident, errand.name, errand.parent)
                    return None
            told = True
            if not await self.core.pause(wait_s(attempt)):
                await self._note(errand, "given_up", text="the daemon ends", rule="daemon-ends")
                return None
            attempt += 1
            if not self._wanted(errand):
                await self._note(errand, "given_up", text="it is not wanted any more", rule="not-wanted")
                self.hindrances.clear(errand.name, errand.parent)
                self.voided(errand.incident, errand.name, errand.parent)
                return None

    def _wanted(self, errand: Errand) -> bool:
        """Does the outage go on (or, for a way back, is it still over, and something there to go back from)?"""
        return (self.core.seen().state == "down") != bool(errand.parent) and not self._over(errand.parent)

    def _over(self, run: str) -> bool:
        """Has this run ended, by whomever?"""
        return bool(run) and any(c.id == run for c in self.core.app.running.cards(RunQuery(status=FINAL)))

    async def _refused(self, errand: Errand, error: BcpError, *, again: bool, void: bool, told: bool) -> bool:
        """Say it; True when that is the end."""
        limit = errand.automatic and error.rule == "automatic-limit"
        mine = errand.initiator == ME and not errand.runs and not limit and (again or error.rule not in OF_THE_PLAN)
        new = self.hindrances.hinder(errand.name, errand.parent, error) if mine else True
        later = mine and not again and not isinstance(error, InDoubt)
        if later:
            self.put_off(errand.incident, errand.name, errand.parent)
        if new and not (again and told):
            kind, more = "refused" if isinstance(error, Refused) else "run_failed", {"later": True} if later else {}
            data = {"text": error.message, "hint": error.hint, "rule": error.rule, "again": again, **more}
            with suppress(StorageError):  # a full disk is no reason to tell nobody
                await self._note(errand, kind, **data)
        if errand.begun is not None and not errand.begun.done():
            errand.begun.set_exception(error)
            return True
        if limit:
            self.propose(errand.incident, errand.loaded)  # a person may
            return True
        if new and not (again and told):
            ways = {"not-yet": again, "anew": void, "cannot-now": later, "cannot": True}  # the first that holds
            key = f"ask.notice.{next(way for way, holds in ways.items() if holds)}"
            await self._tell(errand.incident, said(key, name=errand.name, why=because(error)))
        return not again

    async def cannot(self, incident: str, playbook: str, parent: str, error: BcpError) -> None:
        """It cannot even be planned: its file is broken, say. Told once, shown until it is over."""
        if not self.hindrances.hinder(playbook, parent, error):
            return
        data = {"playbook": playbook, "text": error.message, "hint": error.hint, "rule": error.rule, "again": True}
        await self.core.do(lambda b: b.note("refused", incident, "bcp", **data))
        await self._tell(incident, said("ask.notice.not-yet", name=playbook, why=because(error)))

    def turned(self, *, back: bool) -> None:
        """The service is well again (``back``), or down: what was in the way of the other direction is over."""
        self.hindrances.turned(back=back)
        for one in self.hindrances.all:
            if self._over(one.parent):
                self.hindrances.clear(one.playbook, one.parent)

    async def _note(self, errand: Errand, kind: str, **data: Any) -> None:
        await self.core.do(lambda b: b.note(kind, errand.incident, "bcp", playbook=errand.name, **data))
        self.core.changed()

    async def _tell(self, incident: str, text: str) -> None:
        """Tell the people on call. What belongs to no incident is known to whoever started it."""
        if incident:
            self.speaker.tell(await self.core.do(lambda b: b.incident(incident)), text)

    # -- the end of a run ----------------------------------------------------------------------------------------

    async def over(self, incident: str, run_id: str, ending: Ending, *, parent: str, playbook: str) -> None:
        """A run is over, or stopped: it is noted, and told when it did not do what it was for."""
        status, reason = ending.status, ending.reason
        self.runners.pop(run_id, None)
        self.working.pop(run_id, None)
        await self.core.do(
            lambda b: b.note("run_ended", incident, "bcp", run=run_id, status=status, reason=reason, rule=ending.rule)
        )
        if ending.rule == "no-longer-holds" and not parent:
            self.voided(incident, playbook, "")  # what was approved is void: people are asked anew while it lasts
        self.core.follow()
        self.core.changed()
        if parent and status == "done":
            await self.deeds.end_parent(parent, run_id, ME, listener=self.listen)
        elif status not in {"done", "stopped", "holding"}:
            if parent and status == "failed" and ending.rule not in DECIDED:
                self.hindrances.hinder(playbook, parent, Permanent(reason, rule=ending.rule))
                self.put_off(incident, playbook, parent, FAILED_AGAIN_S)
            await self._tell(incident, ended_badly(run_id, status, reason, ending.rule))

    async def _early_end(self, errand: Errand, run_id: str, ending: Ending) -> None:
        """An automatic run that failed before it moved anything is no reason to do nothing for the rest of the outage:
        it may be proposed again. The limit on automatic runs makes the next one a question to people."""
        if errand.automatic and ending.status == "failed":
            card = next((c for c in self.core.app.running.cards(RunQuery(automatic=True)) if c.id == run_id), None)
            if card is not None and not card.moved_at:
                self.voided(errand.incident, errand.name, "")

    def _started(self, errand: Errand, run_id: str) -> None:
        incident = errand.incident
        errand.runs.append(run_id)
        self._trying.discard((errand.name, errand.parent, errand.automatic))
        self.hindrances.clear(errand.name, errand.parent)
        if errand.begun is not None and not errand.begun.done():
            errand.begun.set_result(run_id)
        task = asyncio.current_task()
        if task is not None:
            self.working[run_id] = task

        def work(book: Book) -> None:
            before = book.incident(incident).runs
            book.change(incident, "run_started", "bcp", fields={"runs": (*before, run_id)}, run=run_id)

        async def write() -> None:
            if incident:
                await self.core.do(work)
            self.core.follow()
            self.core.changed()
            self.core.asking.set()

        self.core.spawn(write(), f"note {run_id}")

    def control(self, runner: Runner) -> None:
        """A run of ours, to be woken and stopped."""
        self.runners[runner.services.run.id] = runner

    def listen(self, progress: Progress) -> None:
        """What a run of ours says: pages show it, gates are asked about, and the course of the outage follows at
        once."""
        self.core.follow()
        self.core.changed()
        if progress.kind == "gate":
            self.core.asking.set()
        if progress.kind == "mx_reverted":
            self.core.spawn(self._alarm(progress), "alarm")

    async def _alarm(self, progress: Progress) -> None:
        """The MX does not stand where a run put it: the people on call hear it at once."""
        run_id = str(progress.data.get("run", ""))
        name = await self.core.do(lambda b: b.incident_of(run_id))
        if name:
            found = "; ".join(f"{d}: {mx}" for d, mx in list(progress.data.get("domains", {}).items())[:3])
            text = written(progress.text, "ask.notice.reverted", domains=found)
            self.speaker.tell(await self.core.do(lambda b: b.incident(name)), text)

    # -- what runs there are -------------------------------------------------------------------------------------

    async def holding(self) -> list[RunView]:
        """Runs that hold, the newest first, however many came after them. Drills are none of ours."""
        out = []
        for card in self.core.app.running.cards(RunQuery(status={"holding"})):
            try:
                if not card.drill:
                    out.append(await self.core.app.running.runs.glance(card.id))
            except BcpError:
                continue
        return out

    def holds(self) -> bool:
        """Does a run hold? Drills are none of ours."""
        return any(not c.drill for c in self.core.app.running.cards(RunQuery(status={"holding"})))

    def goes_back(self, parent: str) -> bool:
        """Is a run on the way back from this one?"""
        return bool(self.core.app.running.cards(RunQuery(parent=parent, unfinished=True)))

    def wake(self, run_id: str) -> None:
        """A run of ours reads at once what it was told."""
        runner = self.runners.get(run_id)
        if runner is not None:
            runner.wake()

    async def stop(self) -> None:
        """Every run stops before its next step; waits for those under way, also for one that was just being started."""
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP_S
        while (tasks := [t for t in self.working.values() if not t.done()]) and loop.time() < until:
            for runner in self.runners.values():
                runner.stop("the daemon ends", by="daemon")
            await asyncio.wait(tasks, timeout=0.5)
        for task in tasks:
            task.cancel()  # what it claimed is in doubt, as after a kill; the next daemon goes on with it
