"""Plug-ins that lie about what they did: each is caught by its suite, in words that say what is wrong."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bcp.contracts.channel import ChannelPlugin, Delivery, Receipt
from bcp.contracts.directory import Changes, DirectoryPlugin
from bcp.contracts.dns import Progress, Sent, SentState, Step, SwapOrder
from bcp.contracts.engine import EnginePlugin
from bcp.contracts.hook import HookPlugin, Received
from bcp.contracts.relay import QueuedMail, RelayPlugin
from bcp.contracts.store import RunQuery, State
from bcp.plugins.engines.embedded import EmbeddedJournal, EmbeddedStore
from bcp.store.memory.state import MemoryLease, MemoryLeases, MemoryRuns, MemoryState
from bcp.store.sqlite.state import SqliteState
from bcp.testing.engine import EngineSuite
from bcp.testing.memory_dns import MemoryWriter
from bcp.testing.store import StoreSuite
from bcp.testing.suite import Suite, failures

from .test_channel_suite import Beeper, BeeperSettings
from .test_channel_suite import Whole as WholeBeeper
from .test_dns import Memory
from .test_other_suites import Bell, BellSettings, Book, BookSettings, Box, BoxSettings, WholeBell, WholeBook, WholeBox


def words(suite: type[Suite]) -> str:
    """Everything that a suite has to say."""
    return "\n".join(f"{name}: {text}" for name, text in failures(suite).items())


def bad_channel(made: type[Beeper]) -> type[Suite]:
    return type("Bad", (WholeBeeper,), {"plugin": ChannelPlugin(api=1, settings=BeeperSettings, make=made)})


class SaysDelivered(Beeper):
    """It gives a receipt, and asks nobody."""

    async def send(self, delivery: Delivery) -> Receipt:
        return Receipt("delivered-1")


class SendsNothing(Beeper):
    """It speaks with the vendor, and leaves the message out."""

    def body(self, delivery: Delivery) -> str:
        return super().body(replace(delivery, message=replace(delivery.message, body="")))


class SendsToNobody(Beeper):
    """The message goes out, to whoever the vendor likes."""

    def body(self, delivery: Delivery) -> str:
        return super().body(replace(delivery, address="+1"))


class SecretInReceipt(Beeper):
    """The proof of who we are stands in what is kept."""

    async def send(self, delivery: Delivery) -> Receipt:
        found = await super().send(delivery)
        return Receipt(found.id, f"sent with {self.settings.token.reveal()}")


class SaysDoneTooEarly(MemoryWriter):
    """Accepted, done; and nothing is served."""

    async def _swap(self, order: SwapOrder) -> Sent:
        return self._no(order) or Sent(order.domain, SentState.ACCEPTED, change="change-1")

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        return [Progress(s.domain, Step.DONE) for s in sent]


class ReadsWhatItWrote(SaysDoneTooEarly):
    """... and its own readings show what it was told to write, as a cache would."""

    def _read(self, domain: str) -> Any:
        found, told = super()._read(domain), getattr(self, "told", {})
        return replace(found, mx=told[domain]) if domain in told else found

    async def _swap(self, order: SwapOrder) -> Sent:
        sent = await super()._swap(order)
        self.told = {**getattr(self, "told", {}), order.domain: order.new}
        return sent


class OldQueue(Box):
    """It tells the queue that it saw first, for ever."""

    async def queue(self) -> list[QueuedMail]:
        if not hasattr(self, "seen"):
            self.seen = await super().queue()
        return self.seen


class EmptyQueue(Box):
    """It holds mail and says that it holds none."""

    async def queue(self) -> list[QueuedMail]:
        await super().queue()
        return []


class NoProofNeeded(Bell):
    """Its own check of signatures says yes to everybody."""

    def signed(self, received: Received) -> bool | None:
        return True


class Twice(Book):
    """Somebody stands on two pages."""

    async def changes(self, since: str = "") -> Changes:
        found = await super().changes(since)
        return replace(found, people=(*found.people, *found.people[:1]))


class TwiceInAGroup(Book):
    """A member by two ways is asked twice."""

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        return {n: [*ids, *ids] for n, ids in (await super().members(groups)).items()}


class Unordered(EmbeddedStore):
    """Events come back in another order."""

    def view(self, path: Path, *, effects: bool = True) -> Any:
        found = super().view(path, effects=effects)
        return replace(found, events=tuple(reversed(found.events)))


class UnorderedSignals(EmbeddedStore):
    """What was told last is heard first."""

    def open(self, path: Path, clock: Any, *more: Any) -> Any:
        class Backwards(EmbeddedJournal):
            async def unread(self) -> list[Any]:
                return list(reversed(await super().unread()))

        return Backwards(path, clock)


def bad_dns(writer: type[MemoryWriter]) -> type[Suite]:
    return type("Bad", (Memory,), {"writer": writer, "seconds": 2.0})


LIARS = {
    "a channel that says delivered and asked nobody": (bad_channel(SaysDelivered), "0 requests for one message"),
    "a channel that leaves the message out": (bad_channel(SendsNothing), "the message is not in what was sent"),
    "a channel that sends to somebody else": (bad_channel(SendsToNobody), "whom it is for is not in what was sent"),
    "a channel whose receipt shows its secret": (bad_channel(SecretInReceipt), "a secret shows"),
    "a DNS host that says done before it is served": (bad_dns(SaysDoneTooEarly), "serve|stands|done"),
    "a DNS host that reads what it was told to write": (bad_dns(ReadsWhatItWrote), "serve|stands|done"),
    "a relay that tells its first queue for ever": (
        type("Bad", (WholeBox,), {"plugin": RelayPlugin(api=1, settings=BoxSettings, make=OldQueue)}),
        "an old queue is told",
    ),
    "a relay that says it holds nothing": (
        type("Bad", (WholeBox,), {"plugin": RelayPlugin(api=1, settings=BoxSettings, make=EmptyQueue)}), "lost",
    ),
    "a hook that believes everybody": (
        type("Bad", (WholeBell,), {"plugin": HookPlugin(api=1, settings=BellSettings, make=NoProofNeeded)}), "believed",
    ),
    "a directory that gives an id twice": (
        type("Bad", (WholeBook,), {"plugin": DirectoryPlugin(api=1, settings=BookSettings, make=Twice)}),
        "somebody stands twice",
    ),
    "a directory that gives a member twice": (
        type("Bad", (WholeBook,), {"plugin": DirectoryPlugin(api=1, settings=BookSettings, make=TwiceInAGroup)}),
        "on call",
    ),
    "an engine that forgets the order of events": (
        type("Bad", (EngineSuite,), {"plugin": EnginePlugin(api=1, called="bad", make=Unordered)}), "order|gaps",
    ),
    "an engine that forgets the order of signals": (
        type("Bad", (EngineSuite,), {"plugin": EnginePlugin(api=1, called="bad", make=UnorderedSignals)}),
        "This does not hold",
    ),
}  # fmt: skip


@pytest.mark.parametrize("liar", LIARS)
def test_who_lies_is_caught_in_words(liar) -> None:
    suite, says = LIARS[liar]
    found = words(suite)
    assert found, f"{liar} passes everything"
    assert re.search(says, found), found
    assert "Traceback" not in found and not re.search(r"AssertionError\n|AssertionError$", found), found


# -- stores ----------------------------------------------------------------------------------------------------------


class TwoHolders(MemoryLeases):
    """It lets anybody in."""

    def take(self, run: str, names: Collection[str], *, parent: str = "", at: float = 0.0) -> MemoryLease:
        return MemoryLease(self, run, frozenset(names), 1)


class LosesARow(MemoryRuns):
    """The oldest of a list is not there any more."""

    def cards(self, query: RunQuery) -> list[Any]:
        return super().cards(query)[:-1] or super().cards(query)


def store_failures(make: Any, again: Any, *only: str) -> dict[str, str]:
    """Every promise of the store suite (or only these), each in a folder of its own."""

    class Bad(StoreSuite):
        def make(self, folder: Path) -> State:
            return make(folder)

        def again(self, state: State) -> State:
            return again(state)

    out = {}
    for name in only or (n for n in dir(Bad) if n.startswith("test_")):
        with tempfile.TemporaryDirectory() as folder:
            try:
                getattr(Bad(), name)(Path(folder))
            except Exception as error:  # any failure is a finding here
                out[name] = f"{type(error).__name__}: {error}"
    return out


def with_parts(**parts: Any) -> MemoryState:
    state = MemoryState()
    for name, value in parts.items():
        setattr(state, name, value)
    return state


def reopened(folder: Path) -> SqliteState:
    """As it is after the newest run was lost."""
    state = SqliteState(folder)
    newest = state.runs.newest(1)
    if newest:
        state.runs.path(newest[0]).unlink()
    return state


def spoken(found: dict[str, str]) -> None:
    """Something is wrong, and every finding says what."""
    assert found and all(len(text.partition(": ")[2]) > 20 for text in found.values()), found


def test_a_store_that_lets_two_in_is_caught() -> None:
    def make(folder: Path) -> MemoryState:
        runs = MemoryRuns()
        return with_parts(runs=runs, leases=TwoHolders(runs))

    found = store_failures(make, lambda s: s)
    assert "test_overlapping_targets_never_side_by_side" in found, found
    spoken(found)


def test_a_store_that_loses_a_row_is_caught() -> None:
    def make(folder: Path) -> MemoryState:
        runs = LosesARow()
        return with_parts(runs=runs, leases=MemoryLeases(runs))

    spoken(store_failures(make, lambda s: s))


def test_a_store_that_loses_a_row_when_it_is_opened_again_is_caught() -> None:
    spoken(store_failures(lambda folder: SqliteState(folder / "state"), lambda s: reopened(s.folder)))


def test_a_good_store_keeps_every_promise() -> None:
    assert store_failures(lambda folder: MemoryState(), lambda s: s) == {}
