"""Asks people: every gate of every run here, and every plan that waits for a yes. The next group when nobody
answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bcp.contracts.channel import Channel
from bcp.contracts.contact import Contact, wants
from bcp.contracts.store import RunQuery
from bcp.detect.decide import TITLES
from bcp.engine.gate import Gate, judge
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.codes import new_code, new_link
from bcp.incident.model import Plan, Question, Turn, turns
from bcp.kernel.clock import local_text
from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.plan.model import read_plan
from bcp.playbook.load import loads
from bcp.server.core import Core
from bcp.server.parts.books import turns_of
from bcp.server.parts.matter import Matter, choices_of, matter_of
from bcp.server.parts.ports import Speaks, Starts
from bcp.server.parts.spoken import asked_in, believed, catalogue, ended, language_of

LOG = logger(__name__)
POLL_S = 0.3
PERSONAL = ("sms", "voice")
"""Forms that reach one person, who alone gets the codes in them."""
EVERYBODY = "*"
APPROVED, NO_ANSWER = "approved", "no-answer"


@dataclass(frozen=True, slots=True)
class Closed:
    """How a question ended: the code of the rule (``approved``, ``rejected``, ``no-answer``, ...), and words for
    people."""

    rule: str
    text: str


STARTING = Closed("", "")
"""Not closed yet: it is approved, and its run is about to begin."""


class Asker:
    """Notices questions, asks them turn by turn, and says how they ended."""

    def __init__(self, core: Core, speaker: Speaks, runs: Starts) -> None:
        self.core, self.clock, self.speaker, self.runs = core, core.clock, speaker, runs
        self._codes: set[str] = set()
        self._starting: dict[str, asyncio.Task[Any]] = {}
        """Approved plans whose run has not begun yet, by question."""
        self._taking: dict[tuple[str, int, int], asyncio.Task[Any]] = {}
        """Turns that are taken now: a vendor that does not answer keeps no other question waiting, and no yes."""
        self._over: dict[tuple[str, int, int], tuple[Any, ...]] = {}
        """Turns in which there is nothing left to do, and on what that rests: it is not read anew round by round."""
        self.unreached: set[str] = set()
        """Open questions of which nobody is known to have heard by any way."""
        self._hurried: set[str] = set()
        """Open questions of which no person who was asked so far can know: the next ones are asked at once."""
        self._seen: dict[str, int] = {}
        """Of each run the event up to which its gates are known."""
        self._gates: dict[tuple[str, str, float], Question] = {}

    @property
    def _plan(self) -> Plan:
        s = self.core.settings.ask
        return Plan(s.after, s.cycles)

    async def run(self) -> None:
        """The loop. What is being asked when the daemon ends is in doubt, as after a kill."""
        try:
            while True:
                await self._round()
        except asyncio.CancelledError:
            for task in self._taking.values():
                task.cancel()
            raise

    async def _round(self) -> None:
        await self._notice_gates()
        for question in await self.core.do(questions.open_questions):
            await self._tend(question)
        try:
            await asyncio.wait_for(self.core.asking.wait(), POLL_S)
        except TimeoutError:
            return
        finally:
            self.core.asking.clear()

    # -- which questions there are -------------------------------------------------------------------------------

    async def _notice_gates(self) -> None:
        """Open gates of live runs, whoever started them."""
        running = self.core.app.running
        for card in running.cards(RunQuery(unfinished=True)):
            if not card.gate or self._seen.get(card.id) == card.seq:
                continue
            try:
                view = await running.runs.glance(card.id)
            except BcpError:
                continue
            if view.plan.get("kind") == "drill" and not self._is_ours(view):
                continue
            gates = [(s.id, s.gate) for s in view.state.steps.values() if s.gate and view.live]
            if all([await self._gate(view, step, gate) for step, gate in gates]) and gates:
                self._seen[card.id] = card.seq

    def _is_ours(self, view: RunView) -> bool:
        return view.plan.get("configuration") == self.core.app.configuration.fingerprint()

    async def _gate(self, view: RunView, step: str, gate: Mapping[str, Any]) -> bool:
        """Write the question down; False when that has to wait a moment."""
        key = (view.id, step, float(gate["opened"]))
        if key in self._gates:
            return True
        groups = turns_of(self.core.app, view, step, frozenset(gate["approvers"]))
        incident = await self.core.do(lambda b: b.incident_of(view.id))
        if not incident and view.plan.get("initiator") == "bcp-serve":
            return False  # its incident is being written down this moment
        made, _ = await self.core.do(
            lambda b: questions.ask(
                b, incident=incident, run=view.id, step=step,
                checksum=str(gate.get("checksum") or view.plan["checksum"]), opened=float(gate["opened"]),
                deadline=float(gate["deadline"]), count=int(gate["count"]), groups=groups,
            )
        )  # fmt: skip
        self._gates[key] = made
        self.core.changed()
        return True

    # -- one question --------------------------------------------------------------------------------------------

    async def _tend(self, question: Question) -> None:
        closed = await self._gate_closed(question) if question.run else await self._plan_closed(question)
        if closed is STARTING:
            return
        if closed is not None:
            await self.core.do(lambda b: questions.close(b, question, closed.text, rule=closed.rule))
            self.unreached.discard(question.id)
            self._hurried.discard(question.id)
            self._over = {key: rest for key, rest in self._over.items() if key[0] != question.id}
            self.core.changed()
            if closed.rule != APPROVED:
                self.core.spawn(self._say_closed(question, closed), "question closed")
            return
        for turn in turns(question.groups, question.opened, question.deadline, self._plan, question.count):
            early = turn.cycle == 0 and question.id in self.unreached | self._hurried
            key = (question.id, turn.cycle, turn.group)
            if (turn.at <= self.clock.now() or early) and key not in self._taking and not self._is_over(key):
                self._taking[key] = self.core.spawn(self._in_turn(key, question, turn), f"ask about {question.id}")

    async def _in_turn(self, key: tuple[str, int, int], question: Question, turn: Turn) -> None:
        rest = self._rest()
        try:
            await self._take(question, turn)
            self._over[key] = rest
        finally:
            self._taking.pop(key, None)

    def _rest(self) -> tuple[Any, ...]:
        """Of what follows who is asked by what: with another configuration or other contacts a turn goes on."""
        return self.core.app, self.core.app.people.directory

    def _is_over(self, key: tuple[str, int, int]) -> bool:
        before = self._over.get(key)
        if before is None:
            return False
        try:
            return all(a is b for a, b in zip(before, self._rest(), strict=True))
        except BcpError:  # the contacts cannot be read now: that keeps no other question from being asked
            return True

    async def asked(self) -> None:
        """Wait until every turn that is taken now is over."""
        while self._taking:
            await asyncio.wait(list(self._taking.values()))

    async def _gate_closed(self, question: Question) -> Closed | None:
        """How a gate ended; ``None`` while it is open."""
        try:
            view = await self.core.app.running.runs.glance(question.run)
        except BcpError as error:
            return Closed("unreadable", f"the run cannot be read: {error.message}")
        step = view.state.steps.get(question.step)
        if step is not None and step.gate and float(step.gate["opened"]) == question.opened:
            if not view.live and self.clock.now() > question.deadline:
                return Closed(NO_ANSWER, "nobody works on the run any more")
            return None
        ended = [e for e in view.record.events if e.kind == "gate_closed" and e.step == question.step]
        said = next((e for e in ended if e.at >= question.opened), None)
        if said is not None and said.data.get("result") == "approved":
            who = ", ".join(str(a["by"]) for a in view.state.approvals if a["step"] == question.step)
            return Closed(APPROVED, f"approved by {who}")
        if said is not None:
            return Closed(str(said.data.get("rule") or "gate-closed"), f"not approved: {said.data.get('result')}")
        return Closed("run-over", f"not approved: {step.error if step is not None and step.error else view.status()}")

    async def _plan_closed(self, question: Question) -> Closed | None:
        """The same for a plan: the same rules decide, and an approved one is started."""
        answers = await self.core.do(lambda b: questions.answers_of(b, question))
        gate = Gate(
            question.step,
            question.checksum,
            question.opened,
            question.deadline,
            question.people,
            question.count,
            "bcp-serve",
            True,
        )
        standing = judge(gate, answers, self.clock.now())
        if standing.open:
            return self._started(question, f"approved by {', '.join(standing.approved_by)}")
        return Closed(standing.rule, f"not approved: {standing.closed}") if standing.closed else None

    def _started(self, question: Question, approved: str) -> Closed:
        """Start the plan that was approved. The question stays open until its run has begun, so that a yes outlives
        us."""
        if self.core.app.running.cards(RunQuery(checksum=question.checksum)):
            return Closed(APPROVED, approved)
        task = self._starting.get(question.id)
        if task is not None:
            return Closed("refused", f"{approved}, and it could not be started") if task.done() else STARTING
        try:
            plan = read_plan(self.core.state / "plans" / f"{question.step.removeprefix('plan:')}.json")
        except BcpError as error:  # said of this question; the others are asked all the same
            return Closed(error.rule or "plan-unreadable", f"not approved: its plan cannot be read: {error.message}")
        if plan.checksum != question.checksum:
            return Closed("plan-changed", "not approved: the plan file is not the one that was asked about")
        loaded = loads(plan.playbook_text, plan.playbook_file)
        work = self.runs.go(question.incident, loaded, plan=plan, parent=plan.parent)
        self._starting[question.id] = self.core.spawn(work, f"run {plan.playbook}")
        return STARTING

    async def matter(self, question: Question) -> Matter:
        """What it is about. Raises ``BcpError`` when the run or plan is gone."""
        return await matter_of(self.core, question)

    # -- asking --------------------------------------------------------------------------------------------------

    async def _take(self, question: Question, turn: Turn) -> None:
        """One turn: by every channel at once, each person and each place by each once."""
        given = {a.by for a in await self.core.do(lambda b: questions.answers_of(b, question))}
        before = await self.core.do(lambda b: questions.asked_of(b, question.id))
        group = [p for p in question.groups[turn.group] if p not in given]
        people = [c for c in map(self.core.app.people.directory.person, group) if c is not None]
        stamp = turn.cycle * len(question.groups) + turn.group
        known = {(a.person, a.channel) for a in before if a.cycle == stamp}
        wanted = [
            (person, channel)
            for channel in self.speaker.channels()
            for person in ([None] if channel.broadcast else people)
            if (person.id if person is not None else EVERYBODY, channel.name) not in known
        ]
        await asyncio.gather(*(self._one(question, person, channel, stamp) for person, channel in wanted))
        if wanted or not (question.id in self.unreached or any(a.state == "sent" for a in before)):
            await self._reached(question)

    async def _reached(self, question: Question) -> None:
        """Whether anybody is known to have heard of it. That nobody has is said once, and the next ones are asked."""
        rows = await self.core.do(lambda b: questions.asked_of(b, question.id))
        people = [a.state for a in rows if a.person != EVERYBODY]
        if people and set(people) == {"failed"}:
            self._hurried.add(question.id)
            self.core.asking.set()
        elif people:
            self._hurried.discard(question.id)
        if any(a.state == "sent" for a in rows):
            self.unreached.discard(question.id)
        elif question.id not in self.unreached and not any(a.state == "claimed" for a in rows):
            self.unreached.add(question.id)
            ways = {a.channel: f"{a.channel}: {a.receipt or a.state}" for a in rows}
            text = "; ".join(ways.values())[:300] or "there is no channel, or nobody who can be asked"
            LOG.error("%s: nobody is known to have been asked: %s", question.id, text)
            note = {"question": question.id, "run": question.run, "text": text}
            await self.core.do(lambda b: b.note("nobody_reached", question.incident, "bcp", **note))
            self.core.changed()
            self.core.asking.set()

    async def _one(self, question: Question, person: Contact | None, channel: Channel[Any], stamp: int) -> None:
        """Ask one person (or one place) by one channel, once."""
        who = person.id if person is not None else EVERYBODY
        address = channel.address_of(person) if person is not None else channel.place()
        if not address or (person is not None and not wants(person, channel.name, channel.form)):
            return
        personal = person is not None and channel.form in PERSONAL
        yes = no = link = ""
        if personal:
            yes, no = new_code(self._codes), ""
            no = new_code(self._codes | {yes})
            if self.core.settings.public_url:
                link = new_link(self.core.key, question.id, who, question.checksum)
        key = self.core.key
        if not await self.core.do(
            lambda b: questions.claim(b, question, who, channel.name, stamp, yes=yes, no=no, link=link, key=key)
        ):
            return
        self._codes |= {yes, no} - {""}
        base = self.core.settings.public_url
        url = f"{base}/a/{link}" if link else ""
        reply = self.core.app.world.reply_url(channel.kind, link) if link and channel.form == "voice" else ""
        language = language_of(self.core, "question", channel.form, getattr(person, "language", ""))
        try:
            matter = await self.matter(question)
            found = await believed(self.core, question)
            values = self._values(question, matter, found, yes=yes, no=no, link=url, keys=bool(reply))
            values["ask"] |= await asked_in(self.core, question, matter, language)
            values["ask"]["buttons"] = getattr(channel, "buttons", True)
            choices = () if personal else choices_of(question, matter, language)
            state, receipt = await self.speaker.send(
                channel, address, "question", language, values, f"{question.id}/{who}/{stamp}", choices,
                drill=matter.kind == "drill", reply_url=reply,
            )  # fmt: skip
        except BcpError as error:
            state, receipt = "failed", error.message
        await self.core.do(lambda b: questions.settle(b, question, who, channel.name, stamp, state, receipt))
        self.core.changed()

    def _values(
        self,
        question: Question,
        matter: Matter,
        found: Any = None,
        *,
        yes: str = "",
        no: str = "",
        link: str = "",
        result: str = "",
        keys: bool = False,
    ) -> dict[str, Any]:
        found = found or self.core.seen()
        what = " and ".join(f"{TITLES[c]} (class {c})" for c in found.classes[:2])
        return {
            **self.speaker.org(),
            "outage_class": found.outage_class,
            "ask": {
                "what": what or f"{self.core.app.settings.service} is {found.state}",
                "seen": "; ".join(found.evidence[:2])[:300] or found.why,
                "playbook": matter.playbook,
                "plan": matter.checksum[:12],
                "forecast": matter.before + matter.forecast,
                "run": question.run,
                "incident": question.incident or question.run,
                "until": local_text(question.deadline, self.core.app.settings.organisation.timezone),
                "count": question.count,
                "yes": yes,
                "no": no,
                "link": link,
                "keys": keys,
                "back": matter.back and found.state == "healthy",
                "asks": matter.asks,
                "short": matter.forecast.partition(":")[0],
                "although": matter.forecast.partition(", although ")[2],
                "result": result,
            },
        }

    async def _say_closed(self, question: Question, closed: Closed) -> None:
        """Everybody who was asked hears that nothing happened."""
        if late := [task for key, task in self._taking.items() if key[0] == question.id]:
            await asyncio.wait(late)  # the question comes first
        asked = await self.core.do(lambda b: questions.asked_of(b, question.id))
        text = closed.text.removeprefix("not approved: ")
        try:
            matter = await self.matter(question)
        except BcpError:  # what it was about cannot be read any more; that it is over can be said all the same
            matter = Matter(question.step.removeprefix("plan:"), question.checksum, "", "", False)
        values = self._values(question, matter, await believed(self.core, question), result=text)
        answers = await self.core.do(lambda b: questions.answers_of(b, question))
        told: set[tuple[str, str]] = set()
        for one in asked:
            if (
                (one.person, one.channel) in told
                or one.state == "failed"
                or one.channel not in self.core.app.world.channels
            ):
                continue
            told.add((one.person, one.channel))
            channel = self.core.app.world.channels[one.channel]
            person = self.core.app.people.directory.person(one.person)
            address = channel.address_of(person) if person is not None else channel.place()
            language = language_of(self.core, "question-closed", channel.form, getattr(person, "language", ""))
            w = catalogue(language)
            said = {**values, "ask": {**values["ask"], "result": ended(closed.rule, answers, w) if w else text}}
            state, detail = await self.speaker.send(
                channel, address, "question-closed", language, said, f"{question.id}/closed/{one.person}"
            )
            if state != "sent":
                LOG.warning("%s could not be told that a question is closed: %s", one.person, detail)
