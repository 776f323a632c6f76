"""Runs that the daemon starts, goes on with and ends; plans that people are asked about before there is a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bcp import registry
from bcp.contracts.action import Access
from bcp.deeds.answer import goes_on
from bcp.deeds.failback import end_parent
from bcp.deeds.plan import make_plan, request_for
from bcp.deeds.run import resume, start
from bcp.engine.events import Progress
from bcp.engine.runner import Ending, Runner
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.incident.questions import ask
from bcp.kernel.errors import BcpError, Permanent, Refused
from bcp.kernel.log import logger
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded, loads
from bcp.server.core import Core
from bcp.server.parts.books import asks_first
from bcp.server.parts.ports import Tells
from bcp.wiring import App

LOG = logger(__name__)
ME = "bcp-serve"
"""Who starts runs that nobody started."""


def _gave(begun: asyncio.Future[str] | None, error: BcpError) -> bool:
    """Hand the refusal to whoever waits for the beginning; False when nobody does: then people are told."""
    if begun is None or begun.done():
        return False
    begun.set_exception(error)
    return True


class Conductor:
    """Every run is a task of its own with connections of its own; only the watch is shared."""

    def __init__(self, core: Core, speaker: Tells) -> None:
        self.core, self.clock, self.speaker = core, core.clock, speaker
        self.runners: dict[str, Runner] = {}
        self.working: dict[str, asyncio.Task[Any]] = {}
        self.voided: Callable[[str, str], None] = lambda incident, playbook: None
        """Hears that what was approved no longer held when it was to be done."""

    @property
    def app(self) -> App:
        """The configuration now."""
        return self.core.app

    def propose(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, parent: str = "", domains: tuple[str, ...] = ()
    ) -> None:
        """Start it up to its gate (or through, when it may start by itself); one without a gate is asked about first."""
        writes = {kind: action.access == Access.WRITE for kind, action in registry.actions().items()}
        name = loaded.book.name
        if automatic or asks_first(loaded, writes, self.core.settings.oncall):
            self.core.spawn(
                self.go(incident, loaded, automatic=automatic, parent=parent, domains=domains), f"run {name}"
            )
        else:
            self.core.spawn(self._ask_before(incident, loaded, parent, domains), f"ask {name}")

    async def go(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, plan: Plan | None = None, parent: str = "",
        domains: tuple[str, ...] = (), initiator: str = ME, begun: asyncio.Future[str] | None = None,
    ) -> None:  # fmt: skip
        """Plan (unless there is one) and run, to the end. What is refused is noted and told; ``begun`` gets it as a value."""
        name, do = loaded.book.name, self.core.do
        app = self.core.run_app()
        try:
            if plan is None:
                request = request_for(
                    app, loaded, inputs={}, automatic=automatic, initiator=initiator, parent=parent, domains=domains
                )
                plan = await make_plan(app, request)
                plan.write(self.core.state / "plans" / f"{plan.id}.json")
            if refusals := plan.refusals():
                raise Refused(
                    "; ".join(r.message for _, r in refusals[:3]), rule=refusals[0][1].rule, hint=refusals[0][1].hint
                )
            made = plan
            run_id, ending = await start(
                app,
                made,
                listener=self._listen,
                signals=False,
                started=lambda i: self._started(incident, i, begun),
                control=self._hold_on,
                starter=initiator,
            )
        except Refused as error:
            why = {"rule": error.rule, "text": error.message, "hint": error.hint}
            await do(lambda b: b.note("refused", incident, "bcp", playbook=name, **why))
            if _gave(begun, error):
                return
            if automatic and error.rule == "automatic-limit":
                self.propose(incident, loaded)  # a person may
                return
            await self._tell(incident, f"{name} cannot start: {error.message}")
            return
        except BcpError as error:
            why = {"text": error.message, "hint": error.hint}
            await do(lambda b: b.note("run_failed", incident, "bcp", playbook=name, **why))
            if _gave(begun, error):
                return
            await self._tell(incident, f"{name} cannot start: {error.message}")
            return
        finally:
            await app.close()
        await self._over(incident, run_id, ending, parent, name)

    async def _over(self, incident: str, run_id: str, ending: Ending, parent: str, playbook: str) -> None:
        status, reason = ending.status, ending.reason
        self.runners.pop(run_id, None)
        self.working.pop(run_id, None)
        await self.core.do(
            lambda b: b.note("run_ended", incident, "bcp", run=run_id, status=status, reason=reason, rule=ending.rule)
        )
        if ending.rule == "no-longer-holds" and not parent:
            self.voided(incident, playbook)  # what was approved is void: people are asked anew while it lasts
        self.core.changed()
        if parent and status == "done":
            await end_parent(self.core.run_app(), parent, run_id, ME, listener=self._listen)
        elif status not in {"done", "stopped"}:
            await self._tell(incident, f"run {run_id} is {status}{f': {reason}' if reason else ''}")

    async def _tell(self, incident: str, text: str) -> None:
        """Tell the people on call. What belongs to no incident is known to whoever started it."""
        if incident:
            self.speaker.tell(await self.core.do(lambda b: b.incident(incident)), text)

    async def begin(self, plan: Plan, starter: str) -> str:
        """Start a plan that a person has seen; returns its run once it has begun.

        Raises:
            BcpError: whatever refuses it.
        """
        current = await self.core.do(lambda b: b.current(self.app.settings.service))
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

    def take_over(self, run_id: str) -> None:
        """Go on with a run that nobody works on, because a person wants it."""
        if run_id not in self.working:
            parent = str(self.app.running.runs.view(run_id, effects=False).record.meta.get("parent") or "")
            self.working[run_id] = self.core.spawn(self._go_on(run_id, parent), f"resume {run_id}")

    def _started(self, incident: str, run_id: str, begun: asyncio.Future[str] | None = None) -> None:
        if begun is not None and not begun.done():
            begun.set_result(run_id)
        task = asyncio.current_task()
        if task is not None:
            self.working[run_id] = task

        async def write() -> None:
            def work(b: Any) -> None:
                before = b.incident(incident).runs
                b.change(incident, "run_started", "bcp", fields={"runs": (*before, run_id)}, run=run_id)

            if incident:
                await self.core.do(work)
            self.core.changed()
            self.core.asking.set()

        self.core.spawn(write(), f"note {run_id}")

    def _hold_on(self, runner: Runner) -> None:
        self.runners[runner.services.run.id] = runner

    def _listen(self, progress: Progress) -> None:
        self.core.changed()
        if progress.kind == "gate":
            self.core.asking.set()

    async def _ask_before(self, incident: str, loaded: Loaded, parent: str, domains: tuple[str, ...]) -> None:
        """A playbook that asks nobody: the plan is made, people are asked about it, and only then is it started."""
        settings = self.core.settings.ask
        plan = await self._plan(incident, loaded, parent, domains)
        if plan is None:
            return
        now = self.clock.now()
        groups = [sorted(self.app.people.approvers([g])) for g in settings.groups]
        until, step = min(now + settings.timeout, plan.expires), f"plan:{plan.id}"
        about = {"incident": incident, "run": "", "step": step, "checksum": plan.checksum, "opened": now}
        await self.core.do(
            lambda b: ask(b, **about, deadline=until, count=settings.min, groups=groups)  # type: ignore[arg-type]
        )
        self.core.asking.set()

    async def _plan(
        self, incident: str, loaded: Loaded, parent: str = "", domains: tuple[str, ...] = ()
    ) -> Plan | None:
        app = self.core.run_app()
        try:
            request = request_for(app, loaded, inputs={}, initiator=ME, parent=parent, domains=domains)
            plan = await make_plan(app, request)
            plan.write(self.core.state / "plans" / f"{plan.id}.json")
            return plan
        except BcpError as error:
            text = f"{loaded.book.name} cannot be planned: {error.message}"
            await self.core.do(lambda b: b.note("refused", incident, "bcp", text=text))
            await self._tell(incident, text)
            return None
        finally:
            await app.close()

    def holding(self) -> list[RunView]:
        """Runs that hold, the newest first. Drills are none of ours."""
        out = []
        for run_id in reversed(self.app.running.runs.ids()[-50:]):
            try:
                view = self.app.running.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.state.status == "holding" and view.plan.get("kind") != "drill":
                out.append(view)
        return out

    def goes_back(self, parent: str) -> bool:
        for run_id in self.app.running.runs.ids()[-20:]:
            try:
                view = self.app.running.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.record.meta.get("parent") == parent and view.state.status not in FINAL:
                return True
        return False

    async def mind(self) -> None:
        """Take over what holds with nobody there, and what this daemon was killed in the middle of."""
        while True:
            for run_id in self.app.running.runs.ids()[-20:]:
                if run_id in self.working:
                    continue
                try:
                    view = self.app.running.runs.view(run_id, effects=False)
                except BcpError:
                    continue
                if view.live or view.plan.get("kind") == "drill":
                    continue
                if goes_on(view):
                    self.working[run_id] = self.core.spawn(
                        self._go_on(run_id, str(view.record.meta.get("parent") or "")), f"resume {run_id}"
                    )
            await self.clock.sleep(2.0)

    async def _go_on(self, run_id: str, parent: str) -> None:
        incidents = await self.core.do(lambda b: b.incidents(limit=20))
        incident = next((i.id for i in incidents if run_id in i.runs), "")
        await self.core.do(lambda b: b.note("run_resumed", incident, "bcp", run=run_id))
        app = self.core.run_app()
        try:
            ending = await resume(app, run_id, listener=self._listen, signals=False, control=self._hold_on)
        except Refused as error:
            LOG.info("%s is not taken over: %s", run_id, error.message)
            await self.clock.sleep(30.0)
            self.working.pop(run_id, None)
            return
        finally:
            await app.close()
        await self._over(
            incident, run_id, ending, parent, str(app.running.runs.view(run_id, effects=False).plan["playbook"])
        )

    def wake(self, run_id: str) -> None:
        """A run of ours reads at once what it was told."""
        runner = self.runners.get(run_id)
        if runner is not None:
            runner.wake()

    async def stop(self) -> None:
        """Every run stops before its next step; waits for those under way."""
        for runner in self.runners.values():
            runner.stop("the daemon ends", by="daemon")
        tasks = [t for t in self.working.values() if not t.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=30)
