"""The daemon: makes its parts, and runs the loops that keep them going. One a state folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from bcp.contracts.hook import Alert
from bcp.deeds.who import Ground
from bcp.incident.hindrance import hindered
from bcp.incident.model import Taken
from bcp.incident.questions import unsettled
from bcp.kernel.calm import leave_alone
from bcp.kernel.errors import BcpError, Refused
from bcp.server.core import Core, Loop, kept
from bcp.server.ground import ground_of
from bcp.server.keys import signing_key
from bcp.server.parts.account import Accountant
from bcp.server.parts.act import Actor
from bcp.server.parts.anchor import Anchor
from bcp.server.parts.ask import Asker
from bcp.server.parts.conduct import Conductor
from bcp.server.parts.disk import Disk
from bcp.server.parts.drills import Drills
from bcp.server.parts.hear import Hearer
from bcp.server.parts.heart import heartbeat
from bcp.server.parts.look import Looking
from bcp.server.parts.mails import Mails
from bcp.server.parts.mind import Minder
from bcp.server.parts.perform import Deeds
from bcp.server.parts.ready import Readiness
from bcp.server.parts.record import Recorder
from bcp.server.parts.say import Speaker
from bcp.server.parts.told import Told
from bcp.server.parts.warmth import Warmth
from bcp.server.warm import warm
from bcp.settings import Configuration
from bcp.store.files.locks import FileLock
from bcp.store.files.mails import note_mails
from bcp.store.sqlite.writer import Writer
from bcp.wiring import App, make_app


class Daemon:
    """Everything that lives while ``bcp serve`` runs, except the web server. Doors reach the parts through it."""

    def __init__(self, configuration: Configuration) -> None:
        app = make_app(configuration)
        self.lock = FileLock(configuration.state / "serve.lock")
        if not self.lock.take():
            raise Refused(
                f"another daemon serves {configuration.state}",
                rule="one-daemon",
                hint="End it, or give this one its own state folder.",
            )
        writer = Writer(configuration.state / "incidents.db", app.clock)
        self.core = core = Core(app, writer, signing_key(app))
        self.clock, self.state, self.writer, self.hub, self.key = core.clock, core.state, writer, core.hub, core.key
        self.sight = core.sight
        self.told = Told(core.state / "alerts")
        self.speaker = Speaker(core)
        deeds = Deeds(core)
        self.conductor = Conductor(core, self.speaker, deeds)
        self.recorder = Recorder(core)
        self.actor = Actor(core, self.speaker, self.conductor, self.recorder)
        self.conductor.voided = self.actor.forget
        self.conductor.put_off = self.actor.put_off
        looking = Looking(core, self.actor)
        self.asker = Asker(core, self.speaker, self.conductor)
        self.hearer = Hearer(core, self.ground)
        self.minder = Minder(core, self.conductor, deeds)
        self.readiness = Readiness(core, self.speaker)
        self.mails = Mails(
            core.clock,
            lambda: self.app.world.relays,
            lambda: list(self.app.world.domains),
            self.conductor.holds,
            core.changed,
            lambda at, count: note_mails(core.state, at, count),
        )
        self.drills = Drills(core, self.speaker)
        self.accountant = Accountant(core.clock, lambda: self.app.running.books, self.conductor.holds)
        self.loops: list[tuple[str, Loop]] = [
            ("watch", looking.watch),
            ("look", looking.when_wanted),
            ("ask", self.asker.run),
            ("hear", self.hearer.run),
            ("told", self.told.run),
            ("runs", self.minder.run),
            ("mails", self.mails.run),
            ("account", self.accountant.run),
            ("warmth", Warmth(core).run),
            ("readiness", self.readiness.run),
            ("anchor", Anchor(core).run),
            ("disk", Disk(core, self.speaker).run),
            ("drills", self.drills.run),
        ]
        if (wanted := core.settings.heartbeat) is not None:
            self.loops.append(("heartbeat", lambda: heartbeat(core.sight, wanted)))
        self.ended = core.ended
        self.seen, self.spawn, self.want_look = core.seen, core.spawn, core.sight.want_look

    @property
    def app(self) -> App:
        """The configuration now."""
        return self.core.app

    @property
    def settings(self) -> Any:
        """``serve:``."""
        return self.core.settings

    def hindered(self) -> str:
        """Why what is called for now is not proposed, and what to do; empty: nothing is in the way."""
        return hindered(self.conductor.hindrances.all, self.seen().state, self.clock.now())

    def ground(self) -> Ground:
        """What deeds stand on here."""
        return ground_of(self.core, self.conductor)

    # -- loops ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until ``stop``. Each loop says what broke it and goes on."""
        self.app.remember()
        await asyncio.to_thread(warm, self.app)
        leave_alone()
        await self.core.do(unsettled)
        await self.core.do(lambda b: b.note("started", "", "bcp", pid=os.getpid()))
        try:
            async with asyncio.TaskGroup() as group:
                self.core.begins(group)
                tasks = [group.create_task(kept(name, work)) for name, work in self.loops]
                await self.ended.wait()
                await self.conductor.stop()
                for task in tasks:
                    task.cancel()
        finally:
            self.core.begins(None)
            await self._close()

    # -- hooks ---------------------------------------------------------------------------------------------------

    async def take(self, source: str, alerts: list[Alert], mode: str, playbook: str = "") -> Taken:
        """What a sender said, on disk before this returns. A new alert causes a look."""
        service = self.app.settings.service
        taken = await self.core.do(lambda b: b.receive(source, service, alerts, mode))
        self.told.hear(source, alerts, self.clock.now())
        if playbook and taken.incident:
            self.actor.wish(taken.incident, playbook)
        if taken.new and not taken.resolved:
            self.recorder.heard()
        if taken.new:
            self.hub.changed()
            self.want_look()
        return taken

    # -- the end -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End: runs stop before their next step and are gone on with at the next start."""
        self.ended.set()
        self.hub.close()

    async def _close(self) -> None:
        with contextlib.suppress(BcpError):
            await self.core.do(lambda b: b.note("stopped", "", "bcp"))
        await self.writer.close()
        self.app.watching.history.close()
        await self.app.close()
        self.lock.release()
