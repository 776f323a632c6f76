"""One game: look, plan, fail over, heal, look, plan the way back, go back, and bring what is left to its end.

What an honest game does before the lie is told is played once for each house and kept: a game whose lie is told on the
way back begins with a failover that came through, one whose lie is told in the run begins with a plan that was made.
What follows once the lie is over is not played again where it can only be the honest game: a look leaves nothing
behind, the plan is the honest plan, every step and every effect ended as in a run whose rest was played. Some games are
played whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from bcp.contracts.journal import Effect
from bcp.deeds import failback as going_back
from bcp.deeds import plan as planning
from bcp.deeds import run as running
from bcp.deeds.settle import outcome_of
from bcp.detect.watch import look_once
from bcp.engine import runner
from bcp.engine.ending import Ending
from bcp.engine.events import Progress
from bcp.engine.runner import Runner
from bcp.engine.state import FINAL
from bcp.kernel.errors import BcpError
from bcp.plan.model import Plan
from bcp.wiring import App
from liars.ears import Ears
from liars.leg import Leg, became, same_plan
from liars.script import Part, Script
from liars.stage import PRIMARY_MX, RELAY_MX, Kept, Stage
from liars.web import Taken

POLL_S = 600.0
"""How often a run looks for what other processes told it: there are none here, and an hour of polling is not free."""
LONGEST_S = 20 * 3600.0
"""Of the game's own time: what is not over by then does not end."""
HOUSE_END = FINAL | {"holding"}
THERE, BACK = ("plan", "run", "moved"), ("back-plan", "back-run", "back-moved")
HONEST = ("", "", "")


@dataclass(slots=True)
class Game:
    """Everything that is to be judged."""

    part: Part | None
    legs: dict[str, Leg] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What must never be: an exception that is none of ours, a traceback in the log, a probe that broke."""
    open: list[str] = field(default_factory=list)
    """Runs that no single command could bring to their end, with the network honest again."""
    at_last: str = ""
    """The MX when all was over."""
    expected: str = PRIMARY_MX
    """Where it must be then: elsewhere where the rest of the game is the honest one's, and was not played again."""
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    """What vendors took of these legs: where, for whom, which text."""


@dataclass(slots=True)
class Rehearsed:
    """What an honest game left on the way: the plan, the failover that holds, the plan of the way back."""

    planned: tuple[Kept, Plan]
    held: tuple[Kept, Leg]
    back: tuple[Kept, Plan]
    known: set[str]
    """Ends of ways from which the rest was played already: by honest games, and by those with a lie."""


async def play(
    stage: Stage, house: str, part: Part | None, lie: Any, rehearsed: Rehearsed | None = None, whole: bool = False
) -> Game:
    """Play it to its end; unless ``whole``, to where the rest is what was rehearsed."""
    game = Game(part)
    app = stage.reset(house)
    ears = Ears(game.faults, errors=True)
    stage.script.begin(part, lie)
    logging.getLogger().addHandler(ears)
    stage.loop.set_exception_handler(lambda loop, context: game.faults.append(f"loop: {context}"))
    try:
        async with asyncio.timeout(LONGEST_S):
            await _Play(app, game, stage, rehearsed, whole).all()
    except TimeoutError:
        game.faults.append("the game does not end")
    except Exception as error:  # exactly this is what is looked for
        game.faults.append(f"escaped: {type(error).__name__}: {error}")
    finally:
        stage.script.window = ""
        logging.getLogger().removeHandler(ears)
        await app.close()
        for probe in app.watching.watcher.mine:
            await probe.close()
    game.at_last = stage.published()
    return game


async def rehearse(stage: Stage, house: str) -> Rehearsed:
    """An honest game, kept at three places."""
    app, game = stage.reset(house), Game(None)
    stage.script.begin(None, None)
    one = _Play(app, game, stage, None, whole=True)
    stage.break_()
    plan = await one.plan("")
    planned = stage.keep(app), plan
    over = await one.leg(HONEST, "", plan)
    stage.heal()
    await app.clock.sleep(60)
    held = stage.keep(app), over
    back = await one.plan(over.run)
    kept = stage.keep(app), back
    returned = await one.leg(HONEST, over.run, back)
    known = {one.place(held[0].taken, "over", over), one.place(stage.web.taken, "back", returned)}
    found = Rehearsed(planned, held, kept, known)
    await app.close()
    return found


class _AsRehearsed(Exception):
    """What is left is the honest game. ``place``: the MX now."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class _Play:
    def __init__(self, app: App, game: Game, stage: Stage, rehearsed: Rehearsed | None, whole: bool) -> None:
        self.app, self.game, self.stage, self.rehearsed = app, game, stage, rehearsed
        self.quick = None if whole else rehearsed
        self.passed: list[str] = []
        self.script: Script = stage.script

    async def all(self) -> None:
        """Both ways, and the end."""
        try:
            await self._ways()
        except _AsRehearsed as known:
            self.game.expected = known.place
            self._hold_against()
            return
        self.script.window = ""
        await self._end()
        if self.rehearsed and not self.game.open:
            self.rehearsed.known.update(filter(None, self.passed))

    async def _ways(self) -> None:
        window, quick = self.script.part.window if self.script.part else "", self.quick
        if quick and window == "watch":
            self.stage.break_()
            await self._look("watch")
            raise _AsRehearsed(PRIMARY_MX)
        self.game.legs["over"] = over = await self._there()
        if not window.startswith("back-"):
            self._ended("over", over)
        self.stage.heal()
        if over.ending is None or over.ending.status != "holding":
            return
        if quick and window == "back-watch":
            await self._look("back-watch")
            raise _AsRehearsed(RELAY_MX)
        self.game.legs["back"] = back = await self._back(over)
        self._ended("back", back)

    def _ended(self, way: str, leg: Leg) -> None:
        """From here on the network is honest: the same end is followed by the same game."""
        here = self.place(self.stage.web.taken, way, leg)
        if self.quick and here in self.quick.known:
            raise _AsRehearsed(leg.after)
        self.passed.append(here)

    @staticmethod
    def place(taken: list[Taken], way: str, leg: Leg) -> str:
        """All that the rest of a game hangs on; empty: it is not said."""
        ended = became(leg)
        return f"{way} {ended} {sorted(Counter((t.point, t.to) for t in taken).items())}" if ended else ""

    async def _there(self) -> Leg:
        window = self.script.part.window if self.script.part else ""
        kept = self.rehearsed
        if kept is not None and window.startswith("back-"):
            self.stage.restore(self.app, kept.held[0])
            return replace(kept.held[1])
        self.stage.break_()
        if kept is not None and window in {"run", "moved"}:
            self.stage.restore(self.app, kept.planned[0])
            return await self.leg(THERE, "", kept.planned[1])
        if window in {"", "watch"}:
            await self._look("watch")
        return await self.leg(THERE, "")

    async def _back(self, over: Leg) -> Leg:
        window = self.script.part.window if self.script.part else ""
        kept = self.rehearsed
        if kept is not None and window in {"back-run", "back-moved"}:
            self.stage.restore(self.app, kept.back[0])
            return await self.leg(BACK, over.run, kept.back[1])
        if not (kept is not None and window.startswith("back-")):
            await self.app.clock.sleep(60)
        if window in {"", "back-watch"}:
            await self._look("back-watch")
        return await self.leg(BACK, over.run)

    async def _look(self, window: str) -> None:
        """One look of every probe."""
        self.script.window = window
        found = await asyncio.gather(*(look_once(p) for p in self.app.watching.watcher.mine))
        self.game.faults += [f"broken probe: {s.probe}: {s.evidence}" for s in found if s.kind == "broken-probe"]

    # -- one way -----------------------------------------------------------------------------------------------------

    async def leg(self, windows: tuple[str, str, str], parent: str, plan: Plan | None = None) -> Leg:
        """Plan and run. What is refused is no fault."""
        leg, runs = Leg(self.stage.published(), plan), self.app.running.runs
        try:
            self.script.window = windows[0]
            leg.plan = plan or await self.plan(parent)
            self._known(leg.plan, windows[0])
            self.script.window = windows[1]
            leg.run, leg.ending = await self._run(leg.plan, windows[2])
        except BcpError as error:
            leg.refused = error
        self.script.window = ""
        if not leg.run and (found := [c.id for c in runs.cards(parent=parent) if c.checksum == _sum(leg.plan)]):
            leg.run = found[0]
        leg.view = runs.view(leg.run) if leg.run else None
        leg.after = self.stage.published()
        return leg

    def _known(self, plan: Plan, window: str) -> None:
        """A plan that was lied to and became the honest one is carried out as that one is."""
        part, quick = self.script.part, self.quick
        if quick and part is not None and part.window == window:
            honest, place = (quick.planned[1], PRIMARY_MX) if window == "plan" else (quick.back[1], RELAY_MX)
            if same_plan(plan, honest):
                raise _AsRehearsed(place)

    async def plan(self, parent: str) -> Plan:
        """The shipped playbook's plan."""
        name = "exchange-failback" if parent else "exchange-inbound-outage"
        inputs = {"ttl": "5", "ask_every": "1s", "quiet": "3s"} if parent else {"ttl": "5"}
        loaded = self.app.playbooks.load(name)
        request = planning.request_for(self.app, loaded, inputs=inputs, initiator="carol", parent=parent)
        return await planning.make_plan(self.app, request)

    async def _run(self, plan: Plan, moved: str) -> tuple[str, Ending]:
        ids: list[str] = []
        with patch.object(runner, "POLL_S", POLL_S):
            return await running.start(
                self.app, plan, listener=self._listener(ids, moved), hold=False, started=ids.append, signals=False,
                control=self._keep,
            )  # fmt: skip

    def _keep(self, found: Runner) -> None:
        self.runner = found

    def _listener(self, ids: list[str], moved: str) -> Callable[[Progress], None]:
        def listen(progress: Progress) -> None:
            if progress.kind == "gate":
                data = {"checksum": progress.data["checksum"], "step": progress.step}
                self.app.running.runs.tell(ids[0], "approve", "alice", **data)
                self.runner.wake()
            if progress.kind == "step_finished" and progress.step == "mx":
                self.script.window = moved

        return listen

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """The network is honest again: every run is one command from its end, and mail can go back."""
        for leg in list(self.game.legs.values()):
            if leg.run and self._status(leg.run) not in HOUSE_END:
                await self._finish(leg.run)
            leg.view = self.app.running.runs.view(leg.run) if leg.run else None
        self._hold_against()
        over = self.game.legs["over"]
        if not over.run or self._status(over.run) != "holding":
            return
        back = self.game.legs.get("back")
        if back is None or not back.run or self._status(back.run) != "done":
            await self.app.clock.sleep(60)
            again = await self.leg(HONEST, over.run)
            if self.stage.published() == RELAY_MX:
                why = again.refused.message if again.refused else again.ending
                self.game.open.append(f"mail cannot go back: {why}")
                return
        with patch.object(runner, "POLL_S", POLL_S):
            await going_back.end_parent(self.app, over.run, back.run if back else "", "alice")
        if self._status(over.run) not in FINAL:
            self.game.open.append(f"the failover is still {self._status(over.run)}")

    def _hold_against(self) -> None:
        """What vendors took is what the ledger is judged by."""
        web, mail = self.stage.web.taken, self.stage.submission.taken
        self.game.taken = [(t.point, t.to, t.text) for t in web] + [("mail", to, b.decode("latin-1")) for to, b in mail]

    def _status(self, run: str) -> str:
        return str(self.app.running.runs.view(run).state.status)

    async def _finish(self, run: str) -> None:
        """Go on; what nobody knows is settled by a person who looked; go on."""
        for _ in range(2):
            with patch.object(runner, "POLL_S", POLL_S):
                ending = await running.resume(
                    self.app, run, listener=self._listener([run], ""), hold=False, signals=False, control=self._keep
                )
            if ending.status in HOUSE_END:
                return
            await self._settle(run)
        self.game.open.append(f"{run} cannot be brought to an end: {ending.status}: {ending.reason}")

    async def _settle(self, run: str) -> None:
        journal = self.app.running.runs.open(run)
        for effect in self.app.running.runs.view(run).record.effects:
            if effect.state != "settled":
                found = outcome_of(effect, "alice", happened=self._happened(effect))
                await journal.settle(effect.key, found, event="doubt_settled", step=effect.step, actor="alice")

    def _happened(self, effect: Effect) -> bool:
        if "channel" in effect.request:
            return True
        if effect.step == "mx":
            return bool((self.stage.published() == RELAY_MX) == ("back" not in self.game.legs))
        return any(t.point == "webhook" for t in self.stage.web.taken)


def _sum(plan: Plan | None) -> str:
    return plan.checksum if plan is not None else ""
