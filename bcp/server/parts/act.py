"""From what is seen to what is done: incidents opened and moved on, playbooks proposed, started, gone back from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bcp.detect.decide import TITLES, Decision
from bcp.incident import questions
from bcp.incident.model import Event, Incident, next_state
from bcp.kernel.clock import clock_text
from bcp.kernel.errors import Invalid
from bcp.playbook.load import Loaded, loads
from bcp.server.core import Core
from bcp.server.parts.books import AUTOMATIC
from bcp.server.parts.ports import Conducts, Tells
from bcp.wiring import App

UNDER_WAY = frozenset({"decided", "active", "recovering", "failback", "draining"})
"""Stages in which a playbook works already."""
BACK_AGAIN_S = 3600.0
"""A question about the way back that nobody answered is asked again after this time."""


class Actor:
    """One at a time decides; runs go on beside it."""

    def __init__(self, core: Core, speaker: Tells, runs: Conducts) -> None:
        self.core, self.clock, self.speaker, self.runs = core, core.clock, speaker, runs
        self._alone = asyncio.Lock()
        self._wishes: dict[str, str] = {}
        self._proposed: set[tuple[str, ...]] | None = None
        self._said: set[tuple[str, str]] = set()
        self._back_asked: dict[str, float] = {}

    @property
    def app(self) -> App:
        """The configuration now."""
        return self.core.app

    def wish(self, incident: str, playbook: str) -> None:
        """A hook names the playbook that it wants."""
        self._wishes.setdefault(incident, playbook)

    def forget(self, incident: str, playbook: str) -> None:
        """What was proposed came to nothing, because it no longer held: while the outage lasts it may be proposed again."""
        if self._proposed is not None:
            self._proposed = {p for p in self._proposed if p[:2] != (incident, playbook)}

    # -- what is seen --------------------------------------------------------------------------------------------

    async def consider(self, found: Decision, *, looked: bool = False) -> None:
        """A verdict: move the incident on, and act. ``looked``: a hook caused it."""
        async with self._alone:
            await self._consider(found, looked=looked)

    async def _consider(self, found: Decision, *, looked: bool) -> None:
        down, do = found.state == "down", self.core.do
        service, settings = self.app.settings.service, self.core.settings
        known = await do(lambda b: b.current(service))
        if known is None and (not down or not found.classes):
            return
        watch = self.core.sight.decision
        mine = watch is not None and watch.state == "down"
        current = known or (await do(lambda b: b.open(service, title_of(found), settings.verdict, "watch")))[0]
        if mine and current.stronger(settings.verdict) != current.mode:
            current, _ = await do(lambda b: b.open(service, title_of(found), settings.verdict, "watch"))
        current = await self._move(current, found)
        if down:
            await self._act(current, found)
        elif found.state == "healthy" and current.state != "closed":
            await self._back(current, found)
            if looked and current.state == "opened":
                await self._once(current, "look_disagrees", "our own look finds the service well; the alert is noted")

    async def _move(self, current: Incident, found: Decision) -> Incident:
        do, identity = self.core.do, current.id
        firing = await do(lambda b: b.firing(identity))
        holding = bool(self.runs.holding())
        state = next_state(
            current.state,
            down=found.state == "down",
            healthy=found.state == "healthy",
            alerts_firing=firing > 0,
            holding=holding,
        )
        fields: dict[str, Any] = {}
        if found.state == "down" and found.classes and found.classes != current.classes:
            fields |= {"classes": found.classes, "title": title_of(found)}
        if state != current.state:
            fields |= {"state": state}
            if not getattr(current, state, 1.0):
                fields |= {state: self.clock.now()}
        if not fields:
            return current
        if state == "resolved" and self._proposed is not None:
            self._proposed = {p for p in self._proposed if p[0] != identity}
        data = {"state": state, "classes": list(found.classes), "evidence": list(found.evidence[:4]), "why": found.why}
        await do(
            lambda b: b.change(identity, "moved", "watch" if self.core.sight.alive else "look", fields=fields, **data)
        )
        self.core.changed()
        return await do(lambda b: b.incident(identity))

    async def _once(self, current: Incident, kind: str, text: str, *, tell: bool = False) -> None:
        """Say something once an incident."""
        if (current.id, kind + text) in self._said:
            return
        self._said.add((current.id, kind + text))
        await self.core.do(lambda b: b.note(kind, current.id, "bcp", text=text))
        self.core.changed()
        if tell:
            self.speaker.tell(current, text)

    # -- what is done --------------------------------------------------------------------------------------------

    async def _act(self, current: Incident, found: Decision) -> None:
        if found.stage in UNDER_WAY:
            return
        name = await self._choose(current, found)
        if not name or await self._was_proposed(current, name, due=found.action == "switch"):
            return
        mode, loaded = current.mode, self.app.playbooks.load(name)
        if mode == "notify":
            await self._propose(current, name, mode, found)
            self.speaker.tell(current, f"proposed: {name}; start it with bcp run {name}")
            return
        if mode == "auto":
            why = self._not_by_itself(loaded, found)
            if why == "wait":
                await self._once(
                    current,
                    "waits",
                    f"{name} starts by itself at {clock_text(found.decide_at or 0)} UTC, or now with: bcp run {name}",
                    tell=True,
                )
                return
            if why:
                await self._once(current, "not_automatic", f"{name} does not start by itself: {why}")
                mode = "ask"
        await self._propose(current, name, mode, found)
        self.runs.propose(current.id, loaded, automatic=mode == "auto")

    async def _choose(self, current: Incident, found: Decision) -> str:
        wish = self._wishes.get(current.id, "")
        if wish:
            try:
                covers = set(self.app.playbooks.load(wish).book.covers)
            except Invalid as error:
                covers = set()
                await self._once(current, "wish_refused", error.message, tell=True)
            if covers & set(found.classes):
                return wish
            await self._once(current, "wish_refused", f"{wish} is not for class {', '.join(found.classes) or '?'}")
        name = self.app.playbooks.recommend(found)
        if not name:
            await self._once(
                current,
                "no_playbook",
                f"no playbook fits class {', '.join(found.classes) or '?'}: {found.why}",
                tell=True,
            )
        return name

    async def _was_proposed(self, current: Incident, name: str, *, due: bool) -> bool:
        """Once in each stretch of an outage; and once more when the decision time is over and nobody had answered before."""
        if self._proposed is None:
            self._proposed = proposals(await self.core.do(lambda b: b.events(limit=5000)))
        if (current.id, name) not in self._proposed:
            return False
        if not due or (current.id, name, "due") in self._proposed:
            return True
        asked = await self.core.do(lambda b: questions.questions_of(b, current.id))
        if not asked or asked[0].state == "open" or "no answer" not in asked[0].result:
            return True
        self._proposed.add((current.id, name, "due"))
        return False

    async def _propose(self, current: Incident, name: str, mode: str, found: Decision) -> None:
        assert self._proposed is not None
        self._proposed |= {(current.id, name), *({(current.id, name, "due")} if found.action == "switch" else ())}
        data = {
            "playbook": name,
            "mode": mode,
            "classes": list(found.classes),
            "action": found.action,
            "why": found.why,
        }
        await self.core.do(lambda b: b.change(current.id, "proposed", "bcp", fields={"playbook": name}, **data))

    def _not_by_itself(self, loaded: Loaded, found: Decision) -> str:
        """Empty, ``wait``, or why this does not start without a person."""
        if not set(found.classes) <= AUTOMATIC:
            return f"class {', '.join(found.classes)} is never automatic"
        if found.flapping:
            return f"the service is flapping ({found.flap:.0f} %)"
        if found.action == "wait":
            return "wait"
        if found.action != "switch":
            return found.why
        return ""

    # -- the way back ----------------------------------------------------------------------------------------

    async def _back(self, current: Incident, found: Decision) -> None:
        """All is well again: ask whether to go back. Always a person's decision."""
        for view in self.runs.holding():
            moves = any(s["uses"] == "dns.mx.switch" for s in view.plan["steps"])
            if moves and found.action != "failback":
                continue
            if self.clock.now() - self._back_asked.get(view.id, 0.0) < BACK_AGAIN_S or self.runs.goes_back(view.id):
                continue
            recovery = loads(view.plan["playbook_text"]).book.recovery
            if recovery is None:
                continue
            self._back_asked[view.id] = self.clock.now()
            loaded, domains = self.app.playbooks.load(recovery.playbook), tuple(view.plan["domains"])
            text = f"{self.app.settings.service} is well again; {recovery.playbook} is proposed for {view.id}"
            await self._note_back(current.id, view.id, text)
            self.runs.propose(current.id, loaded, parent=view.id, domains=domains)

    async def _note_back(self, incident: str, run: str, text: str) -> None:
        await self.core.do(lambda b: b.note("failback_proposed", incident, "bcp", run=run, text=text))


def title_of(found: Decision) -> str:
    """``inbound transport (class B)``."""
    return " and ".join(f"{TITLES.get(c, c)} (class {c})" for c in found.classes[:2]) or "an outage"


def proposals(events: Sequence[Event]) -> set[tuple[str, ...]]:
    """What was proposed in the present stretch of each incident: once all is well again, the next stretch asks anew."""
    out: set[tuple[str, ...]] = set()
    for e in events:
        if e.kind == "proposed":
            key = (e.incident, str(e.data.get("playbook")))
            out |= {key, *({(*key, "due")} if e.data.get("action") == "switch" else ())}
        elif e.kind == "moved" and e.data.get("state") == "resolved":
            out = {p for p in out if p[0] != e.incident}
    return out
