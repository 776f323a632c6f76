"""Plug-ins in other styles than ours keep every promise; and those that are wrong only for a second organisation, a
minute later, after a kill, or towards whoever calls them are caught, in words."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from bcp.contracts.channel import Delivery, Receipt
from bcp.contracts.directory import Changes
from bcp.contracts.dns import Sent, SwapOrder
from bcp.contracts.hook import Received
from bcp.contracts.probe import Signal
from bcp.contracts.relay import MailFate
from bcp.kit.http import Reply
from bcp.plugins.engines.embedded import EmbeddedJournal, EmbeddedStore
from bcp.store.memory.state import MemoryState
from bcp.testing.memory_dns import MemoryWriter
from bcp.testing.stuck import Stuck
from bcp.testing.suite import SECRET, Suite, failures
from bcp.testing.vendor import Answer, Asked

from .test_careless import dns
from .test_channel_suite import Beeper
from .test_dns import Memory
from .test_last_look import store_failures
from .test_other_suites import Bell, Book, Box, Tap
from .test_suites_bite import channel, directory, engine, engine_of, hook, probe, relay, says

# -- other styles ----------------------------------------------------------------------------------------------------


class Slots:
    """A relay without a ``__dict__``."""

    __slots__ = ("_box", "can_count", "mx", "name", "settings")

    def __init__(self, name: str, settings: Any) -> None:
        self._box = Box(name, settings)
        self.name, self.settings, self.mx, self.can_count = name, settings, settings.published(), True

    async def probe(self, domain: str, recipient: str) -> Any:
        return await self._box.probe(domain, recipient)

    async def queue(self) -> Any:
        return await self._box.queue()

    async def drain(self, domains: Sequence[str]) -> str:
        return await self._box.drain(domains)

    async def fates(self, queue_ids: Sequence[str]) -> Any:
        return await self._box.fates(queue_ids)


class Closures(Memory):
    """A DNS host whose methods are functions that an object was given."""

    def make(self, *, allowed: bool = True) -> Any:
        one = super().make(allowed=allowed)
        named = ("capabilities", "servers", "warm", "read", "swap", "progress", "prove", "close")
        return SimpleNamespace(**{n: getattr(one, n) for n in named})


@pytest.mark.parametrize(
    ("suite", "promises"),
    [
        (relay(Slots), ("test_a_secret_shows_nowhere", "test_it_has_every_method_of_the_contract")),
        (Closures, ("test_it_has_every_method_of_the_contract", "test_it_may_be_closed_twice_and_shows_no_secret")),
    ],
)
def test_another_style_is_no_fault(suite, promises) -> None:
    """Slots, and closures in place of a class."""
    assert failures(suite, *promises) == {}


# -- wrong for whoever calls ------------------------------------------------------------------------------------------


class EmptiesIds(Box):
    async def fates(self, queue_ids: Any) -> list[MailFate]:
        found = await super().fates(queue_ids)
        queue_ids.clear()
        return found


class EmptiesDomains(Box):
    async def drain(self, domains: Any) -> str:
        return f"asked for {domains.pop()}"


class FirstEnd(Box):
    known: ClassVar[dict[Any, MailFate]] = {}

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return [self.known.setdefault((f.queue_id, f.recipient), f) for f in await super().fates(queue_ids)]


class TakesLabels(Bell):
    def alerts(self, body: Any, received: Received) -> Any:
        found = super().alerts(body, received)
        body.pop("labels")
        return found


class ByTheMinute(Bell):
    def alerts(self, body: Any, received: Received) -> Any:
        found = super().alerts(body, received)
        return [type(a)(f"{a.identity}|{received.at // 60}", a.outage, a.firing, a.title) for a in found]


class OneKeyForAll(Bell):
    key: ClassVar[list[Any]] = []

    def __init__(self, name: str, settings: Any) -> None:
        if not self.key:
            type(self).key = [*settings.auth.hmac]
        keys = [*settings.auth.hmac, *self.key]
        super().__init__(name, settings.model_copy(update={"auth": settings.auth.model_copy(update={"hmac": keys})}))


CAUGHT = threading.Event()


class Seen(Stuck):
    """Whoever is stuck may go on once it was seen."""

    def look(self) -> None:
        super().look()
        if self.where:
            CAUGHT.set()


class Holds(Tap):
    async def look(self) -> Signal:
        for _ in range(20):
            if not CAUGHT.is_set():
                time.sleep(0.2)
        return await super().look()


class WaitsForAThread(Tap):
    async def look(self) -> Signal:
        CAUGHT.wait(5.0)
        return await super().look()


# -- channels and directories ------------------------------------------------------------------------------------------


class BelievesWords(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        found = self.read(reply)
        return Receipt(found["id"]) if isinstance(found, dict) and found.get("id") else super().judged(reply)


class KeepsFiles(Beeper):
    open: ClassVar[list[Any]] = []

    async def send(self, delivery: Delivery) -> Receipt:
        self.open.append(Path("/dev/null").open())
        return await super().send(delivery)


class FirstToken(Beeper):
    first: ClassVar[list[Any]] = []

    async def ask(self, method: str, data: str = "") -> Reply:
        self.first.append(self.settings.token)
        self.settings = self.settings.model_copy(update={"token": self.first[0]})
        return await super().ask(method, data)


class GroupsTaken(Book):
    async def members(self, groups: Any) -> Any:
        return {n: (await super(GroupsTaken, self).members({n: groups.pop(n)}))[n] for n in list(groups)}


class AThousand(Book):
    async def changes(self, since: str = "") -> Changes:
        found = await super().changes(since)
        return Changes(found.people[:1000], found.gone, found.since)


class KnowsTheFirst(Book):
    known: ClassVar[dict[str, Any]] = {}

    async def ask(self, path: str) -> Any:
        if path not in self.known:
            self.known[path] = await super().ask(path)
        return self.known[path]


class LogsAsking(Book):
    async def members(self, groups: Mapping[str, str]) -> Any:
        logging.getLogger(__name__).debug("asking with %s", self.settings.token.reveal())
        return await super().members(groups)


class IgnoresStatus(Book):
    async def ask(self, path: str) -> Any:
        try:
            return await super().ask(path)
        except Exception:
            if "page" in path:
                return {"rows": [{"id": "b", "name": "Bob"}], "next": None}
            raise


def crowd(self: Any, asked: Asked) -> Answer:
    return Answer(200, {"rows": [{"id": n, "name": n} for n in self.people], "next": None})


# -- DNS hosts, engines and stores -------------------------------------------------------------------------------------


class ShowsInAnswers(MemoryWriter):
    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        return [s._replace(message=f"by {SECRET}") for s in await super().swap(orders)]


class LogsReading(MemoryWriter):
    async def read(self, domains: Sequence[str]) -> Any:
        logging.getLogger(__name__).debug("GET https://bcp:%s@api.example", SECRET)
        return await super().read(domains)


class SortsOrders(MemoryWriter):
    async def prove(self, orders: Any) -> Any:
        found = await super().prove(orders)
        orders.sort(key=lambda o: o.domain)
        return found


def kept_in_memory() -> Any:
    """All is written when a journal is closed, and until then told from memory."""
    folder: dict[Path, EmbeddedStore] = {}

    class Store(EmbeddedStore):
        def open(self, path: Path, clock: Any, *more: Any) -> Any:
            there = path.with_suffix(".live")
            path.rename(there)
            path.touch()
            folder[path] = self
            journal = super().open(there, clock, *more)
            close, journal.close = journal.close, lambda: (close(), there.replace(path), folder.pop(path))  # type: ignore[method-assign]
            return journal

        def view(self, path: Path, *, effects: bool = True) -> Any:
            return super().view(path.with_suffix(".live") if path in folder else path, effects=effects)

    return Store


class ByTheSystemClock(EmbeddedStore):
    def view(self, path: Path, *, effects: bool = True) -> Any:
        found = super().view(path, effects=effects)
        late = [type(e)(e.key, e.step, e.state, path.stat().st_mtime, None, {}, None) for e in found.effects]
        return type(found)(found.run_id, found.meta, found.events, late, found.head, found.damage, found.unread)


async def adds_its_mark(self: Any, key: str, step: str, request: Any, **more: Any) -> Any:
    request["claimed"] = True
    return await EmbeddedJournal.claim(self, key, step, request, **more)


TOLD, LAST, SAME = "test_what_became_of_each_is_told_once_and_of_all", "test_the_last_end_counts", "it changes the"
STABLE, TWO = "test_identities_are_stable", "test_two_of_a_kind_are_kept_apart"
HIDES, TYPED = (
    "test_it_may_be_closed_twice_and_shows_no_secret",
    "test_it_answers_with_the_types_of_the_contract_in_the_order_asked",
)
OUTSIDE: dict[str, tuple[type[Suite], str, str]] = {
    "a relay that empties a list": (relay(EmptiesIds), TOLD, f"{SAME} list of queue ids"),
    "a relay that takes a domain": (relay(EmptiesDomains), "test_draining_twice_does_no_harm", f"{SAME} list of dom"),
    "a relay that knows the first end": (relay(FirstEnd), LAST, "its last end is sent, and it says .*bounced"),
    "a hook that takes labels": (hook(TakesLabels), STABLE, f"{SAME} body that it was handed"),
    "a hook that counts minutes": (hook(ByTheMinute), STABLE, "a repeat has another identity"),
    "a hook with one key": (hook(OneKeyForAll), "test_every_secret_that_is_valid_now_is_believed", "of another hook"),
    "a channel that believes words": (
        channel(BelievesWords), "test_outcomes_are_typed_and_nothing_is_repeated", "500, with the words of a yes: Rec",
    ),
    "a channel that keeps files": (channel(KeepsFiles), "test_sending_leaves_nothing_open", "well: 3 more open files"),
    "a channel with one token": (channel(FirstToken), TWO, "used with a secret of the first: POST"),
    "a directory that takes groups": (directory(GroupsTaken), "test_people_are_read_whole", "it changes what it was"),
    "a directory of a thousand": (
        directory(AThousand, many=1201, respond=crowd), "test_everybody_is_read_however_many_they_are", "201 of 1201",
    ),
    "a directory of the first tenant": (directory(KnowsTheFirst), TWO, "changes: the other tenant's: Changes"),
    "a directory that logs": (directory(LogsAsking), "test_a_secret_shows_nowhere", "a secret shows: 'asking with"),
    "a directory that knows better": (
        directory(IgnoresStatus), "test_half_of_the_people_are_nobody", "changes, 500, with people: 2 given",
    ),
    "a DNS host that shows its key": (dns(ShowsInAnswers), HIDES, "a secret shows: Sent"),
    "a DNS host that logs addresses": (dns(LogsReading), HIDES, "a secret shows: 'GET https"),
    "a DNS host that sorts": (dns(SortsOrders), TYPED, "it changes the orders that it was handed"),
    "an engine in memory": (
        engine_of(kept_in_memory()), "test_what_was_answered_outlives_the_process", "what was answered is not on disk",
    ),
    "an engine by the system's clock": (
        engine_of(ByTheSystemClock), "test_a_claim_is_on_disk_when_it_is_answered", "not by the clock that it was",
    ),
    "an engine that marks requests": (engine(claim=adds_its_mark), "test_what_it_was_handed_stays_as_it_is", "changes"),
}  # fmt: skip


@pytest.mark.parametrize("what", OUTSIDE)
def test_it_is_caught_from_outside(what) -> None:
    """By the promise that it breaks."""
    for shared in (FirstEnd.known, OneKeyForAll.key, FirstToken.first, KnowsTheFirst.known):
        shared.clear()
    try:
        says(*OUTSIDE[what])
    finally:
        while KeepsFiles.open:
            KeepsFiles.open.pop().close()


@pytest.mark.parametrize(("made", "place"), [(Holds, "test_from_outside"), (WaitsForAThread, "threading")])
def test_who_holds_the_event_loop_for_a_fifth_of_a_second_is_caught(made, place, monkeypatch) -> None:
    """Asleep, or waiting for a thread; and it is said where."""
    monkeypatch.setattr("bcp.testing.suite.Stuck", Seen)
    CAUGHT.clear()
    says(probe(made), "test_nobody_there_is_no_ok", rf"the event loop at {place}.py:\d+ \(a call that blocks\)")


def test_a_store_that_mixes_two_organisations_is_caught() -> None:
    """One table for all."""
    shared = MemoryState()
    promise = "test_two_organisations_are_kept_apart"
    found = store_failures(lambda folder: shared, lambda s: s, promise)
    assert re.search("is told of the first one's.*run-1", found.get(promise, "it passed")), found
    assert store_failures(lambda folder: MemoryState(), lambda s: s, promise) == {}
