"""The daemon: its parts, and the loops that keep them going. One a state folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from typing import Any

from bcp import registry
from bcp.contracts.hook import Alert
from bcp.detect.verdict import Decision
from bcp.detect.watch import LiveLooker, confirmed_by, to_data
from bcp.engine.locks import FileLock
from bcp.incident.model import Taken
from bcp.incident.questions import unsettled
from bcp.incident.writer import Writer
from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.playbook.lint import lint
from bcp.server.act import Actor
from bcp.server.ask import Asker
from bcp.server.conduct import Conductor
from bcp.server.hear import Hearer
from bcp.server.heart import heartbeat
from bcp.server.hub import Hub
from bcp.server.keys import signing_key
from bcp.server.slack_socket import listen
from bcp.server.told import Told
from bcp.settings import Configuration
from bcp.wiring import App

LOG = logger(__name__)
FRESH_S = 60.0
"""How long a look of our own that a hook caused is believed without the watch having come to the same."""


class SharedLooker(LiveLooker):
    """Looks for runs: a look of their own, quick and now, beside what the watch says."""

    def __init__(self, daemon: Daemon) -> None:
        r = daemon.app.settings.detect.recheck
        super().__init__(daemon.app.watcher, looks=r.looks, apart_s=r.apart, reuse_s=r.reuse)
        self.daemon = daemon

    async def verdict(self) -> Any:
        """As data. What the watch calls *down* must fail in looks that are made now: it may be over since."""
        watch = self.daemon.decision
        found = await self.daemon.look(fresh=watch is not None and watch.state == "down")
        if watch is not None and watch.state == "down":
            return to_data(confirmed_by(watch, found))
        return to_data(watch if watch is not None and watch.state == found.state else found)


class Daemon:
    """Everything that lives while ``bcp serve`` runs, except the web server."""

    def __init__(self, configuration: Configuration) -> None:
        self.app = App(configuration)
        self.clock = self.app.clock
        self.state = configuration.state
        self.lock = FileLock(self.state / "serve.lock")
        if not self.lock.take():
            raise Refused(
                f"another daemon serves {self.state}",
                rule="one-daemon",
                hint="End it, or give this one its own state folder.",
            )
        self.key = signing_key(self.app)
        self.writer = Writer(self.state / "incidents.db", self.clock)
        self.hub = Hub()
        self.told = Told(self.state / "alerts")
        self.conductor, self.actor = Conductor(self), Actor(self)
        self.asker, self.hearer = Asker(self), Hearer(self)
        self.watching = False
        self.rounds = 0
        self.last_round = 0.0
        self.decision: Decision | None = None
        self._burst: tuple[float, Decision] | None = None
        self._looking: asyncio.Task[Decision] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._wanted = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def settings(self) -> Any:
        """``serve:``."""
        return self.app.settings.serve

    # -- looking -------------------------------------------------------------------------------------------------

    def seen(self) -> Decision:
        """The verdict now: the watch's, or that of a look that a hook caused a moment ago. The watch needs some rounds to
        become suspicious; until then, and while it is, the look is believed."""
        mine = self.decision or self.app.watcher.decision()
        if mine.state == "down" or self._burst is None or self._burst[1].state != "down":
            return mine
        at, found = self._burst
        age, rules = self.clock.monotonic() - at, self.app.rules
        soon = (rules.suspect + 1) * rules.interval_s
        return found if age <= soon or (age <= FRESH_S and mine.state != "healthy") else mine

    async def look(self, *, fresh: bool = False) -> Decision:
        """A few looks now. Whoever asks meanwhile gets the same answer; with ``fresh`` none that was made before."""
        if (
            not fresh
            and self._burst is not None
            and self.clock.monotonic() - self._burst[0] <= self.app.settings.detect.recheck.reuse
        ):
            return self._burst[1]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Decision:
        found = await self.app.looker.burst()
        self._burst = (self.clock.monotonic(), found)
        return found

    def want_look(self) -> None:
        """A hook says that something is wrong: do not wait for the next round."""
        self._wanted.set()

    # -- loops ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until ``stop``. Each loop says what broke it and goes on."""
        self.app.remember()
        await asyncio.to_thread(self._warm)
        await self.writer.do(unsettled)
        await self.writer.do(lambda b: b.note("started", "", "bcp", pid=os.getpid()))
        loops: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("watch", self._watch),
            ("look", self._look_when_wanted),
            ("ask", self.asker.run),
            ("hear", self.hearer.run),
            ("told", self.told.run),
            ("runs", self.conductor.mind),
        ]
        if self.settings.slack is not None and self.settings.slack.app_token is not None:
            loops.append(("slack", lambda: listen(self)))
        if self.settings.heartbeat is not None:
            loops.append(("heartbeat", lambda: heartbeat(self)))
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                tasks = [group.create_task(self._kept(name, work)) for name, work in loops]
                await self.ended.wait()
                await self.conductor.stop()
                for task in tasks:
                    task.cancel()
        finally:
            self._group = None
            await self._close()

    def _warm(self) -> None:
        """Load what the first incident would have to wait for."""
        import aiohttp  # noqa: F401, PLC0415

        from bcp import operate  # noqa: F401, PLC0415
        from bcp.reports import write  # noqa: F401, PLC0415

        registry.actions()
        for name in ("pack", "directory", "channels", "dns", "relays"):
            getattr(self.app, name)
        catalogue = self.app.catalogue()
        for name in self.app.playbook_files():
            with contextlib.suppress(BcpError):
                lint(self.app.playbook(name), catalogue)

    async def _kept(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
                return
            except BcpError as error:
                LOG.error("%s: %s %s", name, error.message, error.hint)
            except Exception:
                LOG.exception("%s: unexpected", name)
            await asyncio.sleep(2.0)

    async def _watch(self) -> None:
        if not self.app.watcher.probes:
            LOG.warning("nothing is configured to look: hooks will be noted, and nothing confirmed")
            return
        try:
            async for found in self.app.watcher.run():
                self.watching, self.decision = True, found
                self.rounds, self.last_round = self.rounds + 1, self.clock.monotonic()
                try:
                    await self.actor.consider(self.seen())
                except BcpError as error:  # a full disk must not stop the looking
                    LOG.error("watch: %s %s", error.message, error.hint)
                self.hub.changed()
        finally:
            self.watching = False

    async def _look_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self.seen().state != "down" and self.app.watcher.probes:
                found = await self.look()
                await self.actor.consider(self.seen() if found.state != "down" else found, looked=True)
            else:
                await self.actor.consider(self.seen(), looked=True)
            self.hub.changed()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Beside the loops; an error in it is logged and ends nothing else."""
        assert self._group is not None, "the daemon is not running"

        async def guarded() -> Any:
            try:
                return await work
            except BcpError as error:
                LOG.error("%s: %s %s", name, error.message, error.hint)
            except Exception:
                LOG.exception("%s: unexpected", name)

        return self._group.create_task(guarded(), name=name)

    # -- hooks ---------------------------------------------------------------------------------------------------

    async def take(self, source: str, alerts: list[Alert], mode: str, playbook: str = "") -> Taken:
        """What a sender said, on disk before this returns. A new alert causes a look."""
        service = self.app.settings.service
        taken = await self.writer.do(lambda b: b.receive(source, service, alerts, mode))
        self.told.hear(source, alerts, self.clock.now())
        if playbook and taken.incident:
            self.actor.wish(taken.incident, playbook)
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
            await self.writer.do(lambda b: b.note("stopped", "", "bcp"))
        await self.writer.close()
        self.app.history.close()
        await self.app.close()
        self.lock.release()
