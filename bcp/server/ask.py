"""Asks people: every gate of every run here, and every plan that waits for a yes. The next group when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bcp.contracts.channel import Channel, Choice
from bcp.contracts.contact import Contact
from bcp.detect.decide import TITLES
from bcp.engine.gate import Gate, judge
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.codes import new_code, new_link
from bcp.incident.model import Plan, Question, Turn, turns
from bcp.kernel.clock import clock_text
from bcp.kernel.errors import BcpError
from bcp.kernel.log import logger
from bcp.plan.model import read_plan
from bcp.playbook.load import loads
from bcp.server.books import groups_of
from bcp.server.say import Speaker

if TYPE_CHECKING:
    from bcp.server.daemon import Daemon

LOG = logger(__name__)
POLL_S = 0.3
PERSONAL = ("sms", "voice")
"""Forms that reach one person, who alone gets the codes in them."""
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Matter:
    """What a question is about, in words."""

    playbook: str
    checksum: str
    forecast: str
    kind: str
    back: bool
    """The way back: the service works again."""


class Asker:
    """Notices questions, asks them turn by turn, and says how they ended."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon, self.clock, self.speaker = daemon, daemon.clock, Speaker(daemon)
        self.woken = asyncio.Event()
        self._codes: set[str] = set()
        self._seen: dict[str, float] = {}
        self._gates: dict[tuple[str, str], Question] = {}

    @property
    def _plan(self) -> Plan:
        s = self.daemon.settings.ask
        return Plan(s.after, s.cycles)

    async def run(self) -> None:
        """The loop."""
        while True:
            await self._notice_gates()
            for question in await self.daemon.writer.do(questions.open_questions):
                await self._tend(question)
            try:
                await asyncio.wait_for(self.woken.wait(), POLL_S)
            except TimeoutError:
                continue
            finally:
                self.woken.clear()

    # -- which questions there are -------------------------------------------------------------------------------

    async def _notice_gates(self) -> None:
        """Open gates of live runs, whoever started them."""
        waiting = [c for c in await asyncio.to_thread(self.daemon.app.runs.cards, unfinished=True) if c.gate]
        for card in waiting:
            try:
                if self._seen.get(card.id) == card.seq:
                    continue
                view = await asyncio.to_thread(self.daemon.app.runs.view, card.id, effects=False)
            except BcpError:
                continue
            self._seen[card.id] = card.seq
            if view.plan.get("kind") == "drill" and not self._is_ours(view):
                continue
            for step in view.state.steps.values():
                if step.gate and view.live:
                    await self._gate(view, step.id, step.gate)

    def _is_ours(self, view: RunView) -> bool:
        return view.plan.get("configuration") == self.daemon.app.configuration.fingerprint()

    async def _gate(self, view: RunView, step: str, gate: Mapping[str, Any]) -> None:
        if (view.id, step) in self._gates:
            return
        groups = self._groups(view, step, frozenset(gate["approvers"]))
        incident = await self.daemon.writer.do(lambda b: b.incident_of(view.id))
        if not incident and view.plan.get("initiator") == "bcp-serve":
            self._seen.pop(view.id, None)  # its incident is being written down this moment
            return
        made, _ = await self.daemon.writer.do(
            lambda b: questions.ask(
                b, incident=incident, run=view.id, step=step, checksum=str(view.plan["checksum"]), opened=float(gate["opened"]),
                deadline=float(gate["deadline"]), count=int(gate["count"]), groups=groups,
            )
        )  # fmt: skip
        self._gates[(view.id, step)] = made
        self.daemon.hub.changed()

    def _groups(self, view: RunView, step: str, approvers: frozenset[str]) -> list[list[str]]:
        """Approvers in the order in which the playbook names their groups; each person once."""
        references = groups_of(loads(view.plan["playbook_text"]), step.partition("@")[0])
        left, out = set(approvers), []
        for reference in references:
            mine = sorted(self.daemon.app.approvers([reference]) & left)
            left -= set(mine)
            out.append(mine)
        return [*out, *([sorted(left)] if left else [])]

    # -- one question --------------------------------------------------------------------------------------------

    async def _tend(self, question: Question) -> None:
        if question.run:
            result = self._gate_result(question)
        else:
            result = await self._plan_result(question)
        if result:
            await self.daemon.writer.do(lambda b: questions.close(b, question, result))
            self.daemon.hub.changed()
            if not result.startswith("approved"):
                self.daemon.spawn(self._say_closed(question, result), "question closed")
            return
        for turn in turns(question.groups, question.opened, question.deadline, self._plan, question.count):
            if turn.at <= self.clock.now():
                await self._take(question, turn)

    def _gate_result(self, question: Question) -> str:
        """How a gate ended; empty while it is open."""
        try:
            view = self.daemon.app.runs.view(question.run, effects=False)
        except BcpError as error:
            return f"the run cannot be read: {error.message}"
        step = view.state.steps.get(question.step)
        if step is not None and step.gate:
            return "nobody works on the run any more" if not view.live and self.clock.now() > question.deadline else ""
        if step is not None and step.status in {"ok", "unchanged"}:
            return f"approved by {', '.join(str(a['by']) for a in view.state.approvals if a['step'] == question.step)}"
        return f"not approved: {step.error if step is not None and step.error else view.status()}"

    async def _plan_result(self, question: Question) -> str:
        """The same for a plan: the same rules decide, and an approved one is started."""
        answers = await self.daemon.writer.do(lambda b: questions.answers_of(b, question))
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
            path = self.daemon.state / "plans" / f"{question.step.removeprefix('plan:')}.json"
            plan = read_plan(path)
            if plan.checksum != question.checksum:
                return "not approved: the plan file is not the one that was asked about"
            loaded = loads(plan.playbook_text, plan.playbook_file)
            self.daemon.spawn(
                self.daemon.conductor.go(question.incident, loaded, plan=plan, parent=plan.parent),
                f"run {plan.playbook}",
            )
            return f"approved by {', '.join(standing.approved_by)}"
        return f"not approved: {standing.closed}" if standing.closed else ""

    def matter(self, question: Question) -> Matter:
        """What it is about. Raises ``BcpError`` when the run or plan is gone."""
        if question.run:
            plan: Mapping[str, Any] = self.daemon.app.runs.view(question.run, effects=False).plan
        else:
            plan = read_plan(self.daemon.state / "plans" / f"{question.step.removeprefix('plan:')}.json").to_data()
        return Matter(
            str(plan["playbook"]), str(plan["checksum"]), forecast_of(plan), str(plan["kind"]), bool(plan.get("parent"))
        )

    # -- asking --------------------------------------------------------------------------------------------------

    async def _take(self, question: Question, turn: Turn) -> None:
        given = {a.by for a in await self.daemon.writer.do(lambda b: questions.answers_of(b, question))}
        group = [p for p in question.groups[turn.group] if p not in given]
        people = [c for c in map(self.daemon.app.directory.person, group) if c is not None]
        stamp = turn.cycle * len(question.groups) + turn.group
        for channel in self.speaker.channels():
            if channel.broadcast:
                await self._one(question, None, channel, stamp)
                continue
            await asyncio.gather(*(self._one(question, person, channel, stamp) for person in people))

    async def _one(self, question: Question, person: Contact | None, channel: Channel[Any], stamp: int) -> None:
        """Ask one person (or one place) by one channel, once."""
        who = person.id if person is not None else EVERYBODY
        address = channel.address_of(person) if person is not None else channel.place()
        if not address or (person is not None and (channel.name in person.optout or channel.form in person.optout)):
            return
        personal = person is not None and channel.form in PERSONAL
        yes = no = link = ""
        if personal:
            yes, no = new_code(self._codes), ""
            no = new_code(self._codes | {yes})
            if self.daemon.settings.public_url:
                link = new_link(self.daemon.key, question.id, who, question.checksum)
        key = self.daemon.key
        if not await self.daemon.writer.do(
            lambda b: questions.claim(b, question, who, channel.name, stamp, yes=yes, no=no, link=link, key=key)
        ):
            return
        self._codes |= {yes, no} - {""}
        base = self.daemon.settings.public_url
        url = f"{base}/a/{link}" if link else ""
        reply = (
            f"{base}/twilio/gather/{link}" if link and channel.form == "voice" and self.daemon.settings.twilio else ""
        )
        language = person.language if person is not None else ""
        try:
            matter = self.matter(question)
            values = self._values(question, matter, yes=yes, no=no, link=url, keys=bool(reply))
            choices = (
                ()
                if personal
                else (Choice(f"{question.id}:yes", "Start it"), Choice(f"{question.id}:no", "Do not start", False))
            )
            state, receipt = await self.speaker.send(
                channel,
                address,
                "question",
                language,
                values,
                f"{question.id}/{who}/{stamp}",
                choices,
                drill=matter.kind == "drill",
                reply_url=reply,
            )
        except BcpError as error:
            state, receipt = "failed", error.message
        await self.daemon.writer.do(lambda b: questions.settle(b, question, who, channel.name, stamp, state, receipt))
        self.daemon.hub.changed()

    def _values(
        self,
        question: Question,
        matter: Matter,
        *,
        yes: str = "",
        no: str = "",
        link: str = "",
        result: str = "",
        keys: bool = False,
    ) -> dict[str, Any]:
        found = self.daemon.seen()
        letters = found.classes
        what = (
            " and ".join(f"{TITLES[c]} (class {c})" for c in letters[:2])
            if letters
            else f"{self.daemon.app.settings.service} is {found.state}"
        )
        return {
            **self.speaker.org(),
            "outage_class": found.outage_class,
            "ask": {
                "what": what,
                "seen": "; ".join(found.evidence[:2])[:300] or found.why,
                "playbook": matter.playbook,
                "plan": matter.checksum[:12],
                "forecast": matter.forecast,
                "run": question.run,
                "incident": question.incident or question.run,
                "until": clock_text(question.deadline)[:5] + " UTC",
                "count": question.count,
                "yes": yes,
                "no": no,
                "link": link,
                "keys": keys,
                "back": matter.back,
                "result": result,
            },
        }

    async def _say_closed(self, question: Question, result: str) -> None:
        """Everybody who was asked hears that nothing happened."""
        asked = await self.daemon.writer.do(lambda b: questions.asked_of(b, question.id))
        text = result.removeprefix("not approved: ")
        values = self._values(question, self.matter(question), result=text)
        told: set[tuple[str, str]] = set()
        for one in asked:
            if (
                (one.person, one.channel) in told
                or one.state == "failed"
                or one.channel not in self.daemon.app.channels
            ):
                continue
            told.add((one.person, one.channel))
            channel = self.daemon.app.channels[one.channel]
            person = self.daemon.app.directory.person(one.person)
            address = channel.address_of(person) if person is not None else channel.place()
            language = person.language if person is not None else ""
            state, detail = await self.speaker.send(
                channel, address, "question-closed", language, values, f"{question.id}/closed/{one.person}"
            )
            if state != "sent":
                LOG.warning("%s could not be told that a question is closed: %s", one.person, detail)


def forecast_of(plan: Mapping[str, Any]) -> str:
    """What it changes and sends, in a line: the changes first."""
    changes = [c for s in plan["steps"] for c in s["changes"]]
    forecasts = [f for s in plan["steps"] for f in s["forecasts"]]
    parts = [
        f"{len(changes)} change(s): {', '.join(str(c['target']) for c in changes[:3])}" if changes else "no change"
    ]
    if forecasts:
        parts.append(f"{sum(int(f['messages']) for f in forecasts)} message(s)")
    return "; ".join(parts)
