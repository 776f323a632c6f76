"""Saying one thing to one address: what is repeated, what is in doubt, and what the record says afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import SERVICE, Core
from support import ROOT

from bcp.comms.pack import load_pack
from bcp.contracts.channel import NotSent, RateLimited
from bcp.contracts.roles import asking
from bcp.kernel.errors import InDoubt, Permanent, Transient
from bcp.server.parts import say as module
from bcp.server.parts.say import TRIES, Speaker

PACK = load_pack([ROOT / "playbooks" / "messages"])
ASK = {"what": "w", "result": "r", "seen": "s", "incident": "i"}


class Channel:
    """Answers by a script, the last entry again and again."""

    def __init__(self, *script: Any, form: str = "sms", broadcast: bool = False, name: str = "twilio") -> None:
        self.script, self.form, self.broadcast, self.name = list(script), form, broadcast, name
        self.got: list[Any] = []

    async def send(self, delivery: Any) -> Any:
        """One message."""
        self.got.append(delivery)
        found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(id=found)

    def address_of(self, person: Any) -> str:
        """Of one."""
        return person.phone

    def place(self) -> str:
        """Of all."""
        return "#ops"


def speaker(folder, *channels: Channel, **serve: Any) -> tuple[Core, Speaker]:
    """One among fakes; the texts are the shipped ones."""
    core = Core(folder, **serve)
    core.app.settings.organisation = SimpleNamespace(
        language="en",
        timezone="UTC",
        said=lambda: {"name": "Corp", "hotline": "1", "status_page": "https://s", "signature": "IT"},
    )
    forms = {c.name: c.form for c in channels}
    askers = asking(core.settings.ask.channels, forms, {"urgent": ["twilio", "mail"]}, PACK.get("question").forms())
    core.app.world = SimpleNamespace(channels={c.name: c for c in channels}, pack=PACK, askers=askers)
    people = [core.app.people.directory.person(n) for n in ("alice", "bob")]
    core.app.people.directory = SimpleNamespace(members=lambda name: people, audiences={"oncall": ()})
    return core, Speaker(core)


def send(made: Speaker, channel: Channel) -> tuple[str, str]:
    """One notice."""
    values = {**made.org(), "outage_class": "B", "ask": ASK}
    return asyncio.run(made.send(channel, "+1", "incident-notice", "", values, "key"))


@pytest.mark.parametrize(
    ("script", "state", "times"),
    [
        (["id1"], "sent", 1),
        ([RateLimited("slow down", retry_after_s=3.0), "id1"], "sent", 2),
        ([NotSent("refused"), NotSent("refused"), "id1"], "sent", 3),
        ([NotSent("refused")], "failed", TRIES),
        ([Permanent("no such number")], "failed", 1),
        ([InDoubt("the answer was lost")], "doubt", 1),
        ([Transient("who knows")], "doubt", 1),
    ],
)
def test_what_is_safe_to_repeat_is_repeated_and_nothing_else(tmp_path, script, state, times) -> None:
    """A text whose answer was lost may have arrived: the next turn asks again anyway."""
    channel = Channel(*script)
    _, made = speaker(tmp_path, channel)
    assert send(made, channel)[0] == state and len(channel.got) == times
    assert {d.key for d in channel.got} == {"key"}, "a repeat is known as one by the vendor"


def test_waits_are_the_vendors_but_never_long(tmp_path) -> None:
    """Ten seconds at most; none after the last try."""
    channel = Channel(RateLimited("slow down", retry_after_s=500.0))
    core, made = speaker(tmp_path, channel)
    send(made, channel)
    assert core.clock.steady == 10.0 * (TRIES - 1)


def test_the_reason_comes_back_for_the_record(tmp_path) -> None:
    """As the vendor gave it."""
    channel = Channel(Permanent("21211: no such number"))
    assert send(speaker(tmp_path, channel)[1], channel) == ("failed", "21211: no such number")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["twilio", "chat"]),
        (["mail"], ["mail"]),
        (["chat", "nowhere"], ["chat"]),
        (["urgent", "chat"], ["twilio", "mail", "chat"]),
    ],
)
def test_by_which_channels_questions_go(tmp_path, names, expected) -> None:
    """Those that are named, or play a role that is, else every text and chat; one that is not there is left out."""
    ways = [Channel("x"), Channel("x", form="chat", name="chat"), Channel("x", form="email", name="mail")]
    _, made = speaker(tmp_path, *ways, ask={"channels": names})
    assert [c.name for c in made.channels()] == expected


def test_people_on_call_are_told_each_and_each_place_once(tmp_path) -> None:
    """And the record counts who was reached; who has no address by this way is not counted."""
    text, place = Channel("id"), Channel(NotSent("down"), form="chat", broadcast=True, name="slack")
    core, made = speaker(tmp_path, text, place)
    core.app.people.directory.members("oncall")[1].phone = ""
    incident, _ = core.book.open(SERVICE, "t", "ask", "watch")

    async def run() -> None:
        made.tell(incident, "the relay is down")
        await core.settle()

    asyncio.run(run())
    assert [d.address for d in text.got] == ["+12025550100"] and {d.address for d in place.got} == {"#ops"}
    assert {k: core.last("told")[k] for k in ("text", "sent", "failed")} == {
        "text": "the relay is down",
        "sent": 1,
        "failed": 1,
    }


def test_without_people_on_call_the_places_are_told(tmp_path) -> None:
    """A configuration without that audience is no fault."""
    place = Channel("id", form="chat", broadcast=True, name="slack")
    core, made = speaker(tmp_path, place, oncall="nobody")
    incident, _ = core.book.open(SERVICE, "t", "ask", "watch")

    async def run() -> None:
        made.tell(incident, "x")
        await core.settle()

    asyncio.run(run())
    assert core.last("told")["sent"] == 1


def test_a_text_that_cannot_be_made_for_one_way_keeps_nobody_else_from_being_told(tmp_path) -> None:
    """A message without a form for calls is a failure of the call; texts and rooms are told all the same."""
    from bcp.comms.pack import Pack

    call, text = Channel("id", form="voice", name="call"), Channel("id")
    core, made = speaker(tmp_path, call, text, ask={"channels": ["call", "twilio"]})
    notice = PACK.get("incident-notice")
    dumb = notice.file.model_copy(update={"voice": {}})
    core.app.world.pack = Pack([replace(notice, file=dumb), PACK.get("question")])
    incident, _ = core.book.open(SERVICE, "t", "ask", "watch")

    async def run() -> None:
        made.tell(incident, "the relay is down")
        await core.settle()

    asyncio.run(run())
    assert call.got == [] and len(text.got) == 2
    assert core.last("told")["failed"] == 2


class Broken(Channel):
    """It never returns."""

    async def send(self, delivery: Any) -> Any:
        """For ever."""
        await asyncio.Event().wait()


def test_a_channel_that_breaks_its_promise_ends_nothing_but_its_message(tmp_path, monkeypatch) -> None:
    """A library's own exception, or one that never returns: nobody knows, so it is in doubt; words, no traceback."""
    monkeypatch.setattr(module, "LONGEST_S", 0.01)
    fault, mute = Channel(ValueError("boom")), Broken("x")
    state, why = send(speaker(tmp_path, fault)[1], fault)
    assert state == "doubt" and "fault in the channel twilio (ValueError)" in why and len(fault.got) == 1
    assert send(speaker(tmp_path / "other", mute)[1], mute) == ("doubt", "twilio did not answer in 0.01 s")


def test_a_vendor_that_does_not_answer_keeps_nobody_else_from_being_told(tmp_path, monkeypatch) -> None:
    """All ways at once."""
    monkeypatch.setattr(module, "LONGEST_S", 1.0)
    mute, text = Broken("x", form="chat", broadcast=True, name="slack"), Channel("id")
    core, made = speaker(tmp_path, mute, text)
    incident, _ = core.book.open(SERVICE, "t", "ask", "watch")

    async def run() -> None:
        made.tell(incident, "x")
        async with asyncio.timeout(60):
            while len(text.got) < 2:
                await asyncio.sleep(0.01)
        assert "told" not in {e.kind for e in core.book.events(incident.id)}, "the mute one is still waited for"
        await core.settle()

    asyncio.run(run())
    assert (core.last("told")["sent"], core.last("told")["failed"]) == (2, 1)


@pytest.mark.parametrize(
    ("channels", "said"),
    [([Channel(Permanent("no"))], "2 tries, and no channel took it: x"), ([], "nobody to tell: x")],
)
def test_that_nobody_could_be_told_is_said(tmp_path, channels, said) -> None:
    """In the incident's own record, as a thing of its own."""
    core, made = speaker(tmp_path, *channels)
    incident, _ = core.book.open(SERVICE, "t", "ask", "watch")

    async def run() -> None:
        made.tell(incident, "x")
        await core.settle()

    asyncio.run(run())
    assert said in core.last("nobody_told")["text"] and core.book.events()[-1].incident == incident.id
