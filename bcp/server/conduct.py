"""Runs that the daemon starts, goes on with and ends; plans that people are asked about before there is a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bcp import operate, registry
from bcp.contracts.action import Access
from bcp.engine.events import Progress
from bcp.engine.runner import Runner
from bcp.engine.store import RunView
from bcp.incident.questions import ask
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded
from bcp.server.books import asks_first
from bcp.wiring import App

if TYPE_CHECKING:
    from bcp.server.daemon import Daemon

LOG = logger(__name__)
ME = "bcp-serve"
"""Who starts runs that nobody started."""


class Conductor:
    """Every run is a task of its own with connections of its own; only the watch is shared."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon, self.clock = daemon, daemon.clock
        self.runners: dict[str, Runner] = {}
        self.working: dict[str, asyncio.Task[Any]] = {}

    @property
    def app(self) -> App:
        """The configuration now."""
        return self.daemon.app

    def propose(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, parent: str = "", domains: tuple[str, ...] = ()
    ) -> None:
        """Start it up to its gate (or through, when it may start by itself); one without a gate is asked about first."""
        writes = {kind: action.access == Access.WRITE for kind, action in registry.actions().items()}
        name = loaded.book.name
        if automatic or asks_first(loaded, writes, self.daemon.settings.oncall):
            self.daemon.spawn(
                self.go(incident, loaded, automatic=automatic, parent=parent, domains=domains), f"run {name}"
            )
        else:
            self.daemon.spawn(self._ask_before(incident, loaded, parent, domains), f"ask {name}")

    def run_app(self) -> App:
        """What a run gets: everything of its own but the watch."""
        from bcp.server.daemon import SharedLooker  # noqa: PLC0415 - they hold one another

        app = App(self.app.configuration, self.clock)
        app.__dict__["watcher"] = self.app.watcher
        app.__dict__["looker"] = SharedLooker(self.daemon)
        app.seen = self.daemon.seen
        return app

    async def go(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, plan: Plan | None = None, parent: str = "",
        domains: tuple[str, ...] = (), initiator: str = ME,
    ) -> None:  # fmt: skip
        """Plan (unless there is one) and run, to the end. What is refused is noted and told."""
        name, do = loaded.book.name, self.daemon.writer.do
        app = self.run_app()
        try:
            if plan is None:
                request = operate.request_for(
                    app, loaded, inputs={}, automatic=automatic, initiator=initiator, parent=parent, domains=domains
                )
                plan = await operate.make_plan(app, request)
                plan.write(self.daemon.state / "plans" / f"{plan.id}.json")
            if refusals := plan.refusals():
                raise Refused(
                    "; ".join(r.message for _, r in refusals[:3]), rule=refusals[0][1].rule, hint=refusals[0][1].hint
                )
            made = plan
            run_id, ending = await operate.start(
                app,
                made,
                listener=self._listen,
                signals=False,
                started=lambda i: self._started(incident, i),
                incident=incident,
                control=self._hold_on,
            )
        except Refused as error:
            why = {"rule": error.rule, "text": error.message, "hint": error.hint}
            await do(lambda b: b.note("refused", incident, "bcp", playbook=name, **why))
            if automatic and error.rule == "automatic-limit":
                self.propose(incident, loaded)  # a person may
                return
            await self._tell(incident, f"{name} cannot start: {error.message}")
            return
        except BcpError as error:
            why = {"text": error.message, "hint": error.hint}
            await do(lambda b: b.note("run_failed", incident, "bcp", playbook=name, **why))
            await self._tell(incident, f"{name} cannot start: {error.message}")
            return
        finally:
            await app.close()
        await self._over(incident, run_id, ending.status, ending.reason, parent)

    async def _over(self, incident: str, run_id: str, status: str, reason: str, parent: str) -> None:
        self.runners.pop(run_id, None)
        self.working.pop(run_id, None)
        await self.daemon.writer.do(
            lambda b: b.note("run_ended", incident, "bcp", run=run_id, status=status, reason=reason)
        )
        self.daemon.hub.changed()
        if parent and status == "done":
            await operate.end_parent(self.run_app(), parent, run_id, ME, listener=self._listen)
        elif status not in {"done", "stopped"}:
            await self._tell(incident, f"run {run_id} is {status}{f': {reason}' if reason else ''}")

    async def _tell(self, incident: str, text: str) -> None:
        """Tell the people on call. What belongs to no incident is known to whoever started it."""
        if incident:
            self.daemon.asker.speaker.tell(await self.daemon.writer.do(lambda b: b.incident(incident)), text)

    def _started(self, incident: str, run_id: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.working[run_id] = task

        async def write() -> None:
            def work(b: Any) -> None:
                before = b.incident(incident).runs
                b.change(incident, "run_started", "bcp", fields={"runs": (*before, run_id)}, run=run_id)

            if incident:
                await self.daemon.writer.do(work)
            self.daemon.hub.changed()
            self.daemon.asker.woken.set()

        self.daemon.spawn(write(), f"note {run_id}")

    def _hold_on(self, runner: Runner) -> None:
        self.runners[runner.services.run.id] = runner

    def _listen(self, progress: Progress) -> None:
        self.daemon.hub.changed()
        if progress.kind == "gate":
            self.daemon.asker.woken.set()

    async def _ask_before(self, incident: str, loaded: Loaded, parent: str, domains: tuple[str, ...]) -> None:
        """A playbook that asks nobody: the plan is made, people are asked about it, and only then is it started."""
        settings = self.daemon.settings.ask
        plan = await self._plan(incident, loaded, parent, domains)
        if plan is None:
            return
        now = self.clock.now()
        groups = [sorted(self.app.approvers([g])) for g in settings.groups]
        until, step = min(now + settings.timeout, plan.expires), f"plan:{plan.id}"
        about = {"incident": incident, "run": "", "step": step, "checksum": plan.checksum, "opened": now}
        await self.daemon.writer.do(
            lambda b: ask(b, **about, deadline=until, count=settings.min, groups=groups)  # type: ignore[arg-type]
        )
        self.daemon.asker.woken.set()

    async def _plan(
        self, incident: str, loaded: Loaded, parent: str = "", domains: tuple[str, ...] = ()
    ) -> Plan | None:
        app = self.run_app()
        try:
            request = operate.request_for(app, loaded, inputs={}, initiator=ME, parent=parent, domains=domains)
            plan = await operate.make_plan(app, request)
            plan.write(self.daemon.state / "plans" / f"{plan.id}.json")
            return plan
        except BcpError as error:
            text = f"{loaded.book.name} cannot be planned: {error.message}"
            await self.daemon.writer.do(lambda b: b.note("refused", incident, "bcp", text=text))
            await self._tell(incident, text)
            return None
        finally:
            await app.close()

    def holding(self) -> list[RunView]:
        """Runs that hold, the newest first, however many came after them. Drills are none of ours."""
        out = []
        for card in self.app.runs.holding():
            try:
                out.append(self.app.runs.view(card.id, effects=False))
            except BcpError:
                continue
        return out

    def goes_back(self, parent: str) -> bool:
        """Is somebody on the way back from it?"""
        return bool(self.app.runs.children(parent, unfinished=True))

    async def mind(self) -> None:
        """Take over what holds with nobody there, and what this daemon was killed in the middle of."""
        while True:
            for card in reversed(await asyncio.to_thread(self.app.runs.cards, unfinished=True)):
                if card.id in self.working or card.drill or self.app.runs.is_live(card.id):
                    continue
                ours = (
                    card.initiator == ME
                    and self.app.runs.status_of(card) in {"interrupted", "stopped"}
                    and not card.doubtful
                )
                if ours or card.status == "holding":
                    self.working[card.id] = self.daemon.spawn(self._go_on(card.id, card.parent), f"resume {card.id}")
            await self.clock.sleep(2.0)

    async def _go_on(self, run_id: str, parent: str) -> None:
        incident = await self.daemon.writer.do(lambda b: b.incident_of(run_id))
        await self.daemon.writer.do(lambda b: b.note("run_resumed", incident, "bcp", run=run_id))
        app = self.run_app()
        try:
            ending = await operate.resume(app, run_id, listener=self._listen, signals=False, control=self._hold_on)
        except Refused as error:
            LOG.info("%s is not taken over: %s", run_id, error.message)
            await self.clock.sleep(30.0)
            self.working.pop(run_id, None)
            return
        finally:
            await app.close()
        await self._over(incident, run_id, ending.status, ending.reason, parent)

    async def stop(self) -> None:
        """Every run stops before its next step; waits for those under way."""
        for runner in self.runners.values():
            runner.stop("the daemon ends")
        tasks = [t for t in self.working.values() if not t.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=30)
