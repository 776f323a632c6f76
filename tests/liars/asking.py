"""One game at the desk: a question is asked, an answer is heard, or a word is told, and a vendor lies meanwhile."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.incident import Asked, Question
from bcp.incident import questions
from bcp.plan.model import Plan
from bcp.wiring.shipped import SHIPPED
from liars import notices
from liars.desk import AFTER_S, GATED, LOOK_S, PHONES, PLAYBOOK, Desk, Watch
from liars.ears import Ears
from liars.script import Part

SERVICE = "exchange-online"
DEADLINE_S = 1_800.0
LIED_S = 4 * LOOK_S
"""How long a list lies before and after the answer is in it."""
SETTLED_S = 50.0
"""Three tries of five seconds, and what a vendor may ask us to wait between them: then all of it is known."""
CODE = re.compile(r"(\d{6}) = yes")
LONGEST_S = 3_000.0
WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Turnout:
    """By which channels questions go out, and how the one who answers does: ``text`` or ``console``."""

    channels: tuple[str, ...]
    answers: str = "console"


TURNOUTS = {
    "texts": Turnout(("sms", "slack"), "text"),
    "alone": Turnout(("sms",), "text"),
    "calls": Turnout(("voice", "teams")),
    "whatsapp": Turnout(("whatsapp", "ntfy")),
    "duty": Turnout(("sms", "apprise", "pagerduty"), "text"),
    "tickets": Turnout(("sms", "servicenow", "jira"), "text"),
    "mail": Turnout(("mail", "sms", "slack"), "text"),
}
WITHOUT = {"ask": ("mail",), "tell": ("mail",), "gate": ("mail", "duty", "tickets"), "weekly": ("calls", "tickets"),
           "notice": ("mail", "duty", "tickets")}  # fmt: skip
"""Turnouts that a window adds nothing with: no question goes by e-mail, and what is said by voice is no message."""


@dataclass(slots=True)
class Game:
    """All that is judged."""

    part: Part | None
    faults: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was not so at the moment at which it should have been."""
    asked: list[Asked] = field(default_factory=list)
    other: list[Asked] = field(default_factory=list)
    """Of the second question."""
    events: list[Any] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    told: int = 0
    heard: bool = False
    """The answer came through while the list lied."""
    said: list[tuple[str, str, str]] = field(default_factory=list)
    """What our side believes became of each message that asks nothing: channel, address, state."""
    first: list[str] = field(default_factory=list)
    """Of these, the states while the vendor lied."""
    reminded: list[tuple[int, int]] = field(default_factory=list)
    """Of each reminder of an exercise: sent and failed, as the record has it."""
    steps: dict[str, str] = field(default_factory=dict)
    """Of the run of the gate: how each step ended."""
    after: list[tuple[str, str, str]] = field(default_factory=list)
    """What vendors took once the gate was open."""

    def kinds(self, kind: str) -> list[Any]:
        """Data of all events of this kind."""
        return [e.data for e in self.events if e.kind == kind]


async def play(desk: Desk, name: str, part: Part | None, lie: Any) -> Game:
    """One game of this turnout. The window of the part says what is played: ``ask``, ``hear``, ``tell``."""
    game = Game(part)
    ears = Ears(game.faults)
    desk.script.begin(part, lie)
    logging.getLogger().addHandler(ears)
    desk.loop.set_exception_handler(lambda loop, context: game.faults.append(f"loop: {context}"))
    window = part.window if part is not None else "ask"
    try:
        asks = window not in {"weekly", "notice"}
        opened = desk.open(TURNOUTS[name].channels, runs=window == "gate", asks=asks)
        async with asyncio.timeout(LONGEST_S if asks else WEEK_S), opened as watch:
            one = _Play(desk, watch, game, name, lie)
            await one.window(window)
            game.asked = await watch.core.do(lambda b: questions.asked_of(b, one.question.id)) if one.question else []
            game.other = await watch.core.do(lambda b: questions.asked_of(b, one.second.id)) if one.second else []
            game.events = await watch.core.do(lambda b: b.events())
            game.begun = list(watch.starter.begun)
    except TimeoutError:
        game.faults.append("the game does not end")
    except Exception as error:  # exactly this is what is looked for
        game.faults.append(f"escaped: {type(error).__name__}: {error}")
    finally:
        desk.script.window = ""
        logging.getLogger().removeHandler(ears)
    taken = desk.taken()
    game.taken = taken[: len(taken) - len(game.after)]
    game.told = desk.script.told
    return game


class _Play:
    def __init__(self, desk: Desk, watch: Watch, game: Game, name: str, lie: Any) -> None:
        self.desk, self.watch, self.game, self.turnout, self.lie = desk, watch, game, TURNOUTS[name], lie
        self.question: Question | None = None
        self.second: Question | None = None

    async def window(self, name: str) -> None:
        """What is played while the vendor lies."""
        apart = {"weekly": notices.weekly, "notice": notices.notice, "press": notices.press, "reply": notices.reply}
        if name in apart:
            await apart[name](self)
        else:
            await {"ask": self.ask, "hear": self.hear, "tell": self.tell, "gate": self.gate}[name]()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def ask(self) -> None:
        """Alice is asked, then Bob, who answers; Carol has a question of her own, which nobody answers."""
        script, core = self.desk.script, self.watch.core
        script.window = "ask"
        incident = await self._incident()
        self.question = await self._question(incident, "plan-1", [["alice"], ["bob"]])
        self.second = await self._question(incident, "plan-2", [["carol"]])
        core.asking.set()
        await self.wait(SETTLED_S)
        for question in (self.question, self.second):
            rows = await core.do(lambda b, q=question: questions.asked_of(b, q.id))
            if open_ := [f"{a.person} by {a.channel}" for a in rows if a.state == "claimed"]:
                self.game.wrong.append(f"after {SETTLED_S:g} s it is not known whether {open_} were asked")
            mine = [a.state for a in rows if a.person == "alice"]
            if mine and set(mine) == {"failed"} and not [a for a in rows if a.person == "bob"]:
                self.game.wrong.append("Alice could not be asked, and Bob has to wait for his turn")
            ways = {a.channel for a in rows}
            if missing := set(self.turnout.channels) - ways:
                self.game.wrong.append(f"after {SETTLED_S:g} s nobody was asked by {sorted(missing)}")
        await self.wait(AFTER_S + SETTLED_S + LOOK_S)
        script.window = ""
        await self._yes("bob")
        await self.ends("bob")

    # -- a run that waits ------------------------------------------------------------------------------------------

    async def gate(self) -> None:
        """A run waits for a yes: those on call are asked by vendors that lie, Bob says yes, and people are told."""
        watch, script = self.watch, self.desk.script
        incident = await self._incident()
        script.window = "gate"
        watch.conductor.propose(incident, watch.app.playbooks.load(GATED))
        await self.wait(2 * SETTLED_S + AFTER_S)
        open_ = await watch.core.do(questions.open_questions)
        if len(open_) != 1:
            self.game.wrong.append(f"{len(open_)} questions are open while a run waits for one yes")
            return
        self.question, asked = open_[0], self.desk.taken()
        script.window = ""
        await self._yes("bob")
        await self.wait(SETTLED_S + 4 * LOOK_S)
        runs = watch.app.running.runs
        view = runs.view(self.question.run)
        self.game.after = self.desk.taken()[len(asked) :]
        self.game.steps = {s.id: str(s.status) for s in view.state.steps.values()} | {"run": view.status()}
        closed = await watch.core.do(lambda b: questions.question(b, self.question.id))
        if closed.state == "open" or "approved by bob" not in closed.result:
            self.game.wrong.append(f"after an honest yes of bob the question is {closed.state}: {closed.result!r}")

    # -- hearing -----------------------------------------------------------------------------------------------------

    async def hear(self) -> None:
        """Alice is asked; the list of texts lies: before her answer is in it, after, and then no more."""
        script = self.desk.script
        self.question = await self._question(await self._incident(), "plan-1", [["alice"], ["bob"]])
        self.watch.core.asking.set()
        await self.wait(2 * LOOK_S)
        code = self._code("alice")
        self.desk.web.text(PHONES["alice"], "what is this about?")
        self.desk.web.text("+12025550199", f"{code} = yes")  # a stranger who read it over her shoulder
        script.window = "hear"
        await self.wait(LIED_S)
        if self.watch.starter.begun or await self.answers():
            self.game.wrong.append("a lie became a yes")
        self.desk.web.text(PHONES["alice"], code)
        await self.wait(LIED_S)
        self.game.heard = bool(await self.answers())
        script.window = ""
        await self.ends("alice")

    # -- telling -----------------------------------------------------------------------------------------------------

    async def tell(self) -> None:
        """The people on call are told something, and a second thing after it."""
        core, script = self.watch.core, self.desk.script
        name = await self._incident()
        incident = await core.do(lambda b: b.incident(name))
        script.window = "tell"
        self.watch.speaker.tell(incident, "the run failed")
        await self.wait(SETTLED_S + 2 * LOOK_S)
        script.window = ""
        events = await core.do(lambda b: b.events())
        if not [e for e in events if e.kind == "told"]:
            self.game.wrong.append(f"after {SETTLED_S:g} s there is no word of whom it reached")
        self.watch.speaker.tell(incident, "it works again")
        await self.wait(SETTLED_S)

    # -- people ------------------------------------------------------------------------------------------------------

    async def wait(self, seconds: float) -> None:
        await self.desk.clock.sleep(seconds)

    async def _incident(self) -> str:
        made, _ = await self.watch.core.do(lambda b: b.open(SERVICE, "mail is down", "ask", "watch"))
        return str(made.id)

    async def question_for(self, groups: list[list[str]]) -> Question:
        """A question of an incident of its own."""
        self.question = await self._question(await self._incident(), "plan-1", groups)
        return self.question

    async def _question(self, incident: str, plan: str, groups: list[list[str]]) -> Question:
        app, now = self.watch.app, self.desk.clock.now()
        text = (SHIPPED / f"{PLAYBOOK}.yaml").read_text(encoding="utf-8")
        print_ = app.configuration.fingerprint()
        made = Plan(
            plan, now, now + 3_600.0, PLAYBOOK, "", text, {}, ("corp.test",), print_, "real", "bcp-serve", False, ()
        ).sealed()
        made.write(self.watch.core.state / "plans" / f"{plan}.json")
        asked, _ = await self.watch.core.do(
            lambda b: questions.ask(
                b, incident=incident, run="", step=f"plan:{plan}", checksum=made.checksum, opened=now,
                deadline=now + DEADLINE_S, count=1, groups=groups,
            )
        )  # fmt: skip
        return asked

    def _code(self, person: str) -> str:
        """What this person really got on the phone; empty: nothing that can be answered."""
        texts = [t.text for t in self.desk.web.taken if t.to == PHONES[person] and t.point == "twilio.send"]
        found = [m for t in texts for m in CODE.findall(t)]
        return found[-1] if found else ""

    async def _yes(self, person: str) -> None:
        """By a text where they got a code, else at the console: by an honest way."""
        code = self._code(person)
        if code and self.turnout.answers == "text":
            self.desk.web.text(PHONES[person], f"{code}")
        elif self.question is not None:
            await self.watch.hearer.answer(self.question, person, yes=True, how="console")

    async def answers(self) -> int:
        asked = self.question
        return len(await self.watch.core.do(lambda b: questions.answers_of(b, asked))) if asked is not None else 0

    async def ends(self, person: str) -> None:
        """The question ends approved, once, by this person; whoever answers after that is told that it is over."""
        asked = self.question
        assert asked is not None
        await self.wait(4 * LOOK_S)
        closed = await self.watch.core.do(lambda b: questions.question(b, asked.id))
        if closed.state == "open" or person not in closed.result or "not approved" in closed.result:
            self.game.wrong.append(f"after an honest yes of {person} the question is {closed.state}: {closed.result!r}")
        if self.watch.starter.begun != [asked.checksum]:
            self.game.wrong.append(f"{len(self.watch.starter.begun)} runs began, not one")


def every_part(asked: Iterable[tuple[str, str, str]], lies: Any) -> list[Part]:
    """The cross product: what an honest game of each turnout asks in each window, by each lie, once and always."""
    return [
        Part(name, point, kind, window, always)
        for name, window, point in asked
        for kind in lies(window, point)
        for always in (True, False)
    ]
