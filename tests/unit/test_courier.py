"""The courier: each delivery once, every outcome counted, nothing repeated that must not be."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar, Literal

from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import load_pack
from bcp.contacts.directory import Audience, Directory
from bcp.contracts.channel import Channel, Delivery, NotSent, RateLimited, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import PluginSettings
from bcp.contracts.services import Order
from bcp.kernel.errors import InDoubt, Permanent
from bcp.plugins.engines.embedded import EmbeddedStore
from bcp.testing.clock import FakeClock
from bcp.wiring import SHIPPED


class _Settings(PluginSettings):
    kind: Literal["script"] = "script"


class Script(Channel[_Settings]):
    """Plays a list of outcomes for each address; remembers what was really taken."""

    kind = "script"
    form = "sms"
    Settings = _Settings
    broadcast: ClassVar[bool] = False

    def __init__(self, plays: dict[str, list]) -> None:
        super().__init__("sms", _Settings())
        self.plays, self.taken, self.asked = plays, [], 0

    def address_of(self, contact: Contact) -> str:
        return contact.phone

    async def send(self, delivery: Delivery) -> Receipt:
        await asyncio.sleep(0)
        todo = self.plays.get(delivery.address)
        what = todo.pop(0) if todo else "ok"
        if what in {"ok", "lost-after"}:
            self.taken.append(delivery.address)
        if what == "429":
            raise RateLimited("slow down", retry_after_s=1)
        if what == "down":
            raise NotSent("no connection")
        if what == "no":
            raise Permanent("opted out")
        if what in {"lost-after", "lost-before"}:
            raise InDoubt("no answer")
        if what == "fault":
            raise ZeroDivisionError
        return Receipt("id-\ud800" if what == "half" else "id")

    async def find(self, delivery: Delivery) -> Receipt | None:
        self.asked += 1
        if self.plays.get("blind"):
            raise InDoubt("cannot be asked")
        return Receipt("found") if delivery.address in self.taken else None


def people(count: int) -> Directory:
    contacts = tuple(
        Contact(f"p{i}", f"P{i}", "", f"+120255501{i:02d}", "", "de" if i % 3 == 0 else "en", ("staff",))
        for i in range(count)
    )
    return Directory(
        (*contacts, Contact("nophone", groups=("staff",)), Contact("twin", phone=contacts[0].phone, groups=("staff",))),
        {"staff": Audience("staff", ("staff",))},
    )


def deliver(tmp_path, channel, *, times=1, count=6):
    path = tmp_path / "run.db"
    EmbeddedStore().create(path, {})
    pack = load_pack([SHIPPED / "messages"])
    variables = {
        "org": {"name": "Corp", "hotline": "", "status_page": "", "signature": "IT"},
        "next_update": "10:30 UTC",
        "now": "10:00 UTC",
        "since": "09:00 UTC",
        "domains": ["a.test"],
        "run": {"id": "r"},
    }
    out = []

    async def work():
        for _ in range(times):
            journal = EmbeddedStore().open(path, FakeClock())
            courier = Courier(
                people(count),
                pack,
                {"sms": channel},
                journal,
                FakeClock(),
                lambda extra: variables,
                paces={"sms": Pace(concurrency=3)},
            )
            out.extend(await courier.deliver(Order("staff", "access-down", ("sms",)), "run/tell"))
            journal.close()

    asyncio.run(work())
    return out, EmbeddedStore().view(path)


def test_each_person_gets_it_once_and_a_repeat_sends_nothing(tmp_path) -> None:
    """Two records of one number are one message; who has no number is counted."""
    channel = Script({})
    first, second = deliver(tmp_path, channel, times=2)[0]
    assert (first.sent, first.unreachable, first.people) == (6, 1, 8)
    assert (second.sent, second.already) == (0, 6)
    assert len(channel.taken) == len(set(channel.taken)) == 6


def test_429_and_no_connection_are_repeated(tmp_path) -> None:
    """They were provably not taken."""
    channel = Script({"+12025550100": ["429", "429", "ok"], "+12025550101": ["down", "ok"]})
    tally = deliver(tmp_path, channel)[0][0]
    assert (tally.sent, tally.failed) == (6, 0)


def test_a_lost_answer_after_acceptance_is_found_not_repeated(tmp_path) -> None:
    """The vendor is asked; the person gets one text."""
    channel = Script({"+12025550102": ["lost-after"]})
    tally = deliver(tmp_path, channel)[0][0]
    assert tally.sent == 6 and channel.taken.count("+12025550102") == 1 and channel.asked >= 1


def test_a_lost_answer_before_acceptance_is_sent_again(tmp_path) -> None:
    """Once the vendor says that it has nothing."""
    channel = Script({"+12025550102": ["lost-before", "ok"]})
    tally = deliver(tmp_path, channel)[0][0]
    assert tally.sent == 6 and channel.taken.count("+12025550102") == 1


def test_what_nobody_knows_stays_in_doubt_and_is_never_repeated(tmp_path) -> None:
    """Rather one missing than one twice."""
    channel = Script({"+12025550102": ["lost-after"], "blind": ["x"]})
    tallies, view = deliver(tmp_path, channel, times=2)
    assert tallies[0].unknown == 1 and tallies[1].unknown == 1
    assert channel.taken.count("+12025550102") == 1
    assert [e.state for e in view.effects if "p2" in e.key] == ["in_doubt"]


def test_an_opt_out_fails_for_good(tmp_path) -> None:
    """And is named, masked."""
    tally = deliver(tmp_path, Script({"+12025550103": ["no"]}))[0][0]
    assert tally.failed == 1 and "+12***03: opted out" in tally.failures


def test_a_text_that_names_a_time_is_found_after_a_crash_and_sent_once(tmp_path) -> None:
    """The text rendered after the crash is another;
    what is asked for is the one that left, through any number of crashes."""

    class Vendor(Script):
        """Keeps a list by number and text, as Twilio does; loses power at a chosen moment."""

        def __init__(self) -> None:
            super().__init__({})
            self.list, self.die, self.lose = [], True, False

        async def send(self, delivery: Delivery) -> Receipt:
            if not self.lose:
                self.list.append((delivery.address, delivery.message.body))
            if self.die:
                raise KeyboardInterrupt
            return Receipt("id")

        async def find(self, delivery: Delivery) -> Receipt | None:
            return Receipt("found") if (delivery.address, delivery.message.body) in self.list else None

    path = tmp_path / "run.db"
    EmbeddedStore().create(path, {})
    pack = load_pack([SHIPPED / "messages"])
    vendor = Vendor()

    async def process(minute: int):
        journal = EmbeddedStore().open(path, FakeClock())
        variables = {
            "org": {"name": "Corp", "hotline": "", "status_page": "", "signature": "IT"},
            "next_update": f"10:{minute} UTC",
            "now": "10:00 UTC",
            "since": "09:00 UTC",
            "domains": ["a.test"],
            "run": {"id": "r"},
        }
        courier = Courier(
            people(1),
            pack,
            {"sms": vendor},
            journal,
            FakeClock(),
            lambda extra: variables,
            paces={"sms": Pace(concurrency=1)},
        )
        try:
            return (await courier.deliver(Order("staff", "access-down", ("sms",)), "run/tell"))[0]
        except BaseException as error:
            return error
        finally:
            journal.close()

    def crash(minute: int) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(process(minute))

    vendor.lose = True
    crash(30)  # died before it was taken
    crash(31)  # not found; sent with the new text, died before it was taken again
    vendor.lose = False
    crash(32)  # taken, with the third text; died before the answer
    vendor.die = False
    tally = asyncio.run(process(33))
    assert tally.sent == 1 and len(vendor.list) == 1 and "10:32" in vendor.list[0][1]
    texts = [e.data["body"] for e in EmbeddedStore().view(path).events if e.kind == "text"]
    assert len(texts) == 4 and all(f"10:{m}" in t for m, t in zip((30, 31, 32, 33), texts, strict=True))


def test_a_channel_that_breaks_its_promise_is_one_message_in_doubt(tmp_path) -> None:
    """Nobody knows whether it was taken; the others get theirs, and it is never sent again blindly."""
    channel = Script({"+12025550102": ["fault"], "+12025550103": ["lost-before"], "blind": True})
    out, record = deliver(tmp_path, channel, times=2)
    assert (out[0].sent, out[0].unknown, out[0].failed) == (4, 2, 0)
    assert any("fault in script: ZeroDivisionError" in f for f in out[0].failures)
    assert channel.taken.count("+12025550102") == 0 and (out[1].already, out[1].unknown) == (4, 2)
    assert sum(e.state == "in_doubt" for e in record.effects) == 2


def test_half_a_character_in_a_receipt_is_written_down(tmp_path) -> None:
    """JSON can spell one; the journal cannot hold it."""
    channel = Script({"+12025550100": ["half"]})
    out, record = deliver(tmp_path, channel)
    assert out[0].sent == 6
    assert any((e.outcome or {}).get("receipt") == "id-\ufffd" for e in record.effects)
