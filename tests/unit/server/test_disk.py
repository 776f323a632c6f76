"""A full disk at night: on call hears of it once, by what needs no disk, and once that it is over."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from corefakes import Core, Speaker

from bcp.kernel.errors import StorageError
from bcp.server.parts.disk import AGAIN_S, Disk


def channel(name: str, form: str, place: str = "") -> Any:
    return SimpleNamespace(
        name=name, form=form, broadcast=bool(place), place=lambda: place, address_of=lambda person: person.phone
    )


class House:
    """A daemon whose disk is full when it is told so."""

    def __init__(self, folder) -> None:
        self.core, self.speaker, self.full = Core(folder), Speaker(), False
        self.speaker.by = [channel("sms", "sms"), channel("voice", "voice"), channel("room", "chat", "#oncall")]
        anna = SimpleNamespace(id="anna", phone="+1", language="en", optout=("voice",))
        bert = SimpleNamespace(id="bert", phone="+2", language="de", optout=())
        self.core.app.people.directory = SimpleNamespace(audiences={"oncall": 1}, members=lambda name: [anna, bert])
        real = self.core.do

        async def do(work: Any) -> Any:
            if self.full:
                raise StorageError("the book is full", hint="Free some.")
            return await real(work)

        self.core.do = do
        self.disk = Disk(self.core, self.speaker)

    def rounds(self, count: int, seconds: float = 10.0) -> list[tuple[str, str, str]]:
        """Whom they told, by what, of what."""
        before = len(self.speaker.sent)
        for _ in range(count):
            asyncio.run(self.disk.once())
            asyncio.run(self.core.clock.sleep(seconds))
        return [(name, to, values["ask"]["what"]) for name, to, _, values in self.speaker.sent[before:]]


def test_on_call_is_told_once_that_nothing_can_be_written_and_once_that_it_can_again(tmp_path) -> None:
    house = House(tmp_path)
    assert house.rounds(3) == []
    house.full = True
    assert house.rounds(1) == [], "one round may fall between two others that write"
    full, leer = "bcp can write nothing down", "bcp kann nichts aufschreiben"
    told = house.rounds(30)
    assert sorted(told) == [("room", "#oncall", full), ("sms", "+1", full), ("sms", "+2", leer), ("voice", "+2", leer)]
    assert str(tmp_path) in house.speaker.sent[0][3]["ask"]["result"]
    house.full = False
    again = house.rounds(5)
    assert len(again) == 4 and ("sms", "+1", "bcp can write again") in again
    assert house.core.last("disk_again")["told"] is True


def test_where_no_channel_took_it_it_is_tried_again_later(tmp_path, caplog) -> None:
    house = House(tmp_path)
    house.full, house.speaker.state = True, ("failed", "no line")
    assert len(house.rounds(3)) == 4 and "nobody on call is known to have been told" in caplog.text
    assert len(house.rounds(1, AGAIN_S)) == 0
    house.speaker.state = ("sent", "r")
    assert len(house.rounds(4)) == 4
    house.full, house.speaker.sent = False, []
    assert len(house.rounds(1)) == 4
