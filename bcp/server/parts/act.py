"""From what is seen to what is done: incidents opened and moved on, playbooks proposed, started, gone back from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from bcp.contracts.store import RunQuery
from bcp.contracts.traits import Trait, has
from bcp.detect.decide import Decision
from bcp.engine.left import kept_domains
from bcp.engine.store import RunView
from bcp.incident.model import Event, Incident
from bcp.kernel.clock import local_text
from bcp.kernel.errors import BcpError, Invalid
from bcp.pages.words.said import because, reason, said
from bcp.playbook.load import Loaded, loads
from bcp.server.core import Core
from bcp.server.parts.books import AUTOMATIC
from bcp.server.parts.ports import Conducts, Records, Tells
from bcp.store.sqlite.book import Book
from bcp.wiring import App

UNDER_WAY = frozenset({"decided", "active", "recovering", "failback", "draining"})
"""Stages in which a playbook works already."""
NO_ANSWER = "no-answer"
"""Rule of a question that nobody answered in time."""
PAGE = 200
BACK_AGAIN_S = 3600.0
"""A question about the way back that nobody answered is asked again after this time."""
SAME_S = 30.0
"""Two moments that are closer than this are the same to whoever was told of one."""
LATER_S = 60.0
"""What somebody must mend first (a credential, a file) is tried again after this time, until it goes."""


class Actor:
    """One at a time decides; runs go on beside it."""

    def __init__(self, core: Core, speaker: Tells, runs: Conducts, recorder: Records) -> None:
        self.core, self.clock, self.speaker, self.runs, self.recorder = core, core.clock, speaker, runs, recorder
        self._alone = asyncio.Lock()
        self._wishes: dict[str, str] = {}
        self._proposed: dict[tuple[str, bool], set[tuple[str, bool]]] = {}
        """By incident, and whether its mode asks people: playbooks that were proposed so in its present stretch, and
        whether the decision time was over. What people were only told of is asked once its mode asks: a sender of
        another mode may come after our own look."""
        self._said: set[tuple[str, str]] = set()
        self._back_asked: dict[str, float] = {}
        self._down_at = 0.0
        """When it was last seen down."""
        self._waits_until: dict[tuple[str, str], float] = {}
        """By incident and playbook: the moment that people were told of."""
        self._later: dict[tuple[str, str, str], tuple[float, float]] = {}
        """By incident, playbook and the run that it goes back from: since when it is put off, and until when."""

    @property
    def app(self) -> App:
        """The configuration now."""
        return self.core.app

    def wish(self, incident: str, playbook: str) -> None:
        """A hook names the playbook that it wants."""
        self._wishes.setdefault(incident, playbook)

    def forget(self, incident: str, playbook: str, parent: str = "") -> None:
        """What was proposed came to nothing, because it no longer held: while the outage lasts it may be proposed
        again. ``parent``: a way back from this run came to nothing; it is asked about at the next look."""
        self._back_asked.pop(parent, None)
        for asks in (False, True):
            self._proposed.get((incident, asks), set()).difference_update({(playbook, False), (playbook, True)})

    def put_off(self, incident: str, playbook: str, parent: str = "", after: float = LATER_S) -> None:
        """What was proposed cannot begin until somebody mends something, or failed: it is tried again after a while."""
        now = self.clock.now()
        self._later[incident, playbook, parent] = (now, now + after)

    def _comes_again(self, incident: str, playbook: str, parent: str = "") -> bool:
        """Was it put off, and is it its time now?"""
        since, until = self._later.get((incident, playbook, parent), (0.0, float("inf")))
        return not since <= self.clock.now() < until  # before it was put off: the clock was set back

    def _turned(self, *, back: bool) -> None:
        """What was in the way of the other direction is in nobody's way now."""
        self._later = {k: at for k, at in self._later.items() if bool(k[2]) is back}
        turned = getattr(self.runs, "turned", None)  # fakes may know nothing of it
        if turned is not None:
            turned(back=back)

    async def _load(self, incident: str, playbook: str, parent: str = "") -> Loaded | None:
        """The playbook; ``None``: it cannot be read, which is said, and tried again."""
        try:
            return self.app.playbooks.load(playbook)
        except BcpError as error:
            await self._cannot(incident, playbook, parent, error)
            return None

    async def _cannot(self, incident: str, playbook: str, parent: str, error: BcpError) -> None:
        self.put_off(incident, playbook, parent)
        cannot = getattr(self.runs, "cannot", None)  # fakes may know nothing of it
        if cannot is not None:
            await cannot(incident, playbook, parent, error)

    # -- what is seen --------------------------------------------------------------------------------------------

    async def consider(self, found: Decision, *, looked: bool = False) -> None:
        """A verdict: move the incident on, and act. ``looked``: a hook caused it."""
        async with self._alone:
            await self._consider(found, looked=looked)

    async def _consider(self, found: Decision, *, looked: bool) -> None:
        current = await self.recorder.take(found)
        if current is None:
            return
        if current.state in {"resolved", "closed"}:  # the next stretch of this outage is asked about anew
            self._proposed.pop((current.id, False), None)
            self._proposed.pop((current.id, True), None)
        if current.state == "closed":
            return
        if found.state == "down":
            self._down_at = self.clock.now()
            self._turned(back=False)
            await self._act(current, found)
        elif found.state == "healthy":
            self._turned(back=True)
            await self._back(current, found)
            if looked and current.state == "opened":
                await self._once(current, "look_disagrees", "our own look finds the service well; the alert is noted")

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
        if found.stage in UNDER_WAY or found.action == "watch" or self._stands():
            return  # a playbook works; or: in maintenance, denied by on call, not looked at just now
        name = await self._choose(current, found)
        if not name:
            return
        again = self._comes_again(current.id, name)
        if not again and await self._was_proposed(current, name, due=found.action == "switch"):
            return
        mode, loaded = current.mode, await self._load(current.id, name)
        if loaded is None:
            return
        if mode == "notify":
            await self._propose(current, name, mode, found)
            self.speaker.tell(current, said("ask.notice.proposed", name=name))
            return
        if mode == "auto":
            why = self._not_by_itself(loaded, found)
            if why == "wait":
                await self._waits(current, name, found.decide_at or 0.0)
                return
            if why:
                await self._once(current, "not_automatic", f"{name} does not start by itself: {why}")
                mode = "ask"
        if not self._later.pop((current.id, name, ""), None):
            await self._propose(current, name, mode, found)
        self.runs.propose(current.id, loaded, automatic=mode == "auto")

    def _stands(self) -> bool:
        """Does a run of ours work, or is MX where one put it? A look of the moment knows nothing of that."""
        course = getattr(self.recorder, "course", None)  # fakes may know nothing of it
        return course is not None and course.standing != "none"

    async def _waits(self, current: Incident, name: str, at: float) -> None:
        """Say until when it waits; the same moment by a clock that is being set right is no news."""
        if abs(at - self._waits_until.get((current.id, name), -SAME_S)) < SAME_S:
            return
        self._waits_until[current.id, name] = at
        when = local_text(at, self.app.settings.organisation.timezone, seconds=True)
        await self._once(current, "waits", said("ask.notice.waits", name=name, at=when), tell=True)

    async def _choose(self, current: Incident, found: Decision) -> str:
        wish = self._wishes.get(current.id, "")
        if wish:
            try:
                covers = set(self.app.playbooks.load(wish).book.covers)
            except Invalid as error:
                covers = set()
                refused = said("ask.notice.wish", name=wish, why=because(error))
                await self._once(current, "wish_refused", refused, tell=True)
            if covers & set(found.classes):
                return wish
            await self._once(current, "wish_refused", f"{wish} is not for class {', '.join(found.classes) or '?'}")
        name = self.app.playbooks.recommend(found)
        if not name:
            await self._once(
                current,
                "no_playbook",
                said("ask.notice.no-playbook", letters=", ".join(found.classes) or "?", why=reason(found.why)),
                tell=True,
            )
        return name

    async def _was_proposed(self, current: Incident, name: str, *, due: bool) -> bool:
        """Once in each stretch of an outage; and once more when the decision time is over and nobody had answered
        before."""
        key = (current.id, asks := current.mode != "notify")
        if key not in self._proposed:
            self._proposed[key] = await self.core.do(lambda b: proposals(newest_first(b, current.id), asked=asks))
        made = self._proposed[key]
        if not made & {(name, False), (name, True)}:
            return False
        if not due or (name, True) in made:
            return True
        if not await self.core.do(lambda b: nobody_answered(newest_first(b, current.id))):
            return True
        made.add((name, True))
        return False

    async def _propose(self, current: Incident, name: str, mode: str, found: Decision) -> None:
        for asks in {False, mode != "notify"}:
            self._proposed.setdefault((current.id, asks), set()).add((name, found.action == "switch"))
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
        for view in await self.runs.holding():
            moves = any(has(s, Trait.MOVES_MX) for s in view.plan["steps"])
            if moves and found.action != "failback":
                continue
            if self.runs.goes_back(view.id):
                continue
            await self._propose_back(current, view)

    async def _propose_back(self, current: Incident, view: RunView) -> None:
        try:
            recovery = loads(view.plan["playbook_text"]).book.recovery
        except BcpError as error:  # written for another version: it holds up no other run
            return await self._cannot(current.id, str(view.plan.get("playbook")), view.id, error)
        if recovery is None:
            return None
        name, asked = recovery.playbook, self.clock.now() - self._back_asked.get(view.id, 0.0)
        if 0.0 <= asked < BACK_AGAIN_S and not (
            self._comes_again(current.id, name, view.id) or self._relapsed_on_the_way(view.id)
        ):
            return None  # less than 0: the clock was set back
        again = self._later.pop((current.id, name, view.id), None)
        self._back_asked[view.id] = self.clock.now()
        loaded = await self._load(current.id, name, view.id)
        if loaded is None:
            return None
        if not again:
            text = f"{self.app.settings.service} is well again; {name} is proposed for {view.id}"
            await self._note_back(current.id, view.id, text)
        self.runs.propose(current.id, loaded, parent=view.id, domains=kept_domains(view))
        return None

    def _relapsed_on_the_way(self, run: str) -> bool:
        """Did a way back from this run begin, and the service fail again meanwhile? That it works now is news."""
        asked = self._back_asked.get(run, 0.0)
        began = (c.started for c in self.app.running.cards(RunQuery(parent=run)) if c.over)
        return self._down_at > asked and any(at >= asked for at in began)

    async def _note_back(self, incident: str, run: str, text: str) -> None:
        await self.core.do(lambda b: b.note("failback_proposed", incident, "bcp", run=run, text=text))


def newest_first(book: Book, incident: str) -> Iterator[Event]:
    """Everything that happened in an incident, the newest first, read a page at a time."""
    before = 0
    while page := book.events(incident, limit=PAGE, before=before):
        yield from reversed(page)
        before = page[0].seq


def proposals(events: Iterable[Event], *, asked: bool = False) -> set[tuple[str, bool]]:
    """What was proposed in the present stretch of an incident; its events come the newest first. ``asked``: without
    what people were only told of."""
    out: set[tuple[str, bool]] = set()
    given_up: set[str] = set()
    for e in events:
        if e.kind == "given_up" or e.data.get("later"):
            given_up.add(str(e.data.get("playbook")))
        if e.kind == "reopened" or (e.kind == "moved" and e.data.get("state") == "resolved"):
            break  # what was proposed before was for a stretch that is over
        if asked and e.data.get("mode") == "notify":
            continue
        if e.kind == "proposed" and str(e.data.get("playbook")) not in given_up:
            out.add((str(e.data.get("playbook")), e.data.get("action") == "switch"))
    return out


def nobody_answered(events: Iterable[Event]) -> bool:
    """Did the newest question of an incident end because nobody answered? False while it is open, and without one."""
    for e in events:
        if e.kind == "question_closed":
            return bool(e.data.get("rule") == NO_ANSWER)
        if e.kind == "question":
            return False
    return False
