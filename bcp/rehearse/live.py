"""A live drill: a drill or canary domain is really moved, by the real DNS host, to the real relay, and really back.

The outage is played: the runs of the drill are told what a look would say. The organisation's own watch looks on, and
as soon as it sees anything bad, an incident is opened, or the relay takes no mail any more (``vigil``), the drill is
aborted: a run that has moved mail asks its approvers to move it back, as always. Texts go to volunteers only and are
marked as an exercise; what everybody reads (a status page, a chat room) gets nothing, its stand-in keeps what it would
have said.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from bcp.deeds import failback as going_back
from bcp.deeds import plan as planning
from bcp.deeds import run as running
from bcp.deeds.volunteers import only_volunteers, tell_volunteers
from bcp.drills.play import Play
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, Progress, nobody
from bcp.engine.runner import Runner
from bcp.engine.state import FINAL
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.errors import BcpError, GateClosed, Refused
from bcp.plan.build import Request
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded
from bcp.playbook.model import Playbook
from bcp.rehearse.conduct import Conductor, inputs_for
from bcp.rehearse.played import PlayedLooker
from bcp.rehearse.vigil import carriers, trouble
from bcp.wiring import App, make_app

__all__ = ["Live", "must_wait", "only_volunteers"]
HOLD_S = 600.0
WATCH_S = 10.0
"""How often the real service is looked at, and resolvers are asked."""
UNDO_S = 900.0
"""How long people have to say yes to moving the drill domain back."""
LEFT = "{} was left as it is, look where MX points: bcp status"


@dataclass
class Live:
    """Plays one drill. ``look``: what the real watch says now."""

    conductor: Conductor
    look: Callable[[], Awaitable[Mapping[str, Any]]]
    """``state`` of the real service, by a look of this moment."""
    listener: Listener = nobody
    show: Callable[[Plan], None] = lambda plan: None
    watch_s: float = field(default_factory=lambda: WATCH_S)
    undo_s: float = field(default_factory=lambda: UNDO_S)
    runners: list[Runner] = field(default_factory=list)
    works: list[asyncio.Task[Any]] = field(default_factory=list)
    returning: bool = False
    """The way back has begun: whatever goes wrong from now on, nothing else need move mail back."""

    async def play(self) -> None:
        """There and back. Raises ``GateClosed`` and what plans refuse."""
        found = self.conductor.exercise()
        app, looker = self._app(found.play, found.record.scenario.outage_class or "B")
        looker.break_()
        since = app.clock.now()
        self.conductor.measured("outage", since=since, how="the exercise began; nothing was broken")
        said = {"class": looker.letter}
        self.conductor.measured("detected", found=since, by="declared by the exercise", evidence=[], **said)
        try:
            await self._story(app, looker, found.play)
        finally:
            for work in self.works:
                work.cancel()
            await asyncio.gather(*self.works, return_exceptions=True)
            await app.close()

    def _app(self, play: Play, letter: str) -> tuple[App, PlayedLooker]:
        """The organisation's own, with a played outage, and volunteers for every audience."""
        outer = self.conductor.app
        looker = PlayedLooker(letter, outer.clock.now)
        app = make_app(outer.configuration, outer.clock, seen=looker.decision, looker=lambda: looker)
        tell_volunteers(app, self.conductor.drill, play.volunteers)
        return app, looker

    async def _story(self, app: App, looker: PlayedLooker, play: Play) -> None:
        loaded = app.playbooks.load(play.playbook)
        plan = await self._plan(app, loaded, play, "")
        relays, stays = carriers(app, plan), ""
        must_wait(loaded.book, relays)
        if loaded.book.recovery is not None:  # what is wrong with the way back is said before mail is at the relay
            self._request(app, app.playbooks.load(loaded.book.recovery.playbook), play, "")
        if relays and loaded.book.recovery is None:  # mail never stays at the relay when a drill is over
            stays = f"{play.playbook} names no way back (recovery: in the playbook), so what it did is undone"
            self.conductor.say(f"{stays} after the hold, and nothing of it counts")
        run, held, work = await self._start(app, plan)
        watch = self._work(
            self._watch(app, run, looker, lambda: trouble(self.conductor.app, self.look, relays, play.domains))
        )
        self._work(self._resolvers(app, play.domains[0]))
        await asyncio.wait([self._work(held.wait()), watch], return_when=asyncio.FIRST_COMPLETED)
        if not (work.done() or watch.done()):
            hold = asyncio.create_task(app.clock.sleep(play.hold_s or HOLD_S))
            self.works.append(hold)
            await asyncio.wait([hold, work, watch], return_when=asyncio.FIRST_COMPLETED)
        if self.conductor.outcome == "aborted":
            await self._aborted(run, work)
            return
        if not work.done():
            looker.down = False
            over = app.running.runs.view(run, effects=False).state.status in FINAL
            stays = "" if over else (stays or await self._back(app, loaded, play, run))
            if stays:
                watch.cancel()
                looker.real = self.look
                self._abort(app, run, stays)
                await self._aborted(run, work)
                return
        _, ending = await work
        if ending.code and self.conductor.outcome == "completed":
            raise GateClosed(f"{play.playbook} ended {ending.status}: {ending.reason}", hint=ending.hint)

    async def _aborted(self, run: str, work: asyncio.Task[tuple[str, Ending]]) -> None:
        """Let the run undo what it did, as far as its approvers and the rules let it; what is left is said."""
        self.conductor.say(f"aborted: {self.conductor.reason}. Approvers are asked to move mail back: bcp approve")
        await asyncio.wait([work], timeout=self.undo_s)
        if not work.done():
            for runner in self.runners:
                runner.stop("the drill was aborted")
            await asyncio.wait([work], timeout=30)
            self.conductor.reason += f"; {LEFT.format(run)}"

    def _request(self, app: App, loaded: Loaded, play: Play, parent: str) -> Request:
        return planning.request_for(
            app, loaded, inputs=inputs_for(loaded, play), kind="drill", initiator=self.conductor.actor,
            domains=play.domains, parent=parent,
        )  # fmt: skip

    async def _plan(self, app: App, loaded: Loaded, play: Play, parent: str) -> Plan:
        made = await planning.make_plan(app, self._request(app, loaded, play, parent))
        self.show(made)
        return made

    async def _start(self, app: App, plan: Plan) -> tuple[str, asyncio.Event, asyncio.Task[tuple[str, Ending]]]:
        held, begun, ids = asyncio.Event(), asyncio.Event(), list[str]()

        def listen(progress: Progress) -> None:
            self.listener(progress)
            if progress.kind == "holding":
                held.set()

        def started(run: str) -> None:
            ids.append(run)
            self.conductor.run(run)
            begun.set()

        work = self._work(
            running.start(app, plan, listener=listen, started=started, signals=False, control=self.runners.append)
        )

        def over(_: asyncio.Task[Any]) -> None:
            held.set()
            begun.set()

        work.add_done_callback(over)
        await begun.wait()
        if not ids:
            await work
        return ids[0], held, work

    async def _back(self, app: App, loaded: Loaded, play: Play, run: str) -> str:
        """The way back that the playbook names. Returns why it cannot be gone; empty: it was."""
        if loaded.book.recovery is None:
            app.running.runs.tell(run, "recovered", self.conductor.actor, run="")
            return ""
        try:
            plan = await self._plan(app, app.playbooks.load(loaded.book.recovery.playbook), play, run)
        except BcpError as error:
            return f"the way back cannot be planned ({error.message}), so what was done is undone"
        self.returning = True
        child, _, way = await self._start(app, plan)
        _, ending = await way
        if ending.code:
            raise GateClosed(
                f"the way back ended {ending.status}: {ending.reason}; {LEFT.format(run)}", hint=ending.hint
            )
        await going_back.end_parent(app, run, child, self.conductor.actor)
        return ""

    async def _watch(self, app: App, run: str, looker: PlayedLooker, bad: Callable[[], Awaitable[str]]) -> None:
        """Look until something is bad; then abort. A look that fails of itself is bad: nobody would see the next."""
        why = ""
        while not why:
            await app.clock.sleep(self.watch_s)
            try:
                why = await bad()
            except Exception as error:  # whatever it is, nobody watches the drill any more
                said = error.message if isinstance(error, BcpError) else repr(error)
                why = f"the drill cannot be watched: {said}"
        looker.real = self.look
        self._abort(app, run, why)

    def _abort(self, app: App, run: str, why: str) -> None:
        self.conductor.outcome, self.conductor.reason = "aborted", why
        if not self.returning:
            app.running.runs.tell(run, "abort", self.conductor.actor, reason=why)

    async def _resolvers(self, app: App, domain: str) -> None:
        """Public resolvers that the configuration names: who is told the relay's MX."""
        relays = {h.host.rstrip(".") for s in app.world.relay_settings.values() for h in s.published()}
        last = (-1, -1)
        while True:
            found = await asyncio.gather(*(_mx(r, domain) for r in app.settings.resolvers.values()))
            known = [f for f in found if f is not None]
            new = (sum(bool(f & relays) for f in known), len(known))
            if new != last and known:
                self.conductor.measured("resolvers", asked_at=app.clock.now(), new=new[0], asked=new[1])
                last = new
            await app.clock.sleep(self.watch_s)

    def _work(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self.works.append(task)
        return task


def must_wait(book: Playbook, relays: Collection[str]) -> None:
    """One that points MX at a relay and is done then leaves nobody who brings it back. Raises ``Refused``."""
    if relays and not book.hold:
        what = f"{book.name} points MX at {', '.join(relays)} and does not wait for the way back"
        hint = "Add hold: to the playbook (a message every 30m), and recovery:, then bcp drill new live."
        raise Refused(what, rule="no-hold", hint=hint)


async def _mx(where: str, domain: str) -> set[str] | None:
    """The MX hosts that this resolver tells; ``None`` when it does not answer."""
    host, port = parse_endpoint(where)
    query = dns.message.make_query(dns.name.from_text(domain), dns.rdatatype.MX)
    with contextlib.suppress(dns.exception.DNSException, OSError):
        answer = await dns.asyncquery.udp(query, host, timeout=2.0, port=port)
        return {str(r.exchange).rstrip(".").lower() for s in answer.answer if s.rdtype == dns.rdatatype.MX for r in s}
    return None
