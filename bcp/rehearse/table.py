"""A tabletop: the story unfolds by a clock or step by step, and what people decide is written down as they say it.

Everything is an event in the drill book at once, so that a second process goes on where the first one ended, however it
ended: the story stands still while nobody plays it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bcp.drills.fold import Exercise, story_at
from bcp.drills.measure import onset_in_story
from bcp.drills.outline import must_be_set, read_goal
from bcp.kernel.errors import Invalid
from bcp.rehearse.conduct import Conductor
from bcp.rehearse.scene import Inject, path_of, story_of

Ask = Callable[[float | None], Awaitable[str | None]]
"""Waits so many seconds (``None``: as long as it takes) for a line; ``None`` when none came, empty for a bare Enter."""
HELP = (
    "d TEXT: a decision · d rto_receive: TEXT: one by which that objective is reached · n TEXT: a note"
    "\nv TEXT: a deviation · Enter: the next inject · q: stop for now, and go on later · x: end the exercise here"
)
KINDS = {"d": "decision", "n": "observation", "v": "deviation"}
LOOK_S = 1.0
"""How often a running clock is looked at, at least."""


class Paused(Exception):
    """People stop for now; the story goes on another time."""


class Over(Exception):
    """The facilitator ends the exercise."""


@dataclass
class Table:
    """One sitting. ``speed``: story seconds a second; 0: each inject comes when somebody says *next*."""

    conductor: Conductor
    ask: Ask
    speed: float = 1.0

    async def play(self) -> None:
        """Until somebody ends it. Raises ``Paused``. One that ends before its story is told is not *completed*."""
        found = self.conductor.exercise()
        injects, onset = story_of(path_of(found.record.scenario))
        if not found.measured.get("onset"):
            self.conductor.measured("onset", story_s=onset)
        self._still(found)
        self.conductor.say(HELP)
        given = {i.number for i in found.injects}
        self._go(self.conductor.exercise())
        try:
            await self._tell([i for i in injects if i.number not in given])
        except Over:
            told = len(self.conductor.exercise().injects)
            if told < len(injects):
                self.conductor.outcome = "aborted"
                self.conductor.reason = f"ended by the facilitator after inject {told} of {len(injects)}"
        finally:
            self._stop()

    async def _tell(self, left: Sequence[Inject]) -> None:
        for inject in left:
            await self._until(inject)
            self._give(inject)
        self.conductor.say("The story is told. What else was decided? x ends the exercise.")
        while True:
            await self._take(await self.ask(None), last=True)

    async def _until(self, inject: Inject) -> None:
        """Until it is this inject's turn; what people say meanwhile is written down."""
        clock = self.conductor.app.clock
        while True:
            if not self.speed:
                if inject.number == 1 or await self._take(await self.ask(None)):
                    return
                continue
            left = (inject.at_s - story_at(self.conductor.exercise().clock, clock.now())) / self.speed
            if left <= 0 or await self._take(await self.ask(min(left, LOOK_S))):
                return

    async def _take(self, line: str | None, *, last: bool = False) -> bool:
        """Write down what was said; true: the next inject, please. Raises ``Paused``."""
        if line is None:
            return False
        letter, _, text = line.strip().partition(" ")
        if letter in {"q", "quit"}:
            raise Paused
        if letter == "x":
            raise Over
        if not line.strip():
            return not last
        if letter in KINDS and text.strip():
            self._note(KINDS[letter], text.strip())
        else:
            what = "needs words behind it" if letter in KINDS else "is nothing known here; it was not written down"
            self.conductor.say(f"  {line.strip()[:60]!r} {what}\n{HELP}")
        return False

    def _note(self, kind: str, text: str) -> None:
        code, colon, rest = text.partition(": ")
        data: dict[str, str] = {"kind": kind, "text": text}
        if kind == "decision" and colon:
            try:
                name, audience = read_goal(code)
                data |= {"reaches": name, "audience": audience, "text": rest}
            except Invalid:
                pass  # a colon in a sentence
        self.conductor.write("note", **data)
        reaches = self._reaching(data["reaches"], data["audience"]) if "reaches" in data else ""
        self.conductor.say(f"  written down: {kind}{reaches}")

    def _reaching(self, code: str, audience: str) -> str:
        """What a decision reaches: nothing before the outage began, nor where no objective is about that."""
        found = self.conductor.exercise()
        try:
            must_be_set(found.record.objectives, code, audience)
        except Invalid as error:
            return f"; nothing is reached by it: {error.whole}"
        if found.reaches[-1]["story_s"] < onset_in_story(found):
            return f"; {code} is not reached by it: the outage has not begun in the story yet. Say it again when it has"
        return f", reaches {code}"

    def _give(self, inject: Inject) -> None:
        if not self.speed:  # the story jumps to where this one belongs, and stands there
            self.conductor.write("clock", story_s=inject.at_s, speed=1.0)
        if inject.seen:
            self.conductor.measured("seen", **inject.seen)
        self.conductor.write("inject", number=inject.number, planned_s=inject.at_s, text=inject.text)
        self.conductor.say(f"\n{inject.number}. {inject.text}")

    def _still(self, found: Exercise) -> None:
        """A sitting that was killed left the clock running: it stood still since its last event."""
        if found.clock and found.clock[-1].speed:
            last = max([found.clock[-1].at, *(i.at for i in found.injects), *(d.at for d in found.record.decisions)])
            self.conductor.write("clock", at=last, story_s=story_at(found.clock, last), speed=0.0)

    def _go(self, found: Exercise) -> None:
        told = found.clock[-1].story_s if found.clock else 0.0
        self.conductor.write("clock", story_s=told, speed=self.speed or 1.0)

    def _stop(self) -> None:
        clock = self.conductor.exercise().clock
        told = story_at(clock, self.conductor.app.clock.now())
        self.conductor.write("clock", story_s=told, speed=0.0)
