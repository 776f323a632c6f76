"""The calendar of exercises at work: reminds people, begins what plays by itself, says what was missed.

Each drill is played by a process of its own: a lab drill refuses every connection that leaves the machine, which this
process must not do. What is planned is in the drill book, so nothing is lost when the daemon ends or was off.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bcp.contracts.channel import Channel
from bcp.contracts.contact import Contact
from bcp.contracts.exercise import DrillRecord
from bcp.deeds.drill_calendar import Due, Planned, due, mend, miss, note_reminded, set_right, still_due
from bcp.deeds.exercises import exercise_of, exercises
from bcp.drills.calendar import window_of
from bcp.kernel.clock import local
from bcp.kernel.errors import BcpError
from bcp.kernel.files import make_private
from bcp.kernel.log import logger
from bcp.pages.words.said import Said, in_language, reason, said
from bcp.rehearse.conduct import FORSAKEN, LOCK, RESUMED, end_forsaken, left_over, real_trouble
from bcp.server.core import Core
from bcp.server.parts.ports import Speaks
from bcp.server.parts.spoken import language_of
from bcp.server.parts.untold import note_nobody
from bcp.store.files.locks import is_locked

LOG = logger(__name__)
EVERY_S = 20.0
BEGINS = 0.0
"""The reminder that says that it begins now."""


class Drills:
    """The loop. ``play`` plays a drill to its end: given by tests."""

    def __init__(self, core: Core, speaker: Speaks, play: Callable[[Core, str], Awaitable[int]] | None = None) -> None:
        self.core, self.speaker = core, speaker
        self._play = play or play_apart
        self.playing: asyncio.Task[int] | None = None
        self._unheard: set[tuple[str, str]] = set()
        """What it was said of that nobody was told: once, though it is tried again."""
        self._kind = ""
        """Of what is played."""
        self._look_back = True
        """Something may have been ended in the middle, by a kill or a power cut: to be put right once."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.once()
            await self.core.clock.sleep(EVERY_S)

    async def once(self) -> None:
        """Look once at what is due, and do it."""
        app, state = self.core.app, self.core.state
        trouble = await asyncio.to_thread(real_trouble, app)
        if self.playing is not None and not self.playing.done():
            if trouble and self._kind != "live":  # a live one looks for itself, and asks people to move MX back
                LOG.warning("the drill that is played ends: %s", trouble)
                self.playing.cancel()
            return
        playing = is_locked(state / LOCK)
        if self._look_back and not playing:
            try:
                await self._put_right()
            except BcpError as error:  # at the next look again
                LOG.warning("what was ended in the middle cannot be put right: %s", error.message)
        if not (trouble or playing):
            trouble = await asyncio.to_thread(left_over, app)
        for drill in await asyncio.to_thread(set_right, app):
            LOG.warning("%s is earlier again: the clock was far ahead when it was planned", drill)
            self.core.changed()
        for one in await asyncio.to_thread(lambda: due(app, playing=playing, trouble=trouble)):
            await self._do(one)
        await self._urgent()

    async def _put_right(self) -> None:
        """Drills that nobody plays any more are ended, and next turns that nobody planned are planned."""
        app = self.core.app
        for drill in await asyncio.to_thread(end_forsaken, app):
            record = exercise_of(app, drill).record
            word = "ask.drill.interrupted-live" if record.kind == "live" else "ask.drill.interrupted"
            await self._tell(record, said(word, why=reason(FORSAKEN)))
        for drill in await asyncio.to_thread(mend, app):
            LOG.warning("%s was planned now: whoever should have done so was killed", drill)
        self._look_back = False
        self.core.changed()

    async def _urgent(self) -> None:
        """Findings that cannot wait for the report are told at once, and that they were is written down."""
        for found in await asyncio.to_thread(exercises, self.core.app):
            for finding in found.record.findings:
                if finding.urgent and not finding.reported_at and finding.state in {"proposed", "open"}:
                    sent, _ = await self._tell(found.record, said("ask.drill.urgent", title=finding.title[:200]))
                    if sent:  # else again at the next look
                        data = {"id": finding.id, "reported_at": self.core.clock.now()}
                        self.core.app.running.drills.append(found.record.id, "finding", "bcp", data)

    async def _do(self, one: Due) -> None:
        """One that is due. A drill that cannot be told of or begun stops no other."""
        try:
            if not await asyncio.to_thread(self._still, one):
                return  # looked at again in a moment
            if one.act.what == "miss":
                made = miss(self.core.app, one)
                await self._say(one.planned, _missed(one.act.why, made))
            elif one.act.what == "remind":
                await self._remind(one)
            elif one.planned.kind in RESUMED:
                if BEGINS not in one.planned.reminded:
                    await self._note(one, await self._say(one.planned, said("ask.drill.begins")))
            elif self.playing is None or self.playing.done():
                self._kind, self.playing = one.planned.kind, asyncio.ensure_future(self._played(one.planned.drill))
        except BcpError as error:
            LOG.warning("%s: %s", one.planned.drill, error.message)

    def _still(self, one: Due) -> bool:
        """As things are now. For a thread."""
        app = self.core.app
        playing = is_locked(self.core.state / LOCK) or (self.playing is not None and not self.playing.done())
        trouble = real_trouble(app) or ("" if playing else left_over(app))
        return still_due(app, one, playing=playing, trouble=trouble)

    async def _played(self, drill: str) -> int:
        try:
            code = await self._play(self.core, drill)
        finally:
            self._look_back = True
        LOG.info("%s was played, exit code %s", drill, code)
        self.core.changed()
        return code

    async def _remind(self, one: Due) -> None:
        slot = one.planned.slot
        opens, closes = (local(at, slot.zone) for at in window_of(slot))
        when, until = f"{opens:%Y-%m-%d %H:%M}", f"{closes:%Y-%m-%d %H:%M}"
        text = f"{when} ({slot.zone})"
        if slot.surprise:
            text = said("ask.drill.between", at=when, until=until, zone=slot.zone)
        await self._note(one, await self._say(one.planned, text))

    async def _note(self, one: Due, counted: tuple[int, int]) -> None:
        """That people were told; where no message left it is tried again at the next look."""
        if counted[1] and not counted[0]:
            return
        note_reminded(self.core.app, one, *counted)
        self.core.changed()

    async def _say(self, planned: Planned, text: str) -> tuple[int, int]:
        return await self._tell(exercise_of(self.core.app, planned.drill).record, text)

    async def _tell(self, record: DrillRecord, text: str) -> tuple[int, int]:
        """Tell everybody who takes part and is in the contacts, else the people on call; sent and failed."""
        app = self.core.app
        directory = app.people.directory
        people = [directory.person(p.contact) for p in record.participants if p.contact]
        oncall = app.settings.serve.oncall
        known = [p for p in people if p is not None]
        if not known and oncall in directory.audiences:
            known = directory.members(oncall)
        ask = {"what": record.title, "incident": record.id, "seen": ""}
        key = f"{record.id}/notice/{self.core.clock.now():.3f}"

        async def one(channel: Channel[Any], person: Contact, address: str) -> bool:
            language = language_of(self.core, "drill-notice", getattr(channel, "form", "sms"), person.language)
            mine = {**ask, "result": str(in_language(text, language))}
            values = {**self.speaker.org(), "ask": mine, "outage_class": ""}
            state, problem = await self.speaker.send(
                channel, address, "drill-notice", person.language, values, f"{key}/{person.id}", drill=True
            )
            if state != "sent":
                LOG.warning("%s: %s could not be told by %s: %s", record.id, person.id, channel.name, problem)
            return state == "sent"

        ways = [
            (channel, person, address)
            for channel in self.speaker.channels()
            if not channel.broadcast
            for person in known
            if (address := channel.address_of(person))
        ]
        done = await asyncio.gather(*(one(*way) for way in ways))
        if True not in done and (record.id, text) not in self._unheard:
            self._unheard.add((record.id, text))
            await note_nobody(self.core, "", f"exercise {record.title}: {text}", len(done))
        return done.count(True), done.count(False)


def _missed(why: str, following: str) -> Said:
    """That it was not begun in its window, and when the next one is."""
    usual = said("ask.drill.why")
    said_why = usual if why == usual else reason(why)
    if not following:
        return said("ask.drill.missed", why=said_why)
    return said("ask.drill.missed-next", why=said_why, next=following)


async def play_apart(core: Core, drill: str) -> int:
    """Play it in a process of its own, to its end; returns its exit code. Cancelled, it is asked to end."""
    config = Path(core.app.configuration.document.file).resolve()
    folder = make_private(core.state / "drills")
    command = (sys.executable, "-m", "bcp", "--config", str(config), "drill", "run", drill, "--no-plans")
    with (folder / f"{drill}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await process.wait()
            raise
