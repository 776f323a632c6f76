"""Plug-ins that are wrong only when others come in between, when something fails, or the second time: each is caught by
its suite, in words that say what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from bcp.contracts.channel import ChannelPlugin, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.directory import DirectoryPlugin
from bcp.contracts.dns import Guard, MxSet, Permission, Proof, Sent, SentState, Writer
from bcp.contracts.engine import EnginePlugin
from bcp.contracts.hook import HookPlugin, Received
from bcp.contracts.probe import ProbePlugin, Result, Signal
from bcp.contracts.relay import MailFate, QueuedMail, RelayPlugin, RelayProbe
from bcp.kernel.errors import Invalid, Transient
from bcp.kit.http import Http, Reply
from bcp.plugins.engines.embedded import EmbeddedJournal, EmbeddedStore
from bcp.store.memory.state import MemoryAudit, MemoryLease, MemoryLeases, MemoryLock, MemoryPlans, MemoryRuns
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite
from bcp.testing.engine import EngineSuite
from bcp.testing.memory_dns import MemoryWriter
from bcp.testing.suite import Suite, failures

from .test_channel_suite import Beeper, BeeperSettings
from .test_channel_suite import Whole as WholeBeeper
from .test_dns import Memory
from .test_last_look import store_failures, with_parts
from .test_other_suites import (
    Bell,
    BellSettings,
    Book,
    BookSettings,
    Box,
    BoxSettings,
    Tap,
    TapSettings,
    WholeBell,
    WholeBook,
    WholeBox,
    WholeTap,
)


def example(name: str) -> Any:
    """A module of the authors' guide."""
    spec = importlib.util.spec_from_file_location(
        f"acme_{name}", ROOT / "docs" / "howto" / "example-plugin" / "acme_bcp" / f"{name}.py"
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


zone = example("zone")


def says(suite: type[Suite], promise: str, words: str) -> None:
    found = failures(suite, promise).get(promise, "it passed")
    assert re.search(words, found), found


# -- DNS: files ------------------------------------------------------------------------------------------------------


class Zones(DnsSuite):
    """The guide's host of files."""

    can_lose = can_throttle = can_fail = can_deny = False
    writer: Any = zone.Zone

    def make(self) -> Writer:
        made: Writer = self.writer("z", zone.ZoneSettings(folder=self.folder), FakeClock(), {})
        return made

    async def put(self, domain: str, mx: MxSet) -> None:
        (self.folder / f"{domain}.json").write_text(json.dumps(mx.to_data()))

    async def served(self, domain: str) -> MxSet | None:
        file = self.folder / f"{domain}.json"
        return MxSet.from_data(json.loads(file.read_text())) if file.exists() else None


class NoLock(zone.Zone):
    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        yield


class NoLockInThreads(NoLock):
    async def swap(self, orders: Any) -> list[Sent]:
        return await asyncio.to_thread(lambda: [self._swap(o) for o in orders])


class LockOfOneWriter(zone.Zone):
    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self.__dict__.setdefault("lock", threading.Lock()):
            yield


class DeletesFirst(zone.Zone):
    def _swap(self, order: Any) -> Sent:
        with self._alone():
            file = self._file(order.domain)
            if not order.old.same(self._read(order.domain).mx):
                return Sent(order.domain, SentState.STALE)
            file.unlink()
            file.write_text(json.dumps(order.new.to_data()))
        return Sent(order.domain, SentState.ACCEPTED)


class WritesInPlace(zone.Zone):
    def _swap(self, order: Any) -> Sent:
        with self._alone():
            if not order.old.same(self._read(order.domain).mx):
                return Sent(order.domain, SentState.STALE)
            self._file(order.domain).write_text(json.dumps(order.new.to_data()))
        return Sent(order.domain, SentState.ACCEPTED)


class ShowsBoth(zone.Zone):
    def _swap(self, order: Any) -> Sent:
        both = MxSet((*order.old.hosts, *order.new.hosts), order.new.ttl_s)
        sent: Sent = super()._swap(replace(order, new=both))
        return super()._swap(replace(order, old=both)) if sent.state is SentState.ACCEPTED else sent  # type: ignore[no-any-return]


class TouchesOthers(zone.Zone):
    def _swap(self, order: Any) -> Sent:
        for file in self.settings.folder.glob("*.json"):
            if file != self._file(order.domain):
                file.write_text(file.read_text().replace('"ttl_s": 1', '"ttl_s": 9'))
        return super()._swap(order)  # type: ignore[no-any-return]


class ProvesAndPutsBack(zone.Zone):
    async def prove(self, orders: Any) -> list[Proof]:
        for order in orders:
            kept = self._file(order.domain).read_text()
            super()._swap(order)
            self._file(order.domain).write_text(kept)
        return [Proof(o.domain, Permission.ALLOWED) for o in orders]


BETWEEN = "test_between_a_comparison_and_its_write_nobody_else_writes"
TWO = "two writers were told that each replaced|half of a record stood there"
EVER = "test_nobody_ever_sees_a_domain_without_mx"


@pytest.mark.parametrize(
    ("bad", "promise", "words"),
    [
        (NoLock, BETWEEN, TWO),
        (NoLockInThreads, BETWEEN, TWO),
        (LockOfOneWriter, BETWEEN, TWO),
        (DeletesFirst, EVER, "a look found no MX: it deletes first|half of a record"),
        (WritesInPlace, EVER, "half of a record stood there"),
        (ShowsBoth, EVER, "a look found 10 primary.* 10 relay.*, and it says it is atomic"),
        (TouchesOthers, "test_a_swap_replaces_the_whole_set_and_its_ttl", "two.test: there stood .* now"),
        (
            ProvesAndPutsBack,
            "test_a_proof_changes_nothing",
            "on the way of a proof there stands 10 relay|half of a record",
        ),
    ],
)
def test_a_host_of_files_is_caught(bad, promise, words) -> None:
    says(type("Bad", (Zones,), {"writer": bad}), promise, words)


@pytest.mark.parametrize("promise", [BETWEEN, EVER, "test_a_proof_changes_nothing"])
def test_a_host_of_files_with_a_lock_keeps_its_promises(promise) -> None:
    assert failures(Zones, promise) == {}


# -- DNS: an interface -----------------------------------------------------------------------------------------------


class RemovesInMemory(MemoryWriter):
    async def _swap(self, order: Any) -> Sent:
        if (no := self._no(order)) is not None:
            return no
        del self.provider.records[order.domain]
        self.provider.put(order.domain, order.new)
        return Sent(order.domain, SentState.ACCEPTED)


class IgnoresPreferences(MemoryWriter):
    def _stale(self, order: Any) -> bool:
        there = self.provider.records.get(order.domain)
        return there is None or {h.host for h in there.hosts} != {h.host for h in order.old.hosts}


class SendsAgainLater(MemoryWriter):
    async def _swap(self, order: Any) -> Sent:
        sent = await super()._swap(order)
        if sent.state is SentState.LOST:
            self.later = asyncio.ensure_future(self.again(order))
        return sent

    async def again(self, order: Any) -> None:
        await asyncio.sleep(0.001)
        self.provider.put(order.domain, order.new)


class ReadsOnce(MemoryWriter):
    def _read(self, domain: str) -> Any:
        known = self.__dict__.setdefault("known", {})
        return known.setdefault(domain, super()._read(domain))


@pytest.mark.parametrize(
    ("bad", "promise", "words"),
    [
        (RemovesInMemory, EVER, "a look found no MX: it deletes first"),
        (
            IgnoresPreferences,
            "test_what_somebody_changed_since_the_read_is_not_overwritten",
            "another preference: the host answers accepted",
        ),
        (SendsAgainLater, "test_a_lost_answer_is_lost_and_not_repeated", "5 changes instead of two"),
        (ReadsOnce, "test_a_reading_is_what_stands_there", "an old reading is told"),
    ],
)
def test_a_host_with_an_interface_is_caught(bad, promise, words) -> None:
    says(type("Bad", (Memory,), {"writer": bad, "guard": Guard.STRONG}), promise, words)


# -- relays, hooks, directories --------------------------------------------------------------------------------------


class SentWhenTaken(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return await super().fates(queue_ids) or [MailFate(q, "", "sent", "handed over") for q in queue_ids]


class DrainsAway(Box):
    async def drain(self, domains: Sequence[str]) -> str:
        (self.settings.folder / "queue").write_text("")
        return "gone"


class SkipsHalfLines(Box):
    def rows(self) -> list[Any]:
        out = []
        for line in (self.settings.folder / "queue").read_bytes().splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                out.append(self.row(json.loads(line)))
        if not out:
            raise Transient("no queue")
        return out


class KeepsFilesOpen(Box):
    kept: list[Any] = []

    async def queue(self) -> list[QueuedMail]:
        self.kept.append((self.settings.folder / "queue").open())
        return self.rows()


class NoDrain(Box):
    drain = None  # type: ignore[assignment]


class AcceptsUnasked(Box):
    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        return [RelayProbe("127.0.0.1:25", True)]


class SaysNothingOfAddresses(Box):
    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        return []


class ForgetsSenders(Box):
    def row(self, row: Any) -> QueuedMail:
        return replace(super().row(row), sender="")


class TakesABeginning(Bell):
    def signed(self, received: Received) -> bool | None:
        import hashlib
        import hmac

        key = self.settings.auth.hmac[0].reveal().encode()
        right, given = hmac.new(key, received.raw, hashlib.sha256).hexdigest(), received.headers.get("x-bell", "")
        return bool(given) and right.startswith(given)


class FirstSecretOnly(TakesABeginning):
    def signed(self, received: Received) -> bool | None:
        return len(received.headers.get("x-bell", "")) == 64 and super().signed(received)


class SilentlyNothing(Bell):
    def alerts(self, body: Any, received: Received) -> list[Any]:
        try:
            return super().alerts(body, received)
        except Invalid:
            return []


class OnceOnly(Bell):
    seen: set[str] = set()

    def alerts(self, body: Any, received: Received) -> list[Any]:
        found = [a for a in super().alerts(body, received) if a.identity not in self.seen]
        self.seen |= {a.identity for a in found}
        return found


class OtherNumbers(Book):
    async def changes(self, since: str = "") -> Any:
        found = await super().changes(since)
        return replace(found, people=tuple(replace(p, phone="+10000000000") for p in found.people))


class GoesElsewhere(Book):
    async def ask(self, path: str) -> Any:
        if not path.startswith("http"):
            return await super().ask(path)
        http = Http()
        try:
            await http.request("GET", path, headers={"Token": self.settings.token.reveal()}, timeout_s=1.0)
        finally:
            await http.close()
        raise Transient("no list there")


class NoHealth(Book):
    health = None  # type: ignore[assignment]


class NoNumbers(Book):
    async def changes(self, since: str = "") -> Any:
        found = await super().changes(since)
        return replace(found, people=tuple(Contact(p.id, p.name) for p in found.people))


def relay(made: Any) -> type[Suite]:
    return type("Bad", (WholeBox,), {"plugin": RelayPlugin(api=1, settings=BoxSettings, make=made)})


def hook(made: Any) -> type[Suite]:
    return type("Bad", (WholeBell,), {"plugin": HookPlugin(api=1, settings=BellSettings, make=made)})


def directory(made: Any, **more: Any) -> type[Suite]:
    return type("Bad", (WholeBook,), {"plugin": DirectoryPlugin(api=1, settings=BookSettings, make=made), **more})


# -- probes, channels, engines ---------------------------------------------------------------------------------------


class GoesOnWhenCancelled(Tap):
    async def look(self) -> Signal:
        try:
            return await super().look()
        except asyncio.CancelledError:
            return self.saw(Result.UNKNOWN, "cancelled", "we were cancelled")


class SawItOnce(Tap):
    async def look(self) -> Signal:
        if "first" not in self.__dict__:
            self.first = await super().look()
        return self.first


class LeavesTasks(Tap):
    async def look(self) -> Signal:
        self.__dict__.setdefault("tasks", []).append(asyncio.ensure_future(asyncio.Event().wait()))
        return await super().look()


class LeaksWhenItFails(Tap):
    kept: list[Any] = []

    async def read(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
        self.kept.append(writer)
        line = await reader.readuntil(b"\n")
        if line == b"water\n":
            self.kept.pop().close()
        return line


class WritesBelow(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        os.write(2, f"token {self.settings.token.reveal()}\n".encode())
        return await super().send(delivery)


class LogsForDebugging(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        logging.getLogger("beeper").debug("token %s", self.settings.token.reveal())
        return await super().send(delivery)


class TwiceTheSecondTime(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        if self.__dict__.setdefault("sent", []):
            await super().send(delivery)
        self.sent.append(delivery.key)
        return await super().send(delivery)


class FindsAnother(Beeper):
    async def find(self, delivery: Delivery) -> Receipt | None:
        found = self.read(await self.ask("GET"))
        return Receipt("1", "found") if found and found.get("keys") else None


class Cancels(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        raise asyncio.CancelledError


def probe(made: Any) -> type[Suite]:
    return type("Bad", (WholeTap,), {"plugin": ProbePlugin(api=1, settings=TapSettings, make=made)})


def channel(made: Any) -> type[Suite]:
    return type("Bad", (WholeBeeper,), {"plugin": ChannelPlugin(api=1, settings=BeeperSettings, make=made)})


def engine(**methods: Any) -> type[Suite]:
    """An engine whose journals differ from ours in this."""
    made = type("Journal", (EmbeddedJournal,), methods)
    store = type("Store", (EmbeddedStore,), {"open": lambda self, path, clock, *more: made(path, clock)})
    return type("Bad", (EngineSuite,), {"plugin": EnginePlugin(api=1, called="bad", make=store)})


async def drops_events(self: Any, signals: Any, events: Any = ()) -> None:
    await EmbeddedJournal.consume(self, signals)


async def all_effects(self: Any, prefix: str = "") -> Any:
    return await EmbeddedJournal.effects(self)


async def no_actor(self: Any, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
    await EmbeddedJournal.record(self, kind, step=step, **data)


class NeverDamaged(EmbeddedStore):
    def view(self, path: Path, *, effects: bool = True) -> Any:
        try:
            return replace(super().view(path, effects=effects), damage="")
        except ValueError:
            return None


class MakesWhatIsMissing(EmbeddedStore):
    def open(self, path: Path, clock: Any, *more: Any) -> Any:
        if not path.exists():
            self.create(path, {"plan": {}})
        return super().open(path, clock, *more)


def engine_of(store: Any) -> type[Suite]:
    return type("Bad", (EngineSuite,), {"plugin": EnginePlugin(api=1, called="bad", make=store)})


HELD = "test_what_it_holds_is_counted_once"
PROBED = "test_a_probe_is_an_answer_and_in_time"
WHOLE = "test_it_has_every_method_of_the_contract"
PROVED = "test_only_who_proves_itself_is_believed"
SECRET = "test_a_secret_shows_nowhere"
OPEN = "test_looks_leave_nothing_open"
TAKEN = "test_a_message_is_taken_once_and_has_a_receipt"
OTHERS: dict[str, tuple[type[Suite], str, str]] = {
    "a relay that says sent when it took it": (
        relay(SentWhenTaken), "test_what_is_still_held_has_not_ended", "just taken: it holds them all, and says",
    ),
    "a relay that loses mail when it is drained": (
        relay(DrainsAway), "test_draining_twice_does_no_harm", r"it held .* and afterwards \[\]",
    ),
    "a relay that skips half a line": (
        relay(SkipsHalfLines), "test_what_cannot_be_read_is_no_empty_queue", "half of a line after a whole one: taken",
    ),
    "a relay that keeps files open": (relay(KeepsFilesOpen), "test_asking_leaves_nothing_open", "5 more open files"),
    "a relay without drain": (relay(NoDrain), WHOLE, "NoDrain.drain: is missing"),
    "a relay that says that nobody accepts": (relay(AcceptsUnasked), PROBED, "nobody is there, and"),
    "a relay that says nothing of its addresses": (relay(SaysNothingOfAddresses), PROBED, "no line about any address"),
    "a relay that forgets senders": (relay(ForgetsSenders), HELD, "who sent them"),
    "a hook that takes the beginning of a signature": (
        hook(TakesABeginning), PROVED, "x-bell without its last character: it is believed",
    ),
    "a hook that knows one secret": (
        hook(FirstSecretOnly), "test_every_secret_that_is_valid_now_is_believed", "the second secret of hmac",
    ),
    "a hook that says nothing of a body that it does not know": (
        hook(SilentlyNothing), "test_any_json_is_understood_or_refused", r"bare 'x': neither refused nor an alert",
    ),
    "a directory that gives other numbers": (
        directory(OtherNumbers), "test_nobody_has_a_number_that_the_directory_did_not_give", r"Alice \+1000",
    ),
    "a directory that loses numbers": (
        directory(NoNumbers, phones={"Alice": "+12025550101"}), "test_people_are_read_whole", "the number is '.1202",
    ),
    "a directory that carries its token elsewhere": (
        directory(GoesElsewhere), "test_a_page_elsewhere_is_not_asked", "a link to another host was followed: GET",
    ),
    "a directory without health": (directory(NoHealth), WHOLE, "NoHealth.health: is missing"),
    "a directory that forgets somebody": (
        directory(Book, people=("Alice", "Bob", "Carol")), "test_people_are_read_whole", "not everybody",
    ),
    "a probe that goes on when it is cancelled": (
        probe(GoesOnWhenCancelled), "test_a_look_can_be_cancelled_at_once", "it swallows CancelledError",
    ),
    "a probe that looked once": (probe(SawItOnce), "test_each_look_is_a_new_one", "says that all is still well"),
    "a probe that leaves tasks": (probe(LeavesTasks), OPEN, "well: 12 more tasks that go on"),
    "a probe that leaks when it fails": (probe(LeaksWhenItFails), OPEN, "another answer: 12 more open files"),
    "a channel that writes past sys.stderr": (channel(WritesBelow), SECRET, "a secret shows"),
    "a channel that logs for debugging": (channel(LogsForDebugging), SECRET, "a secret shows"),
    "a channel that sends twice the second time": (channel(TwiceTheSecondTime), TAKEN, "2 requests for the second"),
    "a channel that finds another message": (
        channel(FindsAnother), "test_what_was_taken_is_found_and_what_was_not_is_not", "another message was never sent",
    ),
    "a channel that cancels": (channel(Cancels), TAKEN, "raised CancelledError, which would end the program"),
    "an engine without doubt": (engine(doubt=None), WHOLE, "doubt: is missing"),
    "an engine that drops what signals mean": (
        engine(consume=drops_events), "test_signals_arrive_in_order_and_once", "what they mean is not written",
    ),
    "an engine that tells all effects": (
        engine(effects=all_effects), "test_what_is_in_doubt_stays_so_until_it_is_settled", "asked for mx/, it tells",
    ),
    "an engine that forgets who": (engine(record=no_actor), "test_an_event_is_kept_as_it_was_told", "kept: "),
    "an engine that is never damaged": (
        engine_of(NeverDamaged), "test_what_somebody_altered_is_said", "it says that nothing is wrong",
    ),
    "an engine that makes what is missing": (
        engine_of(MakesWhatIsMissing), "test_what_is_no_journal_is_refused_in_words", "is opened as if it were",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_it_is_caught(what) -> None:
    """By the promise that it breaks."""
    says(*OTHERS[what])


def test_a_hook_that_says_a_thing_once_is_caught() -> None:
    """Whichever promise read its body first."""
    OnceOnly.seen.clear()
    bad = hook(OnceOnly)
    says(bad, "test_identities_are_stable", "a repeat has another identity|says nothing any more")
    says(bad, "test_identities_are_stable", "a body that was read before says nothing any more")


# -- stores ----------------------------------------------------------------------------------------------------------


def slowly() -> None:
    """It asks a file or a database: others have their turn, also on a machine that is busy."""
    threading.Event().wait(0.03)


class LooksThenTakes(MemoryLeases):
    def take(self, run: str, names: Any, *, parent: str = "", at: float = 0.0) -> MemoryLease:
        before = dict(self.rows)
        slowly()
        mine = MemoryLeases(self.runs, self.ended)
        mine.rows, mine._given, mine._begun = before, self._given, self._begun
        lease = mine.take(run, names, parent=parent, at=at)
        self.rows[run] = mine.rows[run]
        return MemoryLease(self, run, lease.names, lease.fence)


class LooksThenMarks(MemoryPlans):
    def mark_used(self, checksum: str, run_id: str, at: float) -> None:
        if not self.used_by(checksum):
            slowly()
            self._used.pop(checksum, None)
        super().mark_used(checksum, run_id, at)


class LocksForAll(MemoryRuns):
    def lock(self, run_id: str) -> MemoryLock:
        return MemoryLock(set(), run_id)


class OneForm(MemoryLeases):
    def take(self, run: str, names: Any, *, parent: str = "", at: float = 0.0) -> MemoryLease:
        return super().take(run, {n.replace("service:", "mx:") for n in names}, parent=parent, at=at)


class TellsAll(MemoryRuns):
    def tell(self, run_id: str, *more: Any) -> None:
        for run in list(self._runs):
            super().tell(run, *more)


class LastAnchor(MemoryAudit):
    def anchor(self, anchor: Any) -> None:
        self._anchors = {anchor.what: anchor}


STORES: dict[str, tuple[dict[str, Any], str, str]] = {
    "leases": (
        {"leases": LooksThenTakes},
        "test_of_many_that_take_a_target_at_once_one_has_it",
        "of 6 runs were given",
    ),
    "plans": (
        {"plans": LooksThenMarks},
        "test_of_many_that_use_an_id_or_a_plan_at_once_one_does",
        "of 6 used one plan",
    ),
    "locks": ({"runs": LocksForAll}, "test_a_lock_is_for_one", "two have the lock"),
    "forms": ({"leases": OneForm}, "test_other_targets_of_the_same_name_are_free", "service:a is refused"),
    "signals": ({"runs": TellsAll}, "test_runs_are_kept_apart", "told to the first, and heard"),
    "anchors": ({"audit": LastAnchor}, "test_anchors_are_read_back_the_last_of_each", "the last of each"),
}


@pytest.mark.parametrize("what", STORES)
def test_a_store_that_mixes_or_is_not_atomic_is_caught(what) -> None:
    parts, promise, words = STORES[what]

    def make(folder: Path) -> Any:
        runs = parts.get("runs", MemoryRuns)()
        made = {n: p(runs) if n == "leases" else p() for n, p in parts.items() if n != "runs"}
        return with_parts(**{"leases": MemoryLeases(runs), **made, "runs": runs})

    found = store_failures(make, lambda s: s, promise)
    assert re.search(words, found.get(promise, "it passed")), found


def test_what_was_overheard_is_printed_all_the_same(capfd) -> None:
    """What a program wrote to the real standard output is not swallowed."""
    from bcp.testing.suite import below

    heard: list[str] = []
    with below(heard):
        os.write(1, b"below\n")
    assert heard == ["below\n"] and "below" in capfd.readouterr().err
