"""Mistakes that a careless author makes: pieces of a secret, what is mixed up, left open, of a wrong type, not synced.
Each is caught by its suite, in words that say what is wrong."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bcp.contracts.channel import Delivery, Inbound, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.dns import Reading
from bcp.contracts.probe import Signal
from bcp.contracts.relay import QueuedMail
from bcp.store.sqlite.state import SqliteState
from bcp.testing.dns import DnsSuite
from bcp.testing.leaks import Synced
from bcp.testing.memory_dns import MemoryWriter
from bcp.testing.shape import fits, mistyped
from bcp.testing.suite import Suite
from bcp.testing.vendor import Answer, Asked

from .test_channel_suite import Beeper
from .test_dns import Memory
from .test_last_look import store_failures
from .test_other_suites import Book, Box, Tap
from .test_suites_bite import TAKEN, channel, directory, engine_of, probe, relay, says

MIXED: list[Delivery] = []


class LogsTheBeginning(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        logging.getLogger("beeper").warning("token %s...", self.settings.token.reveal()[:9])
        return await super().send(delivery)


class PercentDigits(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        print("".join(f"%{c:02X}" for c in self.settings.token.reveal().encode()))
        return await super().send(delivery)


class SendsTheFirstToAll(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        MIXED.append(delivery)
        return await super().send(MIXED[0])


class OneReceipt(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        await super().send(delivery)
        return Receipt("sent")


class NaiveAnswers(Beeper):
    async def answers(self, since: float) -> list[Inbound]:
        return [Inbound("+12025550101", "yes", datetime(2026, 1, 1))]  # type: ignore[arg-type]


class ReportsAWord(Beeper):
    async def reports(self, since: float) -> dict[str, tuple[str, str]]:
        return {"1": "delivered"}  # type: ignore[dict-item]


class NaiveArrival(Box):
    async def queue(self) -> list[QueuedMail]:
        return [replace(m, arrived=datetime.fromtimestamp(m.arrived)) for m in await super().queue()]


class DrainsAtOnce(Box):
    def drain(self, domains: Any) -> Any:
        return "it delivers"


class SaysTrue(Tap):
    async def look(self) -> Any:
        return True


class NaiveLook(Tap):
    async def look(self) -> Signal:
        return replace(await super().look(), at=datetime(2026, 1, 1))


class KeepsOpen(Book):
    async def ask(self, path: str) -> Any:
        vars(self).setdefault("kept", []).append(open("/dev/null"))
        return await super().ask(path)


class GoneAsObjects(Book):
    async def changes(self, since: str = "") -> Any:
        found = await super().changes(since)
        return replace(found, gone=tuple({"id": g} for g in found.gone))


class OpensToRead(MemoryWriter):
    async def read(self, domains: Any) -> list[Reading]:
        vars(self).setdefault("kept", []).append(open("/dev/null"))
        return await super().read(domains)


class NeverCloses(MemoryWriter):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.file = open("/dev/null")


class NaiveSerial(MemoryWriter):
    async def read(self, domains: Any) -> list[Reading]:
        return [replace(r, serial="2026112901") for r in await super().read(domains)]


def dns(made: Any) -> type[DnsSuite]:
    return type("Bad", (Memory,), {"writer": made})


class Lines:
    """A journal that writes lines, and believes that a file that is closed is on disk."""

    suffix = ".lines"

    def create(self, path: Path, meta: Any) -> None:
        path.write_text("made\n")

    def open(self, path: Path, clock: Any) -> Any:
        self.path = path
        return self

    async def record(self, kind: str, *more: Any, **data: Any) -> None:
        with self.path.open("a") as file:
            file.write(f"{kind}\n")

    claim = settle = record

    def close(self) -> None:
        pass


class Numbered:
    """A vendor that gives each message a number."""

    def respond(self: Any, asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(200, {"id": str(len(self.taken))})
        return Answer(200, {"keys": [t.json()["key"] for t in self.taken]})


def numbered(made: Any) -> type[Suite]:
    return type("Bad", (Numbered, channel(made)), {})


ANSWERS, READ, CLOSED = (
    "test_what_people_sent_back_is_asked_without_harm", "test_people_are_read_whole", "test_work_leaves_nothing_open",
)  # fmt: skip
CARELESS: dict[str, tuple[type[Suite], str, str]] = {
    "the beginning of a secret": (channel(LogsTheBeginning), TAKEN, "a secret shows: 'token s3cret-ne"),
    "a secret in percent digits": (channel(PercentDigits), TAKEN, "a secret shows: '%73"),
    "the first message to all": (channel(SendsTheFirstToAll), TAKEN, "the message and whom it is for is not in what"),
    "one receipt for two messages": (numbered(OneReceipt), TAKEN, "two messages have one receipt, 'sent'"),
    "answers with a naive date": (channel(NaiveAnswers), ANSWERS, "at of a Inbound is datetime.* is no float"),
    "reports that are words": (channel(ReportsAWord), ANSWERS, "a report is an id with a status and an error code"),
    "a queue with naive dates": (
        relay(NaiveArrival), "test_what_it_holds_is_counted_once", "arrived of a QueuedMail is datetime",
    ),
    "a drain that is no coroutine": (
        relay(DrainsAtOnce), "test_draining_twice_does_no_harm", "write it with async def",
    ),
    "a look that is a bool": (probe(SaysTrue), "test_each_look_is_a_new_one", "no signal, but True"),
    "a look with a naive date": (probe(NaiveLook), "test_nobody_there_is_no_ok", "at of a Signal is datetime"),
    "a directory that keeps files open": (
        directory(KeepsOpen), "test_asking_leaves_nothing_open", r"changes: \d+ more open files",
    ),
    "people gone as objects": (directory(GoneAsObjects), "test_changes_are_changes", "gone of a Changes is"),
    "a DNS host that opens to read": (dns(OpensToRead), CLOSED, "reading: 6 more open files"),
    "a DNS host that never closes": (dns(NeverCloses), CLOSED, "making one, reading and closing it: 6 more"),
    "a serial that is a text": (
        dns(NaiveSerial), "test_it_answers_with_the_types_of_the_contract_in_the_order_asked", "read: serial of a Read",
    ),
    "an engine that does not sync": (
        engine_of(Lines), "test_what_is_answered_is_synced", "never synced",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CARELESS)
def test_a_careless_author_is_told(what) -> None:
    """By the promise that was broken."""
    MIXED.clear()
    says(*CARELESS[what])


@pytest.mark.parametrize(("how", "unsafe"), [("never", "x"), ("fsync", ""), ("dsync", ""), ("untouched", "")])
def test_what_is_written_and_not_synced_is_named(tmp_path, how, unsafe) -> None:
    """A sync of whichever kind is one."""

    async def work() -> None:
        if how == "untouched":
            return
        handle = os.open(tmp_path / "x", os.O_CREAT | os.O_WRONLY | (os.O_DSYNC if how == "dsync" else 0))
        with os.fdopen(handle, "wb", buffering=0) as file:
            file.write(b"1")
            if how == "fsync":
                os.fsync(file.fileno())

    suite = Suite()
    with Synced(tmp_path) as found:
        suite.run(work())
    assert found.unsafe == unsafe


def test_a_store_that_says_nothing_of_damage_is_caught() -> None:
    """Altered in its file, and ``damage`` finds nothing."""

    def blind(folder: Path) -> Any:
        state = SqliteState(folder)
        state.runs.damage = lambda run_id: ""  # type: ignore[method-assign]
        return state

    promise = "test_what_somebody_altered_is_said"
    found = store_failures(lambda f: blind(f / "state"), lambda s: blind(s.folder), promise)
    assert re.search("damage.. says nothing", found.get(promise, "it passed")), found
    assert not store_failures(lambda f: SqliteState(f / "state"), lambda s: SqliteState(s.folder), promise)


@pytest.mark.parametrize(
    ("value", "kind", "right"),
    [
        (1, float, True), (True, float, False), (1.0, int, False), ("x", str, True), ((), tuple[str, ...], True),
        (["a"], tuple[str, ...], True), ("a", tuple[str, ...], False), ((1,), tuple[str, ...], False),
        (("a", "b"), tuple[str, str], True), (("a",), tuple[str, str], False), (None, str | None, True),
        ({"a": "b"}, Mapping[str, str], True), ({1: "b"}, Mapping[str, str], False), (object(), Any, True),
    ],
)  # fmt: skip
def test_a_value_is_of_its_type(value, kind, right) -> None:
    """As the contract writes it; what cannot be told is well."""
    assert fits(value, kind) is right


def test_the_field_is_named() -> None:
    """With what stands there."""
    assert mistyped(Contact("a")) == ""
    assert mistyped(replace(Contact("a"), phone=49)) == "phone of a Contact is 49, which is no str"
