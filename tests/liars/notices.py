"""Games around the desk that ask nothing: the weekly message, a reminder of an exercise; and those with a button."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bcp.contracts.caller import Call
from bcp.contracts.exercise import Scenario
from bcp.contracts.readiness import Check
from bcp.deeds.drill_calendar import Wish, schedule
from bcp.deeds.exercise import New, make
from bcp.deeds.readiness.look import Found
from bcp.deeds.who import RUN, Ground, Who
from bcp.drills.calendar import window_of
from bcp.kernel.clock import local
from bcp.kernel.secret import Secret
from bcp.plugins.callers.slack import SlackCalls, SlackCallsSettings, _say
from bcp.ready.standing import standings
from bcp.server.doors.callers import Callers
from bcp.server.ground import ground_of
from bcp.server.parts.drills import Drills
from bcp.server.parts.ready import AGAIN_S, MOST_S, Readiness
from liars.desk import LOOK_S, PHONES, SLACK, Watch
from liars.lies_call import SIGNED, CallLie, form, payload, signed

RED = Check("channel", "sms", "fail", "sms: the vendor does not let us in.", "Mend it.", None, ("a",))
HOUR_S = 3600.0


def recorded(watch: Watch, said: list[tuple[str, str, str]]) -> None:
    """Everything that this daemon says, with what it believes became of it: channel, address, state."""
    send = watch.speaker.send

    async def listening(channel: Any, address: str, *rest: Any, **more: Any) -> tuple[str, str]:
        state, detail = await send(channel, address, *rest, **more)
        said.append((channel.name, address, state))
        return state, detail

    watch.speaker.send = listening  # type: ignore[method-assign]


async def weekly(one: Any) -> None:
    """The weekly message is due; a vendor lies, and is honest again before it would be news of last week."""
    watch, script = one.watch, one.desk.script
    recorded(watch, one.game.said)
    part, now = Readiness(watch.core, watch.speaker), one.desk.clock.now()
    part.found = Found(now, (RED,), tuple(standings({"a": "A"}, [RED])))
    script.window = "weekly"
    await part.tell()
    one.game.first = [s for _, _, s in one.game.said]
    await one.wait(MOST_S)
    script.window = ""
    for _ in range(3):
        await one.wait(max(AGAIN_S))
        await part.tell()


async def notice(one: Any) -> None:
    """An exercise is near; those who take part are told, and told again when it is nearer."""
    watch, script = one.watch, one.desk.script
    recorded(watch, one.game.said)
    ground: Ground = ground_of(watch.core, watch.starter)
    who = Who("alice", "alice", "test", frozenset({RUN}))
    opens = one.desk.clock.now() + 6 * 24 * HOUR_S
    wanted = New("tabletop", Scenario("", "no story"), title="An exercise", people=tuple(PHONES))
    drill = make(ground, who, wanted)
    slot = schedule(ground, who, drill, Wish(f"{local(opens, 'UTC'):%Y-%m-%d %H:%M}", "UTC"))
    part = Drills(watch.core, watch.speaker, _plays)
    script.window = "notice"
    await part.once()
    script.window = ""
    one.game.first = [s for _, _, s in one.game.said]
    await one.wait(window_of(slot)[0] - 20 * HOUR_S - one.desk.clock.now())
    await part.once()
    rows = watch.app.running.drills.events(drill)
    one.game.reminded = [(e.data["sent"], e.data["failed"]) for e in rows if e.kind == "reminded"]


async def _plays(core: Any, drill: str) -> int:
    return 0


class Buttons:
    """Calls of Slack to us, without the web server around them."""

    def __init__(self, watch: Watch) -> None:
        core = watch.core
        (core.state / "signing").write_bytes(SIGNED)
        self.caller = SlackCalls("slack", SlackCallsSettings(signing_secret=Secret("file:signing", core.state)))
        self.door = Callers(SimpleNamespace(
            app=core.app, settings=core.settings, writer=core.writer, hearer=watch.hearer, key=core.key,
            state=core.state,
        ))  # fmt: skip

    async def call(self, call: Call) -> tuple[int, str]:
        """Status and words."""
        found = await self.door._take(self.caller, call)
        return found.status_code, bytes(found.body).decode()


async def press(one: Any) -> None:
    """Somebody sends calls that are no press; then Alice presses, and Slack says it twice."""
    lie: CallLie | None = one.lie
    question = await one.question_for([["alice"], ["bob"]])
    one.watch.core.asking.set()
    await one.wait(2 * LOOK_S)
    doors, clock = Buttons(one.watch), one.desk.clock
    mine = payload(SLACK["alice"], f"{question.id}:yes")
    if lie is not None:
        one.desk.script.told += 1
        for _ in range(3):
            status, words = await doors.call(lie.make(mine, clock.now()))
            if status >= 500:
                one.game.wrong.append(f"a call that is none is answered with {status}: {words[:100]}")
        await one.wait(LOOK_S)
        if await one.answers() or one.watch.starter.begun:
            one.game.wrong.append("a lie became a yes")
    honest = signed(form(mine), clock.now())
    first, again = await doors.call(honest), await doors.call(honest)
    if first[0] != 200 or "Yes from alice" not in first[1]:
        one.game.wrong.append(f"an honest press is answered with {first}")
    if again[0] != 200:
        one.game.wrong.append(f"a press that is said twice is answered with {again}")
    await one.ends("alice")


async def reply(one: Any) -> None:
    """Alice presses over a connection of ours; where she is told what became of it, somebody lies."""
    question = await one.question_for([["alice"], ["bob"]])
    one.watch.core.asking.set()
    await one.wait(2 * LOOK_S)
    doors, url = Buttons(one.watch), one.desk.web.url
    said = doors.caller.heard(signed(form(payload(SLACK["alice"], f"{question.id}:yes")), one.desk.clock.now()))
    words = await doors.door.hear("slack", said)
    one.desk.script.window = "reply"
    began = one.desk.clock.now()
    await _say(f"{url}/hooks/answer", words, url)
    if (took := one.desk.clock.now() - began) > HOUR_S / 60:
        one.game.wrong.append(f"the one who pressed is waited for {took:g} s")
    one.desk.script.window = ""
    await one.ends("alice")
