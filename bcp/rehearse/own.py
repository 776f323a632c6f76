"""A lab drill of the organisation's own set-up: its playbooks, people, texts and rules against an emulated world.

Runs are kept in a state folder of their own below the organisation's; their heads are in the drill's chain. Nothing is
read from or written to the real world: every address is of loopback, and a guard refuses the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.deeds import failback as going_back
from bcp.deeds import plan as planning
from bcp.deeds import run as running
from bcp.deeds.exercises import LABS
from bcp.detect.decide import Decision
from bcp.drills.people import STAND_IN
from bcp.drills.scenario import Scenario, scenario
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, Progress, nobody
from bcp.engine.state import FINAL
from bcp.kernel.errors import GateClosed, Permanent
from bcp.kernel.files import make_private
from bcp.kernel.text import plural
from bcp.lab.world import World
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded
from bcp.rehearse.conduct import Conductor, inputs_for
from bcp.rehearse.emulate import EmulatedOutside, Kept, emulated
from bcp.rehearse.guard import at_home
from bcp.rehearse.own_config import PAGES, VENDORS, world_for, write_own
from bcp.rehearse.resolvers import Several
from bcp.settings import load
from bcp.wiring import App, make_app

DETECT_S, HEAL_S, MOVE_S, SETTLE_S = 60.0, 60.0, 60.0, 60.0
HOLD_S = 8.0
LOOK_S = 0.5
"""How often resolvers are asked for the propagation curve."""


@dataclass
class OwnLab:
    """Plays one scenario. ``listener`` sees the runs, ``show`` gets each plan."""

    conductor: Conductor
    listener: Listener = nobody
    show: Callable[[Plan], None] = lambda plan: None
    quick: bool = False
    """No more than what the record needs: for tests."""
    works: list[asyncio.Task[Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def play(self) -> None:
        """From break to all-clear. Raises ``Permanent``, ``GateClosed``, and what plans refuse."""
        outer, found = self.conductor.app, self.conductor.exercise()
        told = scenario(found.play.outage or found.record.scenario.name)
        folder = make_private(outer.configuration.state / LABS / self.conductor.drill)
        with at_home() as refused:
            world = world_for(outer, folder)
            await world.start()
            several = Several(world)
            try:
                await several.start()
                app = self._app(world, folder)
                await self._story(app, world, several, told)
            finally:
                self.refused = list(refused)
                for work in self.works:
                    work.cancel()
                await asyncio.gather(*self.works, return_exceptions=True)
                await several.stop()
                await world.stop()
                self._bring_home(folder)

    def _app(self, world: World, folder: Path) -> App:
        app = make_app(load(write_own(self.conductor.app.configuration, world)), self.conductor.app.clock)
        kept = Kept(folder / "kept.jsonl")
        app.world.__dict__["channels"] = emulated(
            app.world.channels, kept, lambda c: c.kind in VENDORS or c.kind in PAGES
        )
        app.world.__dict__["outside"] = EmulatedOutside(kept)
        app.watching.looker.live = True
        return app

    def _bring_home(self, folder: Path) -> None:
        """Heads of the runs become part of the drill's chain: whoever changes their files is found."""
        from bcp.engine.store import Runs
        from bcp.store.sqlite.state import SqliteState

        runs = Runs(SqliteState(folder / "state"), self.conductor.app.clock)
        heads = {r: runs.card(r).head for r in runs.ids()} if (folder / "state").exists() else {}
        self.conductor.measured("lab", folder=folder.name, heads=heads, refused=self.refused[:20])

    # -- the story -----------------------------------------------------------------------------------------------

    async def _story(self, app: App, world: World, several: Several, told: Scenario) -> None:
        say, measured = self.conductor.say, self.conductor.measured
        name = self.conductor.exercise().play.playbook or told.playbook
        async with watching(app) as seen:
            say(f"{', '.join(world.domains)} in the lab, MX {world.published_mx()}; mail comes in from outside")
            await asyncio.sleep(told.calm_s)
            say(f"BREAK: {told.title}")
            await world.break_(told.breaks)
            measured("outage", since=world.broken_at, how="the lab broke its Exchange Online")
            found = await until(app, seen, "down", DETECT_S)
            measured(
                "detected", found=app.clock.now(), by="probes of the organisation's rules, at lab speed",
                **{"class": found.outage_class}, evidence=list(found.evidence[:5]),
            )  # fmt: skip
            say(f"confirmed: class {found.outage_class}: {found.evidence[0] if found.evidence else ''}")
            loaded = app.playbooks.load(name)
            curve = self._work(self._watch_resolvers(several, world))
            run, held, work = await self._start(app, await self._plan(app, loaded, world, ""))
            await held.wait()
            if work.done() and (ended := work.result()[1]).code:
                raise GateClosed(f"{name} ended {ended.status}: {ended.reason}", hint=ended.hint)
            await self._mail_moves(world)
            await asyncio.sleep(self.conductor.exercise().play.hold_s or HOLD_S)
            say("HEAL: Exchange Online works again")
            await world.heal()
            await until(app, seen, "healthy", HEAL_S)
            await self._back(app, world, loaded, run, work)
            say("every mail is followed to its end")
            await world.settle(SETTLE_S + world.ttl)
            curve.cancel()
            self._count(world, told)

    async def _plan(self, app: App, loaded: Loaded, world: World, parent: str) -> Plan:
        quick = {"ttl": str(world.ttl), "ask_every": "0.5s", "quiet": f"{world.ttl + 2}s"}
        given = inputs_for(loaded, self.conductor.exercise().play)
        inputs = {k: v for k, v in quick.items() if k in loaded.book.inputs} | given
        request = planning.request_for(app, loaded, inputs=inputs, kind="drill", initiator="conductor", parent=parent)
        made = await planning.make_plan(app, request)
        self.show(made)
        return made

    async def _start(self, app: App, plan: Plan) -> tuple[str, asyncio.Event, asyncio.Task[tuple[str, Ending]]]:
        held, ids = asyncio.Event(), list[str]()

        def listen(progress: Progress) -> None:
            self.listener(progress)
            if progress.kind == "gate":
                self._work(self._approve(app, ids[0], progress))
            if progress.kind == "holding":
                held.set()

        def begun(run: str) -> None:
            ids.append(run)
            self.conductor.run(run)

        work = asyncio.create_task(running.start(app, plan, listener=listen, started=begun, signals=False))
        self.works.append(work)
        work.add_done_callback(lambda _: held.set())
        while not ids and not work.done():
            await asyncio.sleep(0.02)
        if not ids:
            await work
        return ids[0], held, work

    async def _approve(self, app: App, run: str, gate: Progress) -> None:
        """A stand-in of each approver says yes until there are enough; people who share a phone count once."""
        for person in gate.data.get("approvers", ()):
            await asyncio.sleep(1.0)
            view = app.running.runs.view(run, effects=False)
            if gate.step not in view.state.steps or not view.state.steps[gate.step].gate:
                return
            self.conductor.say(f"a stand-in of {person} approves")
            app.running.runs.tell(run, "approve", person, checksum=gate.data["checksum"], step=gate.step, how=STAND_IN)

    async def _mail_moves(self, world: World) -> None:
        """Until the relay has taken a mail, where the playbook moved MX."""
        if world.published_mx().endswith(world.exchange_host):
            return
        deadline = asyncio.get_running_loop().time() + MOVE_S + world.ttl
        while not world.first_at_relay() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)

    async def _back(
        self, app: App, world: World, loaded: Loaded, run: str, work: asyncio.Task[tuple[str, Ending]]
    ) -> None:
        """The way back that the playbook names; one without a way back ends when it is told that all is well."""
        if app.running.runs.view(run, effects=False).state.status in FINAL:
            return
        if loaded.book.recovery is None:
            app.running.runs.tell(run, "recovered", "conductor", run="")
            await work
            return
        back = app.playbooks.load(loaded.book.recovery.playbook)
        child, _, way = await self._start(app, await self._plan(app, back, world, run))
        _, ending = await way
        if ending.code:
            raise GateClosed(f"the way back ended {ending.status}: {ending.reason}", hint=ending.hint)
        await going_back.end_parent(app, run, child, "conductor")
        await work

    # -- what no run knows ---------------------------------------------------------------------------------------

    def _work(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self.works.append(task)
        return task

    async def _watch_resolvers(self, several: Several, world: World) -> None:
        """Who is told the relay's MX: a point whenever that changes."""
        last = (-1, -1)
        while True:
            new = await several.told(world.domains[0], world.relay_host)
            if new != last:
                self.conductor.measured("resolvers", asked_at=self.conductor.app.clock.now(), new=new[0], asked=new[1])
                last = new
            await asyncio.sleep(LOOK_S)

    def _count(self, world: World, told: Scenario) -> None:
        """Mails to their end, and what must hold."""
        counted = world.tally()
        first = world.first_at_relay()
        if first:
            self.conductor.measured("first_mail", first=first)
        self.conductor.measured(
            "mails", sent=counted.sent, delivered=counted.delivered, relayed=len(world.relay.accepted),
            bounced=len(counted.bounced), lost=len(counted.lost), duplicated=len(counted.duplicated),
            left=len(counted.queued),
        )  # fmt: skip
        wrong = [f"{plural(len(n), 'mail')} {what}" for n, what in (
            (counted.lost, "lost"), (counted.duplicated, "doubled"), (counted.queued, "not delivered yet"),
        ) if n]  # fmt: skip
        if world.vendors.complaints:
            wrong.append(f"the vendors complained: {world.vendors.complaints[0]}")
        if not world.published_mx().endswith(world.exchange_host):
            wrong.append(f"MX was left at {world.published_mx()}")
        if self.refused:
            wrong.append(f"something wanted to leave this machine: {self.refused[0]}")
        if wrong:
            self.conductor.outcome, self.conductor.reason = "failed", "; ".join(wrong)


async def until(app: App, decisions: Callable[[], Decision], state: str, timeout_s: float) -> Decision:
    """The first verdict with this state. Raises ``Permanent`` when it does not come."""
    deadline = app.clock.monotonic() + timeout_s
    while app.clock.monotonic() < deadline:
        found = decisions()
        if found.state == state:
            return found
        await asyncio.sleep(0.05)
    raise Permanent(f"the detector did not see {state} in {timeout_s:g} s", hint=str(decisions()))


@contextlib.asynccontextmanager
async def watching(app: App) -> AsyncIterator[Callable[[], Decision]]:
    """The organisation's watch goes on meanwhile."""

    async def loop() -> None:
        async for _ in app.watching.watcher.run():
            pass

    task = asyncio.create_task(loop())
    try:
        yield app.watching.watcher.decision
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
