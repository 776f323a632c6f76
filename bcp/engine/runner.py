"""Performs what the state machine allows: claims before, settles after, stops when told, undoes when it must."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bcp.contracts.action import Action
from bcp.contracts.journal import Journal, Signal
from bcp.contracts.services import Services
from bcp.engine.approvals import JournalApprovals
from bcp.engine.beat import Beat
from bcp.engine.ear import Ear
from bcp.engine.ending import Ending, finished, in_doubt, left_holding
from bcp.engine.events import Listener, Progress, nobody
from bcp.engine.frontier import Frontier
from bcp.engine.heard import meaning
from bcp.engine.judge import Judge
from bcp.engine.moves import Moves
from bcp.engine.notes import Notes
from bcp.engine.perform import Performer
from bcp.engine.spread import Spread
from bcp.engine.state import SEQUENCE, UNDO, Node, RunState, next_in_phase, replay
from bcp.engine.stays import Stays
from bcp.engine.undo import undo_all
from bcp.kernel.errors import StorageError
from bcp.playbook.load import Loaded, Placed

POLL_S = 0.1


def nodes_of(loaded: Loaded) -> list[Node]:
    """The steps of a playbook as the machine sees them."""
    return [Node(s.id, s.phase, s.needs, s.step.continue_on_error, s.step.undo != "none") for s in loaded.steps]


class Runner:
    """Works on one run until it is over, held up, or told to stop."""

    def __init__(
        self,
        loaded: Loaded,
        actions: Mapping[str, Action[Any]],
        services: Services,
        journal: Journal,
        scope: Mapping[str, Any],
        planned: Mapping[str, Mapping[str, Any]],
        *,
        listener: Listener = nobody,
        hold: bool = True,
        judge: Judge | None = None,
        goes_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self.loaded, self.services, self.journal, self.listener = loaded, services, journal, listener
        self.nodes = nodes_of(loaded)
        self._placed = {s.id: s for s in loaded.steps}
        self.hold, self.stopping, self.stopped_by, self.signum = hold, "", "", 0
        self.state: RunState = replay(self.nodes, journal.events())
        self.broken: StorageError | None = None
        self._stop = asyncio.Event()
        self._ear = Ear(journal)
        self._turn = asyncio.Event()
        """Set when a step ends and when somebody says stop: what the loop waits for."""
        self._told: asyncio.Task[Any] | None = None
        """Ends when somebody says stop; one for the whole run."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._notes = Notes(journal, self.state, services.clock, listener, self._turn)
        self._note, self.seen = self._notes.note, self._notes.seen
        self.moves = Moves(loaded, actions, services, self.state, self._note, judge, new=self.state.status == "new")
        self.performer = Performer(
            loaded,
            actions,
            services,
            journal,
            scope,
            planned,
            self.state,
            self._note,
            self._notes.over,
            self.seen,
            self.moves.before_write,
        )
        self._notes.heard = self.moves.heard
        self.stays = Stays(services, self.state, self._note, goes_back)
        self.spread = Spread(services, self.state, self._note)
        self.moves.scope, self.moves.interrupt = self.performer.scope, self.performer.interrupt_waits
        if isinstance(services.approvals, JournalApprovals):
            services.approvals.record = self._note
            services.approvals.remember(self.state.answers)

    # -- from outside --------------------------------------------------------------------------------------------

    def stop(self, reason: str, signum: int = 0, *, by: str = "") -> None:
        """Stop before the next step. Told twice: let go of what is under way too; it will be in doubt.

        ``by``: a code of who stops it; what a ``daemon`` stopped because it ends, a daemon goes on with.
        """
        if self.stopping:
            for task in self._tasks.values():
                task.cancel()
        self.stopping, self.signum, self.stopped_by = reason, signum, by or ("signal" if signum else "told")
        self._stop.set()
        self._turn.set()

    def wake(self) -> None:
        """Something was told to the run by this very process: read it now, not at the next poll."""
        self._ear.wake()

    # -- the loop ------------------------------------------------------------------------------------------------

    async def work(self) -> Ending:
        """Go on until there is nothing to do here.
        Raises ``StorageError`` when the journal fails: the run is then paused."""
        self._told = asyncio.create_task(self._stop.wait())  # noqa: TID251 - cancelled below
        beside: list[asyncio.Task[None]] = []
        try:
            await self._note("run_started" if self.state.status == "new" else "resumed")
            await self._hear()  # what was said while nobody was here comes before anything that is done
            beside.append(asyncio.create_task(self._watch_signals()))  # noqa: TID251 - cancelled below
            if self.spread.wanted:
                beside.append(asyncio.create_task(self.spread.watch()))  # noqa: TID251 - cancelled below
            return await self._work()
        finally:
            rest: list[asyncio.Task[Any]] = [self._told, *self._tasks.values(), *self.moves.tasks(), *beside]
            for task in rest:
                task.cancel()
            await asyncio.wait(rest, timeout=2)

    async def _work(self) -> Ending:
        await self._recover()
        reached = SEQUENCE.index(self.state.phase) if self.state.phase in SEQUENCE else 0
        for phase in SEQUENCE[reached:]:
            ending = await self._phase(phase)
            if ending is not None:
                return ending
            if self.state.failing():
                break
        return await self._finish()

    async def _phase(self, phase: str) -> Ending | None:
        if self.state.failing() and phase != "always":
            await self._skip_rest(phase)
            return None
        if phase == "hold":
            return await self._holding()
        if self.state.phase != phase and any(n.phase == phase for n in self.nodes):
            await self._note("phase_started", phase=phase)
        frontier = Frontier(self.nodes, phase)
        while True:
            if (ending := await self._check()) is not None:
                return ending
            await self._undo_decided()
            await self.moves.withhold()
            todo = frontier.next(self.state)
            await self._skip(todo.skip)
            for step_id in todo.start:
                self._start(step_id)
            if todo.skip:  # others may wait for these
                continue
            if self._tasks:
                await self._wait_for_any()
                continue
            if todo.verdict == "blocked":
                return await self._in_doubt()
            return None

    async def _skip_rest(self, phase: str) -> None:
        await self._skip(next_in_phase(self.nodes, self.state, phase).skip)

    async def _skip(self, steps: Iterable[tuple[str, str]]) -> None:
        for step_id, how in steps:
            await self._note("step_finished", step=step_id, status=how)

    def _start(self, step_id: str) -> None:
        # before its first event is on disk, so that it is not started twice
        self.state.steps[step_id].status = "running"
        self._tasks[step_id] = asyncio.create_task(self._guarded(step_id), name=step_id)  # noqa: TID251 - awaited in _wait_for_any

    async def _guarded(self, step_id: str) -> None:
        try:
            await self.performer.perform(self._placed[step_id], self._stop)
        except StorageError as error:
            self.broken = self.broken or error
        except BaseExceptionGroup as group:
            storage, _ = group.split(StorageError)
            if storage is None:
                raise
            self.broken = self.broken or _first(storage)
        finally:
            self._turn.set()

    async def _wait_for_any(self) -> None:
        if self._stop.is_set():  # nothing but the tasks is left to wait for
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED, timeout=POLL_S)
        else:
            await self._turn.wait()
        self._turn.clear()
        await self._reap()

    async def _reap(self) -> None:
        for step_id in [s for s, t in self._tasks.items() if t.done()]:
            task = self._tasks.pop(step_id)
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]

    async def _check(self) -> Ending | None:
        """Is there a reason not to start anything more?"""
        if self.broken is None and not self.stopping:
            return None
        if self._tasks:
            await self._wait_for_any()
        if self._tasks and self.signum:  # a person at the keyboard: what only waits has ended by now, this has not
            busy = ", ".join(self._tasks)
            lets_go = "a second Ctrl-C lets go of it now, and `bcp resume` goes on from there"
            text = f"stopping when {busy} is through; {lets_go}"
            self.listener(Progress(self.services.clock.now(), "note", "", text))
        while self._tasks:
            await self._wait_for_any()
        if self.broken is not None:
            raise self.broken
        return await self._stopped()

    async def _stopped(self) -> Ending:
        await self._note("stopped", reason=self.stopping, by=self.stopped_by)
        code = 128 + self.signum if self.signum else 5
        return Ending("stopped", code, self.stopping, f"Go on with: bcp resume {self.journal.run_id}")

    async def _in_doubt(self) -> Ending:
        ending = in_doubt(self.state, self.journal.run_id)
        await self._note("stopped", reason=ending.reason)
        return ending

    async def _recover(self) -> None:
        """After a restart: gates keep their deadlines, what was running is started again (its claims decide),
        doubts are asked about."""
        approvals = self.services.approvals
        for step in list(self.state.steps.values()):
            if step.gate and isinstance(approvals, JournalApprovals):
                approvals.opened[step.id] = step.gate
            if step.phase == UNDO or step.status not in {"running", "waiting", "in_doubt"}:
                continue
            if step.phase == "hold":
                step.status = "ok"
            elif self.state.failing() and step.phase != "always":
                await self.performer.conclude(self.loaded.step(step.id))
            else:
                step.status = "pending"
        self.moves.ask_again()

    async def _undo_decided(self) -> None:
        """While people are asked whether to undo what moved mail, nothing new begins."""
        while (asking := self.moves.asking) is not None and not asking.done() and not self._stop.is_set():
            assert self._told is not None
            await asyncio.wait([asking, self._told, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
            if self._tasks:
                await self._reap()
        self.moves.raise_fault()

    # -- hold ----------------------------------------------------------------------------------------------------

    async def _holding(self) -> Ending | None:
        mine = self.loaded.phase("hold")
        if self.state.recovered or not (mine or self.moves.left_on_relay()):
            return None
        if self.state.phase != "hold":
            await self._note("phase_started", phase="hold")
        if self.services.dry:
            for placed in mine:
                self._start(placed.id)
            while self._tasks:
                await self._wait_for_any()
            return None
        if not self.hold:
            await self._undo_decided()
            await self.moves.withhold()
            if not self.state.failing():
                return left_holding(self.state, self.journal.run_id)
        await self._hold_on(mine)
        ending = await self._check() if not (self.state.recovered or self.state.failing()) else None
        while ending is None and self._tasks:
            await self._wait_for_any()
        return ending

    async def _hold_on(self, mine: list[Placed]) -> None:
        """Send updates until the run is recovered, aborted or told to stop."""
        clock, since = self.services.clock, self.state.hold_since
        last = {p.id: max(self.state.steps[p.id].ended, since) for p in mine}
        beat = Beat({p.id: float(p.step.every or 0) for p in mine}, last, clock.monotonic(), clock.now())
        self.listener(Progress(clock.now(), "holding", "", "holding until failback", {"next": beat.first}))
        while not self.state.recovered and not self.stopping and self.broken is None:
            self.moves.raise_fault()
            await self.moves.withhold()
            await self.stays.look()
            if self.state.failing():
                return
            for name in beat.ripe(clock.monotonic(), clock.now()):
                if name not in self._tasks:
                    beat.again(name, clock.monotonic(), clock.now())
                    self._start(name)
            if self._tasks:
                await self._wait_for_any()
            else:
                await self._pause(beat.rest(clock.monotonic(), clock.now(), POLL_S))

    async def _pause(self, seconds: float) -> None:
        """Sleep by the given clock, but wake at once when told to stop."""
        sleep, stop = asyncio.create_task(self.services.clock.sleep(seconds)), asyncio.create_task(self._stop.wait())  # noqa: TID251
        await asyncio.wait([sleep, stop], return_when=asyncio.FIRST_COMPLETED)
        sleep.cancel()
        stop.cancel()

    # -- the end -------------------------------------------------------------------------------------------------

    async def _finish(self) -> Ending:
        for phase in SEQUENCE:
            if phase != "hold":
                await self._skip_rest(phase)
        if self.state.failing():
            while self._tasks:
                await self._wait_for_any()
            if await self.moves.withhold():
                return await self._held()
            if not await undo_all(self.loaded, self.nodes, self.state, self.performer, self._note, self.moves.withhold):
                return await self._held()
            self.performer.correcting = True
            await self.moves.correct()
            if any(s.status == "in_doubt" and s.phase != "always" for s in self.state.steps.values()):
                return await self._in_doubt()  # what is certain was undone; a person must look at the rest
        ending = await self._phase("always")
        if ending is not None and ending.status != "in_doubt":
            return ending
        over = finished(self.state, self.journal.run_id, goes_back=self.moves.goes_back())
        await self._note("run_finished", status=over.status, reason=over.reason, code=over.code, rule=over.rule)
        return over

    async def _held(self) -> Ending:
        """The undo was withheld when everything else was over: hold, or end where there is nothing to hold."""
        ending = await self._holding()
        return ending if ending is not None else await self._finish()

    # -- bookkeeping ---------------------------------------------------------------------------------------------

    async def _watch_signals(self) -> None:
        """Read what people say from the journal. A journal that cannot be read stops the run, it does not fail it."""
        while True:
            try:
                await self._hear()
            except StorageError as error:
                self.broken = self.broken or error
                self._stop.set()
                self._turn.set()
                return
            await self._ear.next(POLL_S)

    async def _hear(self) -> None:
        """Take what people said: it is marked as read and becomes events of this run in one commit."""
        signals = await self.journal.unread()
        if not signals:
            return
        meant = [(s, meaning(s, self.moves)) for s in signals]
        await self.journal.consume(signals, [d for _, drafts in meant for d in drafts])
        for signal, drafts in meant:
            for draft in drafts:
                self.seen(draft.kind, draft.step, draft.actor, draft.data)
            self._act_on(signal)

    def _act_on(self, signal: Signal) -> None:
        approvals = self.services.approvals
        if signal.kind in {"approve", "reject"} and isinstance(approvals, JournalApprovals):
            approvals.remember(self.state.answers)
        elif signal.kind == "abort":
            if self.state.aborting:
                self.performer.interrupt_waits()
            else:
                self.moves.ask_again()
        elif signal.kind == "stop":
            self.stop(str(signal.data.get("reason", "told to stop")))


def _first(group: BaseExceptionGroup[StorageError]) -> StorageError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def interrupt_handler(runner: Runner) -> Callable[[int], None]:
    """What TERM, INT and HUP do."""
    names = {2: "Ctrl-C", 15: "TERM", 1: "HUP"}

    def handle(signum: int) -> None:
        runner.stop(f"stopped by {names.get(signum, signum)}", signum)

    return handle
